"""The token bucket, with a clock made of numbers."""

from hypothesis import given
from hypothesis import strategies as st

from madang.socketio.token_bucket import TokenBucket


def test_a_burst_passes_and_tokens_come_back_at_the_rate() -> None:
    """Two per second, three at once."""
    bucket = TokenBucket(2, 3, 100)
    assert [bucket.take(100) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(100.4)
    assert bucket.take(100.5)
    assert [bucket.take(200) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 10), min_size=1), st.floats(0.1, 10), st.integers(1, 10))
def test_never_more_than_burst_and_rate_allow(waits: list[float], rate: float, burst: int) -> None:
    """Over any stretch of time."""
    bucket = TokenBucket(rate, burst, 0)
    now, taken = 0.0, 0
    for wait in waits:
        now += wait
        taken += bucket.take(now)
    assert taken <= burst + rate * now + 1e-6
