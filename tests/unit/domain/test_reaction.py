"""One emoji, in one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain.reaction import canonical_emoji
from madang.errors import ErrorCode, MadangError

PARTS = [
    "👍",
    "❤",
    "\ufe0f",
    "\ufe0e",
    "\u200d",
    "🏽",
    "🇰",
    "🇷",
    "1",
    "\u20e3",
    "🏴",
    "\U000e0067",
    "\U000e007f",
    "♂",
    "a",
]


def codes(text: str) -> str:
    """Code points, as one can read them in a failure."""
    return " ".join(f"{ord(character):X}" for character in text)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("1F44D", "1F44D"),
        ("1F44D FE0F", "1F44D"),
        ("2764", "2764 FE0F"),
        ("2764 FE0F", "2764 FE0F"),
        ("203C", "203C FE0F"),
        ("A9", "A9 FE0F"),
        ("23 20E3", "23 FE0F 20E3"),
        ("31 FE0F 20E3", "31 FE0F 20E3"),
        ("1F1F0 1F1F7", "1F1F0 1F1F7"),
        ("261D 1F3FF", "261D 1F3FF"),
        ("26F9 1F3FD 200D 2642", "26F9 1F3FD 200D 2642 FE0F"),
        ("1F468 200D 1F469 200D 1F467 200D 1F466", "1F468 200D 1F469 200D 1F467 200D 1F466"),
        ("1F3F3 200D 1F308", "1F3F3 FE0F 200D 1F308"),
        ("1F441 FE0F 200D 1F5E8", "1F441 FE0F 200D 1F5E8 FE0F"),
        ("1F3F4 E0067 E0062 E0073 E0063 E0074 E007F", "1F3F4 E0067 E0062 E0073 E0063 E0074 E007F"),
        ("1FAE8", "1FAE8"),
        ("1FAEB", "1FAEB"),
    ],
)
def test_one_picture_has_one_form(written: str, stored: str) -> None:
    """Fully qualified, whatever the client's keyboard leaves out; emojis of years to come pass as well."""
    text = "".join(chr(int(code, 16)) for code in written.split())
    assert codes(canonical_emoji(text)) == stored


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "a", "1", "#", "안", "é", "thumbs up", ":+1:", "👍👍", "👍a", " 👍", "👍 ", "👍\n", "🇰", "🇰🇷🇰", "🇰🇷👍",
        "\u200d", "\ufe0f", "🏽", "👍\u200d", "\u200d👍", "👍🏽🏽", "❤\ufe0e", "♔", "☎☎", "🏴\U000e007f", "a\ufe0f\u20e3",
        "👍" + "\u200d👍" * 20, "\ud83d", "<b>",
    ],
)  # fmt: skip  # a list of texts reads better packed
def test_anything_else_is_refused(text: str) -> None:
    """No text, no two emojis, no half of one, nothing of any length."""
    with pytest.raises(MadangError) as refused:
        canonical_emoji(text)
    assert refused.value.code is ErrorCode.INVALID
    assert refused.value.details


@given(st.lists(st.sampled_from(PARTS), max_size=6).map("".join))
def test_the_form_of_a_form_is_itself(text: str) -> None:
    """So what is stored can be sent again, and compared."""
    try:
        stored = canonical_emoji(text)
    except MadangError:
        return
    assert canonical_emoji(stored) == stored
    assert stored.replace("\ufe0f", "") == text.replace("\ufe0f", "")
