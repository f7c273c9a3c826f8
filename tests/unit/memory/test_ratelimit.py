"""Rate limits in process: the window moves, and memory is bounded."""

from madang.memory.ratelimit import MemoryRateLimit


class SteppedClock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> int:
        return int(self.seconds * 1_000)

    def monotonic(self) -> float:
        return self.seconds


async def test_the_window_moves() -> None:
    """Ten in a minute, then wait until the oldest leaves the window; each that leaves makes room for one."""
    clock = SteppedClock()
    limit = MemoryRateLimit(clock)
    for second in range(10):
        clock.seconds = float(second)
        assert await limit.hit("login", "1.2.3.4", limit=10, seconds=60) == 0.0
    clock.seconds = 50.0
    assert await limit.hit("login", "1.2.3.4", limit=10, seconds=60) == 10.0
    clock.seconds = 60.0
    assert await limit.hit("login", "1.2.3.4", limit=10, seconds=60) == 0.0
    assert await limit.hit("login", "1.2.3.4", limit=10, seconds=60) == 1.0


async def test_a_refused_attempt_does_not_count() -> None:
    """Hammering does not lengthen the wait."""
    clock = SteppedClock()
    limit = MemoryRateLimit(clock)
    await limit.hit("login", "a", limit=1, seconds=60)
    for second in range(1, 60):
        clock.seconds = float(second)
        assert await limit.hit("login", "a", limit=1, seconds=60) == 60.0 - second
    clock.seconds = 60.0
    assert await limit.hit("login", "a", limit=1, seconds=60) == 0.0


async def test_subjects_and_names_do_not_share() -> None:
    """Somebody else's attempts, and attempts at something else, are no concern of mine."""
    limit = MemoryRateLimit(SteppedClock())
    await limit.hit("login", "a", limit=1, seconds=60)
    assert await limit.hit("login", "b", limit=1, seconds=60) == 0.0
    assert await limit.hit("invite", "a", limit=1, seconds=60) == 0.0
    assert await limit.hit("login", "a", limit=1, seconds=60) > 0.0


async def test_memory_is_bounded() -> None:
    """A flood from many addresses is forgotten when its window has passed, and never exceeds the bound."""
    clock = SteppedClock()
    limit = MemoryRateLimit(clock, subjects=100)
    for number in range(1_000):
        await limit.hit("login", str(number), limit=1, seconds=60)
    assert len(limit._windows) <= 100
    clock.seconds = 61.0
    for number in range(40):
        await limit.hit("login", f"later {number}", limit=1, seconds=60)
    assert len(limit._windows) == 40
