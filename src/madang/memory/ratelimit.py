"""Rate limits in process: a moving window per subject.

Owns the attempts still inside their windows, and the bound on how many subjects are remembered. Written by hand because
the memory stores of `limits` either keep every subject for ever or take a hop to a thread per remembered subject with
each attempt: a flood from many addresses would make of the limit the very load it is there to stop.

Invariants:
1. A refused attempt leaves no trace, so hammering does not lengthen the wait.
2. Each attempt forgets more subjects than it adds, as soon as their windows have passed; memory is bounded in any case.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from madang.clock import Clock

__all__ = ["MemoryRateLimit"]

SUBJECTS: Final = 100_000
"""Above this the subject quiet for longest is forgotten, even inside its window."""
FORGET_AT_ONCE: Final = 4


class _Window:
    """Accepted attempts of one subject, oldest first, in monotonic seconds."""

    __slots__ = ("attempts", "seconds")

    def __init__(self) -> None:
        self.attempts: deque[float] = deque()
        self.seconds = 0

    def is_over(self, now: float) -> bool:
        return not self.attempts or self.attempts[-1] + self.seconds <= now


class MemoryRateLimit:
    """The port `RateLimit` for one node."""

    def __init__(self, clock: Clock, *, subjects: int = SUBJECTS) -> None:
        self._clock = clock
        self._subjects = subjects
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()

    async def hit(self, name: str, subject: str, *, limit: int, seconds: int) -> float:
        """See the port."""
        now = self._clock.monotonic()
        self._forget(now)
        window = self._windows.get((name, subject))
        if window is None:
            window = self._windows[name, subject] = _Window()
        window.seconds = seconds
        while window.attempts and window.attempts[0] + seconds <= now:
            window.attempts.popleft()
        if len(window.attempts) >= limit:
            return window.attempts[0] + seconds - now
        window.attempts.append(now)
        self._windows.move_to_end((name, subject))
        return 0.0

    def _forget(self, now: float) -> None:
        for _ in range(FORGET_AT_ONCE):
            if not self._windows:
                return
            oldest = next(iter(self._windows))
            if len(self._windows) < self._subjects and not self._windows[oldest].is_over(now):
                return
            del self._windows[oldest]
