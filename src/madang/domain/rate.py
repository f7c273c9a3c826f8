"""The token bucket: how much may be done how fast."""

from __future__ import annotations

__all__ = ["TokenBucket"]


class TokenBucket:
    """`rate` per second on average, `burst` at once. Time is handed in, in seconds that never run backwards."""

    __slots__ = ("_burst", "_rate", "_seen", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._seen = now

    def take(self, now: float) -> float:
        """Take one token.

        Returns:
            0.0 if it was there, else the seconds until it will be; nothing is taken then.
        """
        self._tokens = min(self._burst, self._tokens + (now - self._seen) * self._rate)
        self._seen = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate

    def is_full(self, now: float) -> bool:
        """Whether forgetting the bucket would change nothing."""
        return self._tokens + (now - self._seen) * self._rate >= self._burst
