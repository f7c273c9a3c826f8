"""Subscriptions: which channels this node wants, and which of them the server has confirmed.

Owns the counts, the linger and who waits. Does no I/O: it says what is to be asked of the server, in which order, and is
told what the server has said. The server confirms in the order it was asked, one by one, so counting is enough.

    WANTED -> ASKED [next_asked] -> HELD [confirmed]     HELD -> LINGERING [drop] -> WANTED [add] or gone [expired]
    every state -> WANTED or gone [restart]

Invariants:
1. A channel that nobody wants is kept for the linger, so that people who come and go cost the server nothing.
2. Nobody waits for a connection that is over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final

__all__ = ["Subscriptions"]

LINGER_SECONDS: Final = 15.0


class _Channel:
    """One channel."""

    __slots__ = ("count", "dropped_at", "number")

    def __init__(self) -> None:
        self.count = 0
        self.number = 0
        """The place among everything asked on this connection; 0 if it was not asked."""
        self.dropped_at = 0.0
        """When the last one gave it back, in seconds of the caller's clock."""


class Subscriptions:
    """The channels of one node."""

    def __init__(self, *, linger_seconds: float = LINGER_SECONDS) -> None:
        self._linger_seconds = linger_seconds
        self._channels: dict[str, _Channel] = {}
        self._lingering: deque[tuple[float, str]] = deque()
        self._asked = 0
        self._confirmed = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def __len__(self) -> int:
        """Channels known, lingering ones included."""
        return len(self._channels)

    def wants(self, channel: str) -> bool:
        """Whether somebody here hears it."""
        known = self._channels.get(channel)
        return known is not None and known.count > 0

    def holds(self, channel: str) -> bool:
        """Whether the server has confirmed it and was not asked to end it."""
        known = self._channels.get(channel)
        return known is not None and 0 < known.number <= self._confirmed

    def add(self, channels: Iterable[str]) -> list[str]:
        """Count one more for each; those that are to be asked of the server."""
        fresh = []
        for channel in channels:
            known = self._channels.get(channel)
            if known is None:
                known = self._channels[channel] = _Channel()
                fresh.append(channel)
            known.count += 1
        return fresh

    def drop(self, channels: Iterable[str], now: float) -> None:
        """Count one less for each; the last one begins the linger."""
        for channel in channels:
            known = self._channels.get(channel)
            if known is None or not known.count:
                continue
            known.count -= 1
            if not known.count:
                known.dropped_at = now
                self._lingering.append((now, channel))

    def expired(self, now: float) -> list[str]:
        """Forget what nobody has wanted for the linger; those that the server is to end."""
        over = []
        while self._lingering and self._lingering[0][0] <= now - self._linger_seconds:
            since, channel = self._lingering.popleft()
            known = self._channels.get(channel)
            if known is not None and not known.count and known.dropped_at == since:
                del self._channels[channel]
                over.append(channel)
        return over

    def next_asked(self, channels: Iterable[str]) -> list[str]:
        """Those of these that still exist are asked of the server next, in this order."""
        asked = []
        for channel in channels:
            known = self._channels.get(channel)
            if known is not None:
                self._asked += 1
                known.number = self._asked
                asked.append(channel)
        return asked

    def confirmed(self) -> None:
        """The server has confirmed one more."""
        self._confirmed += 1
        while self._waiting and self._waiting[0][0] <= self._confirmed:
            _, waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)

    async def settled(self) -> None:
        """Wait until the server has confirmed everything asked so far, or the connection is over."""
        if self._asked > self._confirmed:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((self._asked, waiting))
            await waiting

    def let_go(self) -> None:
        """The connection is over: nothing is confirmed any more."""
        for _, waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    def restart(self) -> list[str]:
        """A new connection, on which nothing was asked yet; all that is to be asked."""
        self._asked = self._confirmed = 0
        self._lingering.clear()
        self._channels = {channel: known for channel, known in self._channels.items() if known.count}
        for known in self._channels.values():
            known.number = 0
        return list(self._channels)
