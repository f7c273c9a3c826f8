"""Arrivals: how many newcomers the server attends to at the same time.

Owns the one lane in which sockets are authenticated and shown their list. When everybody comes back at once, the rest waits in
the order in which it came, so that those who are here share the store and the loop with a few newcomers, not with all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["Arrivals"]

AT_ONCE: Final = 8
"""Enough to keep the store's readers busy; more would only wait for those, in front of everybody else."""


class Arrivals:
    """The lane."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self.waiting = 0
        """How many have no turn yet."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and have it. Safe to cancel."""
        self.waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._turns.release()
