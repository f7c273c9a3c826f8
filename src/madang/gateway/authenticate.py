"""Authenticate: who stands behind a CONNECT.

Owns taking the token from where it may be: `auth.token`, or the session cookie of the same origin. Must never take one
from the query string, where it would end up in logs. The Origin has been checked before a session existed.
"""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any

from madang.contract.rest import SESSION_COOKIE
from madang.errors import ErrorCode, MadangError
from madang.services.identity import Identity, IdentityService
from madang.socketio import ConnectionPostponed, ConnectionRefused, Handshake, Socket

__all__ = ["Authenticate", "turned_away"]


class Authenticate:
    """Turns a CONNECT into an identity.

    Args:
        is_own_page: whether a page of this Origin, on a request with this Host, is the server's own.
    """

    def __init__(self, identities: IdentityService, *, is_own_page: Callable[[str, str], bool]) -> None:
        self._identities = identities
        self._is_own_page = is_own_page

    async def identify(self, socket: Socket, auth: dict[str, Any]) -> Identity:
        """Who connects.

        Raises:
            ConnectionRefused: the client must get another token first; it does not come back by itself.
            ConnectionPostponed: trouble that passes; the engine is closed, and the client comes back by itself.
        """
        try:
            return await self._identities.authenticate(self._token(socket.handshake, auth))
        except MadangError as error:
            raise turned_away(error) from None

    async def confirm(self, identity: Identity) -> None:
        """Ask again, now that revocations are heard. Raises as `identify`."""
        try:
            await self._identities.confirm(identity)
        except MadangError as error:
            raise turned_away(error) from None

    async def renew(self, token: str) -> Identity:
        """Who a newer token speaks of. Raises `MadangError`."""
        return await self._identities.authenticate(token)

    def _token(self, handshake: Handshake, auth: dict[str, Any]) -> str:
        token = auth.get("token")
        if isinstance(token, str) and token:
            return token
        if token is not None:
            raise MadangError(ErrorCode.TOKEN_INVALID, "auth.token must be text")
        cookie = handshake.headers.get("cookie")
        if cookie and self._same_origin(handshake):
            try:
                morsel = SimpleCookie(cookie).get(SESSION_COOKIE)
            except CookieError:
                morsel = None
            if morsel is not None and morsel.value:
                return morsel.value
        raise MadangError(ErrorCode.TOKEN_INVALID, "bring auth.token, or sign in on this page first")

    def _same_origin(self, handshake: Handshake) -> bool:
        """Cookies count only for pages of this server: a foreign page's requests carry them too."""
        origin = handshake.headers.get("origin")
        return origin is None or self._is_own_page(origin, handshake.headers.get("host", ""))


def turned_away(error: MadangError) -> ConnectionRefused | ConnectionPostponed:
    """An error as the end of a CONNECT: stay away with `{message, data: {error, reason}}`, or come back later."""
    if error.kind.retryable:
        return ConnectionPostponed(error.reason)
    return ConnectionRefused(error.reason, {"error": str(error.code), "reason": error.reason})
