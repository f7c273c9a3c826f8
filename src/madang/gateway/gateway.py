"""The gateway: the life of a socket from CONNECT to its end.

Owns admitting (wait for a turn, authenticate, then hear revocations, then ask once more), forgetting, and draining. Must
never hold a rule of chat: those are in the services and the log.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from madang.contract.server_events import ServerClosing
from madang.errors import ErrorCode, MadangError
from madang.gateway.arrivals import Arrivals
from madang.gateway.authenticate import Authenticate, turned_away
from madang.gateway.connection import Connection, Connections
from madang.gateway.expiry import Expiry
from madang.gateway.packets import one_event
from madang.ports.bus import Bus, user_channel
from madang.services.presence import PresenceService
from madang.socketio import Socket

__all__ = ["Gateway"]

DRAIN_SLICE: Final = 200
"""Sockets told and closed in one go while draining."""
DRAIN_SECONDS: Final = 3.0
"""Over how long draining is spread, at most."""
SLICE_SECONDS: Final = 0.25
"""Between two slices, if there are few."""
RETRY_MS: Final = (500, 2_500)
"""What people are told to wait, each something in between."""


class Gateway:
    """Admits sockets and lets them go.

    Args:
        endings: told of every connection that has ended, in this order.
    """

    def __init__(
        self,
        *,
        connections: Connections,
        arrivals: Arrivals,
        authenticate: Authenticate,
        expiry: Expiry,
        presence: PresenceService,
        bus: Bus,
        endings: Sequence[Callable[[Connection], None]],
    ) -> None:
        self._connections = connections
        self._arrivals = arrivals
        self._authenticate = authenticate
        self._expiry = expiry
        self._presence = presence
        self._bus = bus
        self._endings = endings

    async def admit(self, socket: Socket, auth: dict[str, Any]) -> None:
        """The namespace's middleware: on return the socket may speak.

        Raises:
            ConnectionRefused: with the code of the table in `data.error`; the client stays away until it has a token.
            ConnectionPostponed: trouble that passes; the engine is closed, so that the client comes back by itself.
        """
        async with self._arrivals.turn():
            await self._admit(socket, auth)

    async def _admit(self, socket: Socket, auth: dict[str, Any]) -> None:
        identity = await self._authenticate.identify(socket, auth)
        connection = Connection(socket, identity)
        self._connections.add(connection)
        socket.data = connection
        try:
            await self._bus.subscribe([user_channel(identity.user_id)])
            # a revocation between the first question and the subscription was not heard
            await self._authenticate.confirm(identity)
            if connection.revoked:
                raise turned_away(MadangError(ErrorCode.TOKEN_INVALID, "the session has ended"))
        except BaseException:  # also cancelled, when the engine closes meanwhile: nobody tells us of that again
            self.ended(socket)
            raise
        self._expiry.watch(connection)
        # on return the engine lets the socket in, unless it has closed meanwhile: nobody tells us of that either
        asyncio.get_running_loop().call_soon(self._ended_unless_let_in, socket)

    def ended(self, socket: Socket, _reason: object = None) -> None:
        """The socket has gone, for whatever reason. Safe to call twice, and for one that was never admitted."""
        connection = socket.data
        if not isinstance(connection, Connection) or connection.ended:
            return
        connection.ended = True
        self._connections.remove(connection)
        self._bus.unsubscribe([user_channel(connection.user_id)])
        for ending in self._endings:
            ending(connection)
        if connection.started:
            self._presence.leave(connection.user_id, socket.id)

    def _ended_unless_let_in(self, socket: Socket) -> None:
        if not socket.connected:
            self.ended(socket)

    async def drain(self) -> None:
        """Send everybody away in slices, so that they do not all come back in one moment. Safe to cancel."""
        leaving = list(self._connections)
        pause = DRAIN_SECONDS / max(1, len(leaving) // DRAIN_SLICE)
        for start in range(0, len(leaving), DRAIN_SLICE):
            if start:
                await asyncio.sleep(min(SLICE_SECONDS, pause))
            for connection in leaving[start : start + DRAIN_SLICE]:
                wait = random.randint(*RETRY_MS)  # noqa: S311  # spreads load, guards nothing
                closing = ServerClosing(retry_after_ms=wait)
                connection.socket.send(one_event("server:closing", msgspec.json.encode(closing)))
                connection.socket.close_engine(1012, "the server is restarting")
