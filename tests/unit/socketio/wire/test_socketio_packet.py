"""Socket.IO packets: round trips of anything JSON can say, and no input that raises anything but ParseError."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.socketio.wire.engineio_packet import ParseError
from madang.socketio.wire.socketio_packet import (
    RESERVED_EVENTS,
    Packet,
    PacketType,
    decode_packet,
    encode_ack,
    encode_connect,
    encode_connect_error,
    encode_disconnect,
    encode_event,
    restore_attachments,
)

any_text = st.text() | st.text(st.characters())  # the second with lone surrogates, which JavaScript sends
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | any_text
)
values = st.recursive(
    scalars | st.binary(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
names = st.text().filter(lambda name: name not in RESERVED_EVENTS)
namespaces = st.sampled_from(["/", "/custom", "/한/b"])
ack_ids = st.none() | st.integers(0, 10**16 - 1)


def placeholder_free(value: Any) -> bool:
    """Tell whether a value does not itself look like a placeholder."""
    if isinstance(value, dict):
        return "_placeholder" not in value and all(map(placeholder_free, value.values()))
    return not isinstance(value, list) or all(map(placeholder_free, value))


def receive(encoded: tuple[bytes, ...]) -> Packet:
    """Decode a packet with its attachments."""
    packet = decode_packet(b"4" + encoded[0], 1, 1000)
    assert packet.attachments == len(encoded) - 1
    if packet.attachments:
        packet.data = restore_attachments(packet.data, list(encoded[1:]))
    return packet


@given(namespaces, names, st.lists(values.filter(placeholder_free)), ack_ids)
def test_an_event_comes_back(namespace: str, name: str, args: list[Any], ack_id: int | None) -> None:
    """Any namespace, name, arguments with bytes at any depth, and ack id."""
    packet = receive(encode_event(namespace, name, tuple(args), ack_id))
    assert packet.kind is PacketType.EVENT
    assert (packet.namespace, packet.id, packet.data) == (namespace, ack_id, [name, *args])


@given(namespaces, st.lists(values.filter(placeholder_free)), st.integers(0, 10**16 - 1))
def test_an_ack_comes_back(namespace: str, args: list[Any], ack_id: int) -> None:
    """With bytes at any depth."""
    packet = receive(encode_ack(namespace, ack_id, tuple(args)))
    assert packet.kind is PacketType.ACK
    assert (packet.namespace, packet.id, packet.data) == (namespace, ack_id, args)


@given(st.binary() | st.text(alphabet='0123456789-/,[]{}"\\ud8a:._placeholdernum ').map(str.encode))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    """Nothing but ParseError comes out, whatever goes in; what passes obeys the rules of its kind."""
    with contextlib.suppress(ParseError):
        packet = decode_packet(data, 0, 10)
        assert packet.namespace.startswith("/")
        assert packet.attachments <= 10
        if packet.kind is PacketType.EVENT:
            assert isinstance(packet.data[0], str)
            assert packet.data[0] not in RESERVED_EVENTS
        if packet.attachments:
            restore_attachments(packet.data, [b""] * packet.attachments)


@given(st.sampled_from(["2", "451-", "3", "0", "461-"]), ack_ids, scalars.map(json.dumps))
def test_any_json_behind_any_head_is_decoded_or_refused(head: str, ack_id: int | None, payload: str) -> None:
    """Payloads of the wrong shape are refused, never misread."""
    with contextlib.suppress(ParseError):
        decode_packet(f"{head}{'' if ack_id is None else ack_id}[{payload}]".encode(), 0, 10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", (PacketType.CONNECT, "/", None, {})),
        ('0/admin,{"a":1}', (PacketType.CONNECT, "/admin", None, {"a": 1})),
        ("0/admin", (PacketType.CONNECT, "/admin", None, {})),
        ("1/admin", (PacketType.DISCONNECT, "/admin", None, None)),
        ("1", (PacketType.DISCONNECT, "/", None, None)),
        ('2["a"]', (PacketType.EVENT, "/", None, ["a"])),
        ('212["a",1]', (PacketType.EVENT, "/", 12, ["a", 1])),
        ('2/n,12["a"]', (PacketType.EVENT, "/n", 12, ["a"])),
        ("3/n,0[]", (PacketType.ACK, "/n", 0, [])),
        ('51-["a"]', (PacketType.EVENT, "/", None, ["a"])),
        ("62-7[1]", (PacketType.ACK, "/", 7, [1])),
        ('2["\\ud800"]', (PacketType.EVENT, "/", None, ["\ud800"])),
    ],
)
def test_packets_are_read_as_the_protocol_says(text: str, expected: tuple[Any, ...]) -> None:
    """One of each kind, with and without its optional parts."""
    packet = decode_packet(text.encode(), 0, 10)
    assert (packet.kind, packet.namespace, packet.id, packet.data) == expected


def test_answers_are_written_as_the_protocol_says() -> None:
    """The packets only a server sends."""
    assert encode_connect("/", "s") == b'0{"sid":"s"}'
    assert encode_connect("/n", "s") == b'0/n,{"sid":"s"}'
    assert encode_connect_error("/n", "no") == b'4/n,{"message":"no"}'
    assert encode_connect_error("/", "no", {"a": 1}) == b'4{"message":"no","data":{"a":1}}'
    assert encode_disconnect("/") == b"1"
    assert encode_disconnect("/n") == b"1/n,"


def test_structs_and_raw_json_are_encoded_as_they_are() -> None:
    """What msgspec knows needs no conversion."""

    class Point(msgspec.Struct):
        x: int

    assert encode_event("/", "p", (Point(1), msgspec.Raw(b'{"y":2}'))) == (b'2["p",{"x":1},{"y":2}]',)
