"""The token bucket: how much may be done how fast."""

from __future__ import annotations

from collections.abc import Hashable

__all__ = ["TokenBucket", "TokenBuckets"]


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


class TokenBuckets:
    """A bucket for everybody who does something. Full ones are forgotten, which changes nothing; looking for them waits
    until there are twice as many as the last look has left, so that a busy hour does not pay for it with every newcomer.

    Args:
        rate: per second.
        burst: at once.
        remembered: buckets below which nothing is forgotten.
    """

    def __init__(self, rate: float, burst: float, *, remembered: int = 10_000) -> None:
        self._rate = rate
        self._burst = burst
        self._remembered = remembered
        self._forget_above = remembered
        self._buckets: dict[Hashable, TokenBucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, subject: Hashable, now: float) -> float:
        """Take one token of the subject's bucket; the answer as in `TokenBucket.take`."""
        bucket = self._buckets.get(subject)
        if bucket is None:
            if len(self._buckets) >= self._forget_above:
                self._forget(now)
            bucket = self._buckets[subject] = TokenBucket(self._rate, self._burst, now)
        return bucket.take(now)

    def _forget(self, now: float) -> None:
        self._buckets = {subject: bucket for subject, bucket in self._buckets.items() if not bucket.is_full(now)}
        self._forget_above = max(self._remembered, 2 * len(self._buckets))
