"""Engine.IO packets: what goes in comes out, and input from a peer raises nothing but ParseError."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.socketio.wire.engineio_packet import (
    ParseError,
    decode_binary,
    encode_binary,
    join_payload,
    open_packet,
    require_utf8,
    split_payload,
)

texts = st.text(st.characters(exclude_characters="\x1e", exclude_categories=["Cs"])).map(
    lambda text: b"4" + text.encode()
)


@given(st.lists(texts | st.binary().map(encode_binary), min_size=1))
def test_a_payload_splits_into_what_was_joined(packets: list[bytes]) -> None:
    """Text and binary packets survive a polling body."""
    assert split_payload(join_payload(packets), len(packets)) == packets


@given(st.binary())
def test_binary_survives_base64(data: bytes) -> None:
    """Any bytes come back, with the prefix in front."""
    encoded = encode_binary(data)
    assert encoded[:1] == b"b"
    assert decode_binary(encoded) == data


@given(st.binary())
def test_any_body_is_split_or_refused(body: bytes) -> None:
    """No input raises anything else, and what passes is UTF-8 without empty packets."""
    with contextlib.suppress(ParseError):
        for packet in split_payload(body, 100):
            assert packet
            packet.decode()


@given(st.binary())
def test_any_binary_packet_is_decoded_or_refused(data: bytes) -> None:
    """No input raises anything else."""
    with contextlib.suppress(ParseError):
        decode_binary(b"b" + data)


@pytest.mark.parametrize("body", [b"", b"\x1e", b"4\x1e", b"\x1e4", b"4\xff", b"4\xed\xa0\x80", b"4\x1e4\x1e4\x1e4"])
def test_a_broken_payload_is_refused(body: bytes) -> None:
    """Empty packets, bad UTF-8, surrogates as bytes, more than three packets."""
    with pytest.raises(ParseError):
        split_payload(body, 3)


def test_the_open_packet_counts_in_milliseconds() -> None:
    """Fractions of a second survive, and the keys are the five of the protocol."""
    packet = open_packet("s", ["websocket"], ping_interval=0.3, ping_timeout=20, max_payload=5)
    assert packet[:1] == b"0"
    assert json.loads(packet[1:]) == {
        "sid": "s",
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 20_000,
        "maxPayload": 5,
    }


def test_utf8_is_checked_strictly() -> None:
    """Korean passes, an over-long form does not."""
    require_utf8("한글".encode())
    with pytest.raises(ParseError):
        require_utf8(b"\xc0\x80")
