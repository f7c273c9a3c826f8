"""Payloads coming in: of the right shape, or refused with the field."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.contract.client_events import CLIENT_EVENTS, Init, MessageSend
from madang.contract.codec import MOST_SAID, decode_payload
from madang.errors import ErrorCode, MadangError

SEND: dict[str, Any] = {"conversationId": "c", "content": "x"}


def test_fields_are_camel_case_and_unknown_ones_ignored() -> None:
    """So clients may be newer than the server."""
    decoded = decode_payload({**SEND, "replyToId": "r", "keepUnread": True, "invented": [1]}, MessageSend)
    assert (decoded.conversation_id, decoded.reply_to_id, decoded.keep_unread) == ("c", "r", True)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"content": "x"}, "conversationId"),
        ({**SEND, "content": None}, "content"),
        ({**SEND, "type": "poem"}, "type"),
        ({**SEND, "silent": 1}, "silent"),
        ({**SEND, "mentions": ["a", 5]}, "mentions[1]"),
    ],
)
def test_the_field_to_blame_is_named(payload: dict[str, Any], field: str) -> None:
    """In `details`, and in the sentence for developers."""
    with pytest.raises(MadangError) as refused:
        decode_payload(payload, MessageSend)
    assert refused.value.code is ErrorCode.INVALID
    assert list(refused.value.details or ()) == [field]
    assert refused.value.reason.startswith(f"{field}: ")


@pytest.mark.parametrize("payload", [None, [], "text", 5, True])
def test_a_payload_is_an_object(payload: object) -> None:
    """Anything else is refused before its fields are looked at."""
    with pytest.raises(MadangError) as refused:
        decode_payload(payload, MessageSend)
    assert refused.value.code is ErrorCode.INVALID


def test_what_was_sent_is_not_sent_back_at_length() -> None:
    """A megabyte in place of a word, and half a character."""
    for value in ("z" * 1_000_000, "\ud800"):
        with pytest.raises(MadangError) as refused:
            decode_payload({**SEND, "type": value}, MessageSend)
        assert refused.value.code is ErrorCode.INVALID
        assert len(refused.value.reason) < MOST_SAID + 50
        refused.value.reason.encode()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_names = sorted({field.encode_name for kind in (Init, MessageSend) for field in msgspec.structs.fields(kind)})


@given(st.sampled_from(sorted(CLIENT_EVENTS)), st.dictionaries(st.sampled_from(_names) | st.text(), _json, max_size=6))
def test_nothing_but_refusals_comes_of_nonsense(event: str, payload: dict[str, Any]) -> None:
    """Any JSON object either has the shape or is `invalid`, with a reason that can be sent."""
    outcome: object
    try:
        outcome = decode_payload(payload, CLIENT_EVENTS[event].payload)
    except MadangError as refused:
        outcome = refused
    if isinstance(outcome, MadangError):
        assert outcome.code is ErrorCode.INVALID
        assert len(outcome.reason) < MOST_SAID + 300
