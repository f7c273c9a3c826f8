"""Admission: how many sockets may shake hands how fast.

Owns the answer before anything else of a handshake. After a restart everybody comes back at once; what is beyond the rate
is told to wait, before it costs a session, a token check or a query. Sockets that are in already are not affected.
"""

from __future__ import annotations

from typing import Final

from madang.clock import Clock
from madang.domain.rate import TokenBucket

__all__ = ["Admission"]

SECONDS_AT_ONCE: Final = 10
"""This many seconds' worth may come at once: a restart of a node that was not full goes unnoticed."""
LEAST_WAIT_SECONDS: Final = 1.0
DRAINING_SECONDS: Final = 2.0
"""What handshakes are told to wait while the server drains."""


class Admission:
    """Counts handshakes of this node.

    Args:
        rate: handshakes per second; 0 is no limit.
    """

    def __init__(self, clock: Clock, rate: float) -> None:
        self._clock = clock
        self._bucket = TokenBucket(rate, max(1.0, rate * SECONDS_AT_ONCE), clock.monotonic()) if rate else None
        self.draining = False
        """Nobody is let in any more; they wait for the server that comes after this one."""

    def ask(self, _address: str) -> float | None:
        """None lets a handshake in; else the seconds it is told to wait."""
        if self.draining:
            return DRAINING_SECONDS
        wait = self._bucket.take(self._clock.monotonic()) if self._bucket else 0.0
        return max(LEAST_WAIT_SECONDS, wait) if wait else None
