"""The form in which text is compared when people look for something."""

import unicodedata

import pytest

from madang.domain.search_text import fold


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("ANN", "ann"),
        ("Straße", "STRASSE"),
        ("Émile", "e\u0301MILE"),
        ("김민수", unicodedata.normalize("NFD", "김민수")),
    ],
)
def test_what_people_take_to_be_equal_is_equal(written: str, wanted: str) -> None:
    """Without regard to case or normal form."""
    assert fold(written) == fold(wanted)


@pytest.mark.parametrize("text", ["Ann", "ǰ", "ΐ", "İstanbul", "한글", "ﬁ", "\u1e9e"])
def test_folding_again_changes_nothing(text: str) -> None:
    """So folded columns and folded queries meet."""
    assert fold(fold(text)) == fold(text)
    assert unicodedata.is_normalized("NFC", fold(text))
