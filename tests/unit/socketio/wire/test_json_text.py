"""JSON with the corners of the grammar that the fast decoder leaves out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.socketio.wire.engineio_packet import ParseError
from madang.socketio.wire.json_text import decode_json, encode_json


@given(st.text(st.characters()))
def test_any_string_of_javascript_comes_back(text: str) -> None:
    """Lone surrogates too, with and without escapes on the way."""
    assert decode_json(encode_json([text])) == [text]
    assert decode_json(json.dumps([text]).encode()) == [text]


@pytest.mark.parametrize(
    "data", [b"", b"nan", b"[NaN]", b"[Infinity]", b"[-Infinity]", b"{", b'"\xff"', b"[" * 200_000, b"1" * 5000]
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    """With ParseError alone, also when it is deep or long."""
    with pytest.raises(ParseError):
        decode_json(data)


def test_numbers_beyond_a_double_are_what_javascript_makes_of_them() -> None:
    """They come in as infinity and go out as null, also beside a surrogate."""
    assert decode_json(b"[1e999,-1e999]") == [float("inf"), float("-inf")]
    assert encode_json([float("inf"), "x"]) == b'[null,"x"]'
    assert encode_json({"a": (float("nan"), "\udc00")}) == b'{"a":[null,"\\udc00"]}'
