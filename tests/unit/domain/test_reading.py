"""Unread is arithmetic."""

from hypothesis import given
from hypothesis import strategies as st

from madang.domain.reading import unread_count


@given(st.lists(st.sampled_from(["mine", "theirs", "silent"])), st.data())
def test_it_counts_what_others_wrote_after_the_mark(log: list[str], data: st.DataObject) -> None:
    """The three numbers give what counting the log gives."""
    mark = data.draw(st.integers(0, len(log)))
    counted = [kind != "silent" for kind in log]
    own_after = log[mark:].count("mine")
    assert unread_count(sum(counted), sum(counted[:mark]), own_after) == log[mark:].count("theirs")


def test_it_is_never_negative() -> None:
    """Whatever a restored database says."""
    assert unread_count(1, 5, 0) == 0
