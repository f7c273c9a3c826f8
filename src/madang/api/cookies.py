"""Session cookies: how a browser stays signed in without its scripts ever holding a token that lasts.

Owns the two cookies and their attributes. `madang_session` holds the access token and goes with every request;
`madang_refresh` holds the refresh token and goes only to the calls of auth. Both last as long as the session, so that an
expired access token is answered with `token_expired` and the page knows that refreshing is worth a try.
"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response
from litestar.datastructures import Cookie
from msgspec import UNSET

from madang.api.client_address import is_loopback
from madang.api.origins import Origins
from madang.clock import Clock, to_iso
from madang.contract.rest import REFRESH_COOKIE, SESSION_COOKIE, SignedIn
from madang.errors import ErrorCode, MadangError
from madang.services.sessions import SignIn

__all__ = ["SessionCookies"]


class SessionCookies:
    """Sets and clears the cookies.

    Args:
        prefix: path in front of everything, without a slash at its end; empty: none.
    """

    def __init__(self, prefix: str, origins: Origins, clock: Clock) -> None:
        self._session_path = prefix or "/"
        self._refresh_path = f"{prefix}/api/auth"
        self._origins = origins
        self._clock = clock

    def check(self, request: Request[Any, Any, Any], *, wanted: bool) -> None:
        """Refuse cookies to another site's page, which could otherwise sign its visitors in as somebody else.

        Raises:
            MadangError: `forbidden`.
        """
        origin = request.headers.get("origin")
        if wanted and origin is not None and not self._origins.is_own(origin, request.headers.get("host", "")):
            raise MadangError(ErrorCode.FORBIDDEN, "cookies are for our own page: ask with cookies: false")

    def signed_in(
        self, request: Request[Any, Any, Any], sign_in: SignIn, *, cookies: bool, status_code: int
    ) -> Response[SignedIn]:
        """The answer to whoever signed in: tokens as cookies, or in the body."""
        body = SignedIn(
            user=sign_in.account.user,
            access_token=sign_in.access.text,
            expires_at=to_iso(sign_in.access.expires_at),
            refresh_token=UNSET if cookies else sign_in.refresh_token,
            administrator=sign_in.account.administrator,
        )
        jar: list[Cookie] = []
        if cookies:
            seconds = max(0, (sign_in.refresh_expires_at - self._clock.now()) // 1_000)
            jar = self._pair(request, sign_in.access.text, sign_in.refresh_token, seconds)
        return Response(body, status_code=status_code, cookies=jar)

    def signed_out(self, request: Request[Any, Any, Any]) -> Response[None]:
        """The answer to whoever signed out: nothing, and both cookies gone."""
        return Response(None, status_code=204, cookies=self._pair(request, "", "", 0))

    def _pair(self, request: Request[Any, Any, Any], session: str, refresh: str, seconds: int) -> list[Cookie]:
        secure = not self._on_loopback(request)
        return [
            Cookie(key=key, value=value, path=path, max_age=seconds, httponly=True, samesite="lax", secure=secure)
            for key, value, path in (
                (SESSION_COOKIE, session, self._session_path),
                (REFRESH_COOKIE, refresh, self._refresh_path),
            )
        ]

    def _on_loopback(self, request: Request[Any, Any, Any]) -> bool:
        """Whether people reach this server on their own machine, where there is no TLS and none is needed."""
        host = self._origins.public_host or request.headers.get("host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        return name == "localhost" or name.endswith(".localhost") or is_loopback(name)
