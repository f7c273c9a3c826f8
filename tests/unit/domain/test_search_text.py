"""Folding: equal for what people take to be equal."""

from hypothesis import given
from hypothesis import strategies as st

from madang.domain.search_text import fold


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    """What is stored folded is found by what is typed."""
    assert fold(fold(text)) == fold(text)


def test_case_and_composition_do_not_matter() -> None:
    """Latin, German and Hangul."""
    assert fold("MINA") == fold("mina")
    assert fold("STRASSE") == fold("straße")
    assert fold("\u1112\u1161\u11ab") == fold("한")
    assert fold("Å") == fold("a\u030a")
