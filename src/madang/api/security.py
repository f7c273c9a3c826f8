"""The one place where a request is let in or refused.

Owns authentication of HTTP requests, the defence against requests other sites make in somebody's name, and the rule that
every route says who may call it. Handlers behind it never look at a header to decide who somebody is.

Invariants:
1. A route without a policy stops the start.
2. A token in `Authorization` decides alone; the cookie counts only without one.
3. A cookie counts only on requests of our own page: an `Origin`, if there is one, must be ours, and whatever is not a
   plain read needs both it and the header `X-Madang-CSRF: 1`, which no other site can send without being asked first.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute

from madang.api.client_address import ClientAddresses
from madang.api.origins import Origins
from madang.contract.rest import SESSION_COOKIE
from madang.errors import ErrorCode, MadangError
from madang.services.identity import Identity, IdentityService

__all__ = ["Policy", "RequestSecurity", "check_policies"]

CSRF_HEADER: Final = "x-madang-csrf"
_READS: Final = frozenset(("GET", "HEAD", "OPTIONS"))

Connection = ASGIConnection[Any, Any, Any, Any]


class Policy(StrEnum):
    """Who may call a route; stands at the route as `policy=`."""

    PUBLIC = "public"
    """Everybody. The call looks after itself."""
    SIGNED_IN = "signed_in"
    """People with an access token or our own page with its cookie."""
    OPERATOR = "operator"
    """This machine itself, or whoever has the key of the API."""


class RequestSecurity:
    """Lets requests in.

    Args:
        api_key: `MADANG_API_KEY`; empty: there is none.
    """

    def __init__(
        self, identities: IdentityService, origins: Origins, addresses: ClientAddresses, *, api_key: str
    ) -> None:
        self._identities = identities
        self._origins = origins
        self._addresses = addresses
        self._api_key = api_key

    async def guard(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Let a request reach its handler, or raise a `MadangError`; sets `request.user` to the `Identity`."""
        policy = handler.opt.get("policy")
        match policy:
            case Policy.SIGNED_IN:
                connection.scope["user"] = await self.identify(connection)
            case Policy.OPERATOR:
                self._operator(connection)
            case Policy.PUBLIC:
                return
            case _ if _answers_options_only(handler):
                return  # the framework's own list of methods
            case _:
                raise MadangError(ErrorCode.FORBIDDEN, "this call has no policy")

    async def identify(self, connection: Connection) -> Identity:
        """Who makes a request.

        Raises:
            MadangError: `unauthenticated`, `token_expired`, `token_invalid`, `user_disabled`, `try_again`; `forbidden`
                for a cookie that another site's page brings.
        """
        token = _bearer(connection)
        if token is None:
            token = connection.cookies.get(SESSION_COOKIE)
            if not token:
                raise MadangError(ErrorCode.UNAUTHENTICATED, "sign in, and send the access token as bearer or cookie")
            self.check_own_page(connection)
        return await self._identities.authenticate(token)

    def check_own_page(self, connection: Connection) -> None:
        """Before anything is done on the strength of a cookie. Raises `MadangError(forbidden)`."""
        origin = connection.headers.get("origin")
        is_own = origin is not None and self._origins.is_own(origin, connection.headers.get("host", ""))
        if origin is not None and not is_own:
            raise MadangError(ErrorCode.FORBIDDEN, "cookies count only on our own page; other pages use a token")
        if connection.scope.get("method") in _READS:
            return
        if not is_own or connection.headers.get(CSRF_HEADER) != "1":
            raise MadangError(ErrorCode.FORBIDDEN, "writes with a cookie need our own Origin and X-Madang-CSRF: 1")

    def _operator(self, connection: Connection) -> None:
        token = _bearer(connection)
        if token is not None and self._api_key and hmac.compare_digest(token.encode(), self._api_key.encode()):
            return
        if token is None and self._addresses.is_local(connection.scope):
            return
        raise MadangError(ErrorCode.FORBIDDEN, "only from this machine, or with the key of the API as bearer")


def check_policies(routes: Iterable[BaseRoute]) -> None:
    """Every route says who may call it.

    Raises:
        ValueError: one does not; the server must not start.
    """
    for route in routes:
        if not isinstance(route, HTTPRoute):
            raise ValueError(  # noqa: TRY004  # a mistake of ours in a table, not of a caller's type
                f"{route.path} is not a plain HTTP route and would pass unguarded"
            )
        for handler in route.route_handlers:
            if not isinstance(handler.opt.get("policy"), Policy) and not _answers_options_only(handler):
                raise ValueError(f"{route.path} ({', '.join(sorted(handler.http_methods))}) declares no policy")


def _answers_options_only(handler: BaseRouteHandler) -> bool:
    return isinstance(handler, HTTPRouteHandler) and handler.http_methods == {"OPTIONS"}


def _bearer(connection: Connection) -> str | None:
    """The token of the header `Authorization`; None without the header.

    Raises:
        MadangError: `unauthenticated` for another scheme: falling back to the cookie would guess what was meant.
    """
    header = connection.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise MadangError(ErrorCode.UNAUTHENTICATED, "Authorization must be: Bearer and an access token")
    return token.strip()
