"""The timer wheel: on time, in any order of setting and cancelling, and asleep when nothing is due."""

import asyncio
import gc
import time
import weakref
from collections.abc import Callable

from madang.socketio.heartbeat import NO_SLOT, TimerWheel, monotonic


class Target:
    """Something with a deadline that notes when it fired."""

    def __init__(self, action: Callable[["Target"], None] | None = None) -> None:
        self.slot = NO_SLOT
        self.fired: list[float] = []
        self._action = action

    def on_timer(self, now: float) -> None:
        self.fired.append(now)
        if self._action is not None:
            self._action(self)


def running(shortest: float = 0.1) -> TimerWheel:
    """Start a wheel."""
    wheel = TimerWheel(shortest)
    wheel.start()
    return wheel


async def test_targets_fire_at_their_deadline_and_not_before() -> None:
    """Within the resolution and what a busy machine adds."""
    wheel = running()
    begin = monotonic()
    targets = {delay: Target() for delay in (0.05, 0.01, 0.03)}
    for delay, target in targets.items():
        wheel.set(target, begin + delay)
    await asyncio.sleep(0.08)
    for delay, target in targets.items():
        assert len(target.fired) == 1
        assert delay - 0.001 <= target.fired[0] - begin < delay + 0.03
        assert target.slot == NO_SLOT


async def test_a_new_deadline_replaces_the_old_one() -> None:
    """Earlier or later, it fires once."""
    wheel = running()
    sooner, later = Target(), Target()
    begin = monotonic()
    wheel.set(sooner, begin + 0.06)
    wheel.set(later, begin + 0.01)
    wheel.set(sooner, begin + 0.01)
    wheel.set(later, begin + 0.05)
    await asyncio.sleep(0.03)
    assert (len(sooner.fired), len(later.fired)) == (1, 0)
    await asyncio.sleep(0.05)
    assert (len(sooner.fired), len(later.fired)) == (1, 1)


async def test_cancelled_targets_neither_fire_nor_are_kept() -> None:
    """The wheel forgets them at once."""
    wheel = running()
    target = Target()
    kept = weakref.ref(target)
    wheel.set(target, monotonic() + 60)
    wheel.cancel(target)
    wheel.cancel(target)
    gc.disable()
    try:
        del target
        assert kept() is None
    finally:
        gc.enable()


async def test_a_target_may_cancel_and_move_its_neighbours() -> None:
    """Those that share its deadline: cancelled ones stay silent, moved ones fire later, others now."""
    wheel = running()
    deadline = monotonic() + 0.02
    cancelled, moved, other = Target(), Target(), Target()

    def disturb(_: Target) -> None:
        for target in (cancelled, moved):
            wheel.cancel(target)
        wheel.set(moved, monotonic() + 0.02)

    disturbers = [Target(disturb) for _ in range(3)]
    for target in (*disturbers, cancelled, moved, other):
        wheel.set(target, deadline)
    await asyncio.sleep(0.08)
    assert len(other.fired) == 1
    assert all(len(target.fired) == 1 for target in disturbers)
    # Which of a bucket comes first is open: a target may have fired before it was disturbed, then it fires again.
    assert len(cancelled.fired) <= 1
    assert 1 <= len(moved.fired) <= 2


async def test_a_deadline_in_the_past_does_not_hold_the_loop() -> None:
    """A target that is always late fires again and again, but others have their turn in between."""
    wheel = running()
    target = Target(lambda self: wheel.set(self, monotonic() - 1))
    wheel.set(target, monotonic() - 1)
    await asyncio.sleep(0.05)
    wheel.cancel(target)
    assert 2 < len(target.fired) < 100


async def test_a_target_that_fails_does_not_stop_the_wheel() -> None:
    """The others of its bucket and later ones fire."""

    def fail(_: Target) -> None:
        raise KeyError("ours")

    wheel = running()
    deadline = monotonic() + 0.01
    targets = [Target(fail), Target(), Target(fail), Target()]
    for target in targets:
        wheel.set(target, deadline)
    late = Target()
    wheel.set(late, deadline + 0.02)
    await asyncio.sleep(0.06)
    assert [len(target.fired) for target in (*targets, late)] == [1] * 5


async def test_many_targets_cost_few_wake_ups() -> None:
    """Ten thousand deadlines within a second are at most twenty buckets at the coarsest resolution."""
    wheel = TimerWheel(25)
    assert wheel.resolution == 0.05
    begin = monotonic() + 60
    started = time.perf_counter()
    targets = [Target() for _ in range(10_000)]
    for number, target in enumerate(targets):
        wheel.set(target, begin + number / 10_000)
    assert len({target.slot for target in targets}) <= 21
    assert time.perf_counter() - started < 0.5
