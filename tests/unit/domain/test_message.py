"""What a message may be, and what makes two of them the same."""

import pytest

from madang.domain.message import QUOTE_CHARACTERS, body_hash, excerpt


def test_a_quote_is_short() -> None:
    """As long as it fits it is the content; else it says that there is more."""
    assert excerpt("short") == "short"
    assert excerpt("x" * QUOTE_CHARACTERS) == "x" * QUOTE_CHARACTERS
    assert excerpt("😀" * 500) == "😀" * (QUOTE_CHARACTERS - 1) + "…"


@pytest.mark.parametrize(
    "difference",
    [{"kind": "image"}, {"content": "b"}, {"reply_to_id": "x"}, {"attachments": ["x"]}, {"mentions": ["x"]},
     {"mentions": "all"}, {"silent": True}],
)  # fmt: skip  # one field each
def test_everything_the_sender_chose_makes_the_body(difference: dict[str, object]) -> None:
    """Any other field is another message."""
    fields: dict[str, object] = {
        "kind": "text", "content": "a", "reply_to_id": None, "attachments": [], "mentions": [], "silent": False,
    }  # fmt: skip  # as above
    same = body_hash(**fields)  # type: ignore[arg-type]  # values of many types
    assert same == body_hash(**fields)  # type: ignore[arg-type]  # as above
    assert body_hash(**{**fields, **difference}) != same  # type: ignore[arg-type]  # as above
    assert len(same) == 16
