"""How fast one person may write: messages, and changes of them, out of the same bucket.

Every change of a log is told to everybody in it, so an edit or a reaction costs others what a message costs them.
"""

from __future__ import annotations

from math import ceil

from madang.clock import Clock
from madang.contract.limits import Limits
from madang.domain.rate import TokenBuckets
from madang.errors import ErrorCode, MadangError

__all__ = ["SendRate"]


class SendRate:
    """One bucket per person.

    Args:
        send_rate: messages and changes per second and person; 0 means no limit.
    """

    def __init__(self, clock: Clock, limits: Limits, send_rate: float) -> None:
        self._clock = clock
        burst = max(1.0, send_rate * limits.send_burst / limits.sends_per_second) if send_rate > 0 else 0.0
        self._buckets = TokenBuckets(send_rate, burst) if send_rate > 0 else None

    def take(self, user_id: str) -> None:
        """Count one. Raises `MadangError(rate_limited)` with how long to wait."""
        wait = self._buckets.take(user_id, self._clock.monotonic()) if self._buckets is not None else 0.0
        if wait:
            raise MadangError(ErrorCode.RATE_LIMITED, "you send too fast", retry_after_ms=ceil(wait * 1_000))
