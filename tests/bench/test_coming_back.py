"""Percentiles of a histogram: exact where a bucket ends, even within one."""

import pytest

from bench.errors import BenchError
from bench.scenarios.coming_back import quantile

BUCKETS = {0.01: 50.0, 0.02: 99.0, 0.05: 99.0, 0.1: 100.0, float("inf"): 100.0}


@pytest.mark.parametrize(("percent", "seconds"), [(25, 0.005), (50, 0.01), (99, 0.02), (99.5, 0.075), (100, 0.1)])
def test_a_percentile_is_exact_where_a_bucket_ends(percent: float, seconds: float) -> None:
    """Ninety-nine of a hundred within 20 ms are a p99 of at most 20 ms, and one more is not."""
    assert quantile(BUCKETS, percent) == pytest.approx(seconds)
    assert quantile({**BUCKETS, 0.02: 98.0, 0.05: 99.0}, 99) > 0.02


def test_what_no_bucket_holds_is_infinite() -> None:
    """An answer slower than the last bound is not made a fast one."""
    assert quantile({0.1: 1.0, float("inf"): 2.0}, 99) == float("inf")


def test_nothing_measured_is_no_result() -> None:
    """A server that saw no `init` keeps no promise."""
    with pytest.raises(BenchError, match="measured nothing"):
        quantile({}, 99)
    with pytest.raises(BenchError, match="measured nothing"):
        quantile({0.1: 0.0, float("inf"): 0.0}, 99)
