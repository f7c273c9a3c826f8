"""Text: measured as clients measure it, in normal form, without what no store takes."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain.text import clean_line, clean_text, utf16_length
from madang.errors import ErrorCode, MadangError


@given(st.text(st.characters(codec="utf-8")))
def test_length_is_javascripts(text: str) -> None:
    """UTF-16 code units, whatever the text."""
    assert utf16_length(text) == len(text.encode("utf-16-le")) // 2


@given(st.text())
def test_what_passes_is_composed_storable_and_passes_again(text: str) -> None:
    """Cleaning is idempotent, and whatever it lets through can be encoded and has no NUL."""
    try:
        cleaned = clean_text("content", text, 1_000)
    except MadangError:
        return
    assert b"\x00" not in cleaned.encode()
    assert unicodedata.is_normalized("NFC", cleaned)
    assert clean_text("content", cleaned, 1_000) == cleaned


def test_the_limit_holds_after_composing() -> None:
    """Three code points of one syllable count as one; one more syllable is too many."""
    assert clean_text("name", "\u1112\u1161\u11ab" * 3, 3) == "한한한"
    with pytest.raises(MadangError) as refused:
        clean_text("name", "한한한한", 3)
    assert (refused.value.code, refused.value.details) == (ErrorCode.TOO_LARGE, {"name": "at most 3 UTF-16 units"})


@pytest.mark.parametrize("text", ["", "   ", "two\nlines", "a\u2028b", "bell\x07", "a\x00"])
def test_a_line_is_one_line_with_something_in_it(text: str) -> None:
    """Names and titles."""
    with pytest.raises(MadangError) as refused:
        clean_line("name", text, 100)
    assert refused.value.code is ErrorCode.INVALID


def test_a_line_loses_the_spaces_around_it() -> None:
    """And keeps those inside."""
    assert clean_line("name", "  김 민아 ", 100) == "김 민아"
