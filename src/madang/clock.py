"""Time: the only place that reads a clock.

Wall time is whole milliseconds since 1970 UTC, for display and expiry only: nothing is ordered or paged by it.
Durations and deadlines use the monotonic clock, in seconds.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

__all__ = ["Clock", "SystemClock", "from_iso", "to_iso"]


class Clock(Protocol):
    """What the rest of Madang asks for the time; tests hand in their own."""

    def now(self) -> int:
        """Wall time in milliseconds since 1970 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


@lru_cache(maxsize=256)  # thousands of messages share a second, and formatting one costs as much as encoding it
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def to_iso(milliseconds: int) -> str:
    """Wall time as it stands on the wire: `2026-11-22T12:00:00.123Z`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_to_the_second(seconds)}.{rest:03d}Z"


def from_iso(text: str) -> int:
    """Milliseconds of an ISO 8601 time; one without a zone is taken as UTC.

    Raises:
        ValueError: the text is not a time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
