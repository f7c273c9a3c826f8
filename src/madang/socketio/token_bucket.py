"""A token bucket: a rate in the long run, a burst at once.

Owns the arithmetic. Must never read a clock: the time is an argument.
"""

from __future__ import annotations


class TokenBucket:
    """Tokens that come back at ``rate`` per second, up to ``burst``. Times are seconds of one monotonic clock."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> bool:
        """Take one token; False when there is none."""
        tokens = min(self._tokens + (now - self._at) * self._rate, self._burst)
        self._at = now
        if tokens < 1:
            self._tokens = tokens
            return False
        self._tokens = tokens - 1
        return True
