"""Coming back: what helps whom."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from madang.domain.sync import MOST_MISSED, VOID, starts_membership, status_of


@given(known=st.integers(), head=st.integers(1, 10**6))
def test_every_version_has_one_answer(known: int, head: int) -> None:
    """Within the log a delta as far as that is worth it, else its newest page; outside of it nothing counts."""
    expected = "reset" if not 0 <= known <= head else "delta" if head - known <= MOST_MISSED else "gap"
    assert status_of(known, head) == expected


def test_the_edges() -> None:
    """At the head nothing was missed, one above is another history; nothing known is a gap, another epoch a reset."""
    assert [status_of(known, 5_000) for known in (5_000, 5_001, 4_000, 3_999, None, VOID)] == [
        "delta", "reset", "delta", "gap", "gap", "reset",
    ]  # fmt: skip  # a table


def test_one_s_own_joining_among_what_was_missed_ends_what_is_known() -> None:
    """Who joined at the first message, or knows the joining already, goes on with what they know."""
    missed = [SimpleNamespace(seq=7), SimpleNamespace(seq=8)]
    assert starts_membership(missed, 7)
    assert not starts_membership(missed, 6)
    assert not starts_membership([SimpleNamespace(seq=1)], 1)
