"""Token buckets: so much on average, so much at once, and not remembered for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain.rate import TokenBucket, TokenBuckets


def test_a_burst_then_the_rate() -> None:
    """After the burst each token takes its time, and the answer says exactly how long."""
    bucket = TokenBucket(2.0, 3.0, 0.0)
    assert [bucket.take(0.0) for _ in range(3)] == [0.0] * 3
    assert bucket.take(0.0) == pytest.approx(0.5)
    assert bucket.take(0.4) == pytest.approx(0.1)
    assert bucket.take(0.5) == 0.0


@given(st.lists(st.floats(0, 2), max_size=60))
def test_never_more_than_the_burst_and_the_rate(pauses: list[float]) -> None:
    """However the attempts are spread."""
    now, taken = 0.0, 0
    bucket = TokenBucket(1.0, 5.0, now)
    for pause in pauses:
        now += pause
        taken += bucket.take(now) == 0.0
    assert taken <= 5 + now + 1e-6


def test_everybody_has_their_own() -> None:
    """One who is too fast costs nobody else anything."""
    buckets = TokenBuckets(1.0, 1.0)
    assert buckets.take("a", 0.0) == 0.0
    assert buckets.take("a", 0.0) > 0.0
    assert buckets.take("b", 0.0) == 0.0


def test_full_buckets_are_forgotten_and_others_kept() -> None:
    """Memory follows who is active, and forgetting lets nobody be faster."""
    buckets = TokenBuckets(1.0, 1.0, remembered=10)
    for number in range(1_000):
        buckets.take(number, number * 0.5)
    assert len(buckets) <= 12
    assert buckets.take(999, 999 * 0.5) > 0.0


def test_a_busy_hour_does_not_pay_for_forgetting_with_every_newcomer() -> None:
    """When nothing can be forgotten, the next look waits until there are twice as many."""
    looks = 0

    class Counted(TokenBuckets):
        def _forget(self, now: float) -> None:
            nonlocal looks
            looks += 1
            super()._forget(now)

    buckets = Counted(1.0, 1.0, remembered=10)
    for number in range(1_000):
        buckets.take(number, 0.0)
    assert looks <= 8
