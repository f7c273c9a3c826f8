"""Messages: what may be said, and what makes two of them the same."""

from typing import Any

import pytest

from madang.domain.message import QUOTE_CHARACTERS, body_hash, check_content, excerpt
from madang.errors import ErrorCode, MadangError

PLAIN: dict[str, Any] = {
    "kind": "text", "content": "x", "reply_to_id": None, "attachments": (), "mentions": (), "silent": False,
}  # fmt: skip  # what a sender chooses, in a line


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "image"},
        {"content": "y"},
        {"reply_to_id": "a"},
        {"attachments": ["a"]},
        {"mentions": ["a"]},
        {"mentions": "all"},
        {"silent": True},
    ],
)
def test_whatever_the_sender_chose_is_in_the_hash(other: dict[str, Any]) -> None:
    """A retry that differs in anything is not a retry."""
    assert body_hash(**PLAIN) == body_hash(**PLAIN)
    assert body_hash(**{**PLAIN, **other}) != body_hash(**PLAIN)


def test_a_plain_text_cannot_be_made_to_look_like_another_body() -> None:
    """The short form of a plain text and the full form live in different spaces."""
    full = body_hash(**{**PLAIN, "silent": True})
    assert body_hash(**{**PLAIN, "content": '["text","x",null,[],[],true]'}) != full


def test_empty_needs_attachments() -> None:
    """Nothing at all is refused; nothing but files is a message."""
    for content in ("", " \n\t"):
        with pytest.raises(MadangError) as refused:
            check_content(content, attachments=0, limit=10)
        assert refused.value.code is ErrorCode.INVALID
    assert check_content("", attachments=1, limit=10) == ""


def test_an_excerpt_is_short_and_says_so() -> None:
    """Fifty replies to a long message stay small."""
    assert excerpt("short") == "short"
    assert excerpt("x" * QUOTE_CHARACTERS) == "x" * QUOTE_CHARACTERS
    cut = excerpt("x" * (QUOTE_CHARACTERS + 1))
    assert (len(cut), cut[-1]) == (QUOTE_CHARACTERS, "…")
