"""Expiry: sockets whose token runs out.

Owns one heap and one timer for all sockets. Sixty seconds before the end the client is told; if it has not brought a
newer token 25 seconds after the end, the engine is closed and its next CONNECT decides.
"""

from __future__ import annotations

import asyncio
import heapq
import weakref
from itertools import count
from typing import Final

import msgspec

from madang.clock import Clock, to_iso
from madang.contract.server_events import AuthExpiring
from madang.gateway.connection import Connection
from madang.gateway.packets import one_event

__all__ = ["Expiry"]

WARN_MS: Final = 60_000
LINGER_MS: Final = 25_000
TICK_SECONDS: Final = 1.0


class Expiry:
    """Warns and closes. Keeps no socket alive; what ended or was refreshed is dropped when its time comes."""

    def __init__(self, clock: Clock, *, warn_ms: int = WARN_MS, linger_ms: int = LINGER_MS) -> None:
        self._clock = clock
        self._warn_ms = warn_ms
        self._linger_ms = linger_ms
        self._due: list[tuple[int, int, int, weakref.ref[Connection]]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, connection: Connection) -> None:
        """Follow the token the connection has now."""
        expires_at = connection.identity.expires_at_ms
        if expires_at is not None:
            self._push(expires_at - self._warn_ms, expires_at, connection)

    def start(self) -> None:
        """Begin to look, once a second."""
        self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _push(self, at: int, expires_at: int, connection: Connection) -> None:
        heapq.heappush(self._due, (at, next(self._order), expires_at, weakref.ref(connection)))

    def _tick(self) -> None:
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            _, _, expires_at, place = heapq.heappop(self._due)
            connection = place()
            if connection is None or connection.ended or connection.identity.expires_at_ms != expires_at:
                continue
            if now >= expires_at + self._linger_ms:
                connection.socket.close_engine(1012, "the token has expired")
            else:
                if now < expires_at:
                    warning = AuthExpiring(expires_at=to_iso(expires_at))
                    connection.socket.send(one_event("auth:expiring", msgspec.json.encode(warning)))
                self._push(expires_at + self._linger_ms, expires_at, connection)
        self.start()
