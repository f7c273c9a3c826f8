"""Expiry: sockets whose token runs out.

Owns one heap and one timer for all sockets. Sixty seconds before the end the client is told; if it has not brought a
newer token 25 seconds after the end, the engine is closed and its next CONNECT decides.

Invariants:
1. A connection has one place in the heap, however often it brings a token; one that ends sooner adds another.
2. One turn of the loop spends at most `TURN_SECONDS` here: ten thousand tokens may end in the same second.
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
TURN_SECONDS: Final = 0.005


class Expiry:
    """Warns and closes. Keeps no socket alive; what ended is dropped when its time comes."""

    def __init__(self, clock: Clock, *, tick_seconds: float = TICK_SECONDS) -> None:
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._due: list[tuple[int, int, weakref.ref[Connection]]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Places in the heap."""
        return len(self._due)

    def watch(self, connection: Connection) -> None:
        """Follow the token the connection has now."""
        expires_at = connection.identity.expires_at_ms
        if expires_at is not None and connection.warned_of != expires_at:
            self._look_at(expires_at - WARN_MS, connection)

    def start(self) -> None:
        """Begin to look, once a second."""
        self._look_again(self._tick_seconds)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look_again(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._tick)

    def _look_at(self, at: int, connection: Connection) -> None:
        if connection.expiry_due is None or at < connection.expiry_due:
            connection.expiry_due = at
            heapq.heappush(self._due, (at, next(self._order), weakref.ref(connection)))

    def _tick(self) -> None:
        now = self._clock.now()
        turn_ends = self._clock.monotonic() + TURN_SECONDS
        busy = False
        try:
            while self._due and self._due[0][0] <= now and not busy:
                at, _, place = heapq.heappop(self._due)
                connection = place()
                if connection is not None and not connection.ended and connection.expiry_due == at:
                    connection.expiry_due = None
                    self._judge(connection, now)
                busy = self._clock.monotonic() > turn_ends
        finally:
            self._look_again(0 if busy else self._tick_seconds)

    def _judge(self, connection: Connection, now: int) -> None:
        expires_at = connection.identity.expires_at_ms
        if expires_at is None:
            return
        if now >= expires_at + LINGER_MS:
            connection.socket.close_engine(1012, "the token has expired")
        elif now < expires_at - WARN_MS:
            self._look_at(expires_at - WARN_MS, connection)  # it has brought a newer one
        else:
            if now < expires_at and connection.warned_of != expires_at:
                connection.warned_of = expires_at
                warning = AuthExpiring(expires_at=to_iso(expires_at))
                connection.socket.send(one_event("auth:expiring", msgspec.json.encode(warning)))
            self._look_at(expires_at + LINGER_MS, connection)
