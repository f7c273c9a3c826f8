"""Socket.IO 5 packets: ``<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`` and the attachments behind them.

Owns the bytes of this layer, in both directions, with the rules of the reference parser: an EVENT is an array whose
first item is a number or a name that is not reserved; an ACK is an array; CONNECT carries an object or nothing,
DISCONNECT nothing. Must never know which namespaces a peer has joined.

Invariants:
1. ``decode_packet`` raises nothing but ``ParseError``, whatever the bytes.
2. ``encode_event`` and ``encode_ack`` look for bytes in lists, tuples and dicts only; other values (Structs, raw
   JSON) are handed to the JSON encoder as they are, so looking costs nothing where speed matters.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec

from madang.socketio.wire.engineio_packet import ParseError
from madang.socketio.wire.json_text import decode_json, encode_json

RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
# The longest integer JavaScript holds exactly has 16 digits; longer ids are no ids but work for int().
_MAX_ID_DIGITS = 16
_ENCODED = (str, msgspec.Raw)
_SEQUENCE = (list, tuple)
_BYTES = (bytes, bytearray, memoryview)
_SLASH, _COMMA, _DASH, _ZERO, _NINE, _BRACKET = b"/,-09["


class PacketType(IntEnum):
    """The first character of a packet, as its byte value."""

    CONNECT = 0x30
    DISCONNECT = 0x31
    EVENT = 0x32
    ACK = 0x33
    CONNECT_ERROR = 0x34
    BINARY_EVENT = 0x35
    BINARY_ACK = 0x36


class Packet(msgspec.Struct):
    """A decoded packet. Binary kinds become EVENT and ACK; ``attachments`` says how many buffers must follow."""

    kind: PacketType
    namespace: str
    id: int | None
    data: Any
    attachments: int = 0


_KINDS = dict(enumerate(PacketType, start=0x30))
_EVENT = PacketType.EVENT


def decode_packet(data: bytes, start: int, max_attachments: int) -> Packet:
    """Decode the packet that begins at ``start``.

    Raises:
        ParseError: by any rule of this layer.

    """
    end = len(data)
    if end - start > 1 and data[start] == _EVENT:  # nearly all of them are events of the default namespace
        bracket = data.find(_BRACKET, start + 1, start + 2 + _MAX_ID_DIGITS)
        digits = data[start + 1 : bracket]
        if bracket == start + 1 or (bracket > 0 and digits.isdigit()):
            return Packet(_EVENT, "/", int(digits) if digits else None, _event_data(decode_json(data[bracket:])))
    kind = _KINDS.get(data[start]) if start < end else None
    if kind is None:
        raise ParseError("unknown packet type")
    position = start + 1
    attachments = 0
    if kind is PacketType.BINARY_EVENT or kind is PacketType.BINARY_ACK:
        dash = _skip_digits(data, position)
        if dash == position or dash >= end or data[dash] != _DASH or dash - position > _MAX_ID_DIGITS:
            raise ParseError("illegal attachments")
        attachments = int(data[position:dash])
        if attachments > max_attachments:
            raise ParseError("too many attachments")
        position = dash + 1
    namespace = "/"
    if position < end and data[position] == _SLASH:
        comma = data.find(b",", position)
        if comma < 0:
            comma = end
        namespace = _namespace(data[position:comma])
        position = comma + 1
    after = _skip_digits(data, position)
    if after - position > _MAX_ID_DIGITS:
        raise ParseError("illegal id")
    ack_id = int(data[position:after]) if after > position else None
    payload = decode_json(data[after:]) if after < end else msgspec.UNSET
    return _judge(kind, namespace, ack_id, payload, attachments)


def _judge(kind: PacketType, namespace: str, ack_id: int | None, payload: Any, attachments: int) -> Packet:
    match kind:
        case PacketType.EVENT | PacketType.BINARY_EVENT:
            return Packet(PacketType.EVENT, namespace, ack_id, _event_data(payload), attachments)
        case PacketType.ACK | PacketType.BINARY_ACK:
            if ack_id is None or not isinstance(payload, list):
                raise ParseError("invalid payload")
            return Packet(PacketType.ACK, namespace, ack_id, payload, attachments)
        case PacketType.CONNECT if payload is msgspec.UNSET or isinstance(payload, dict):
            return Packet(kind, namespace, None, {} if payload is msgspec.UNSET else payload)
        case PacketType.DISCONNECT if payload is msgspec.UNSET:
            return Packet(kind, namespace, None, None)
        case _:
            # CONNECT_ERROR lands here too: only a server sends it.
            raise ParseError("invalid payload")


def _event_data(payload: Any) -> list[Any]:
    if isinstance(payload, list) and payload:
        name = payload[0]
        if isinstance(name, str):
            if name not in RESERVED_EVENTS:
                return payload
        elif isinstance(name, int | float) and not isinstance(name, bool):
            payload[0] = str(name)  # JavaScript's emitters name such an event by its decimal text as well
            return payload
    raise ParseError("invalid payload")


def _skip_digits(data: bytes, position: int) -> int:
    end = len(data)
    while position < end and _ZERO <= data[position] <= _NINE:
        position += 1
    return position


def _namespace(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise ParseError("namespace is not UTF-8") from error


def restore_attachments(value: Any, attachments: list[bytes]) -> Any:
    """Put the buffers of a binary packet where its placeholders stand.

    Raises:
        ParseError: a placeholder names a buffer that did not come, or the nesting is too deep.

    """
    try:
        return _restore(value, attachments)
    except RecursionError as error:
        raise ParseError("nested too deeply") from error


def _restore(value: Any, attachments: list[bytes]) -> Any:
    if isinstance(value, list):
        return [_restore(item, attachments) for item in value]
    if isinstance(value, dict):
        if value.get("_placeholder") is True:
            number = value.get("num")
            if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(attachments):
                raise ParseError("illegal attachments")
            return attachments[number]
        return {key: _restore(item, attachments) for key, item in value.items()}
    return value


def encode_connect(namespace: str, sid: str) -> bytes:
    """Encode the answer to a CONNECT that was accepted."""
    return _text(b"0", namespace, None, encode_json({"sid": sid}))


def encode_connect_error(namespace: str, message: str, data: Any = None) -> bytes:
    """Encode the answer to a CONNECT that was refused; without data there is no field for it."""
    error = {"message": message} if data is None else {"message": message, "data": data}
    return _text(b"4", namespace, None, encode_json(error))


def encode_disconnect(namespace: str) -> bytes:
    """Encode the server's farewell from a namespace."""
    return _text(b"1", namespace, None, b"")


def encode_event(namespace: str, event: str, args: tuple[Any, ...], ack_id: int | None = None) -> tuple[bytes, ...]:
    """Encode an event as its text, then its attachments if it has any."""
    return _encode(b"2", b"5", namespace, ack_id, [event, *args])


def encode_ack(namespace: str, ack_id: int, args: tuple[Any, ...]) -> tuple[bytes, ...]:
    """Encode the answer to an event as its text, then its attachments if it has any."""
    return _encode(b"3", b"6", namespace, ack_id, list(args))


def _encode(kind: bytes, binary: bytes, namespace: str, ack_id: int | None, data: list[Any]) -> tuple[bytes, ...]:
    if not _has_bytes(data):
        return (_text(kind, namespace, ack_id, encode_json(data)),)
    attachments: list[bytes] = []
    data = _extract(data, attachments)
    head = b"%b%d-" % (binary, len(attachments))
    return (_text(head, namespace, ack_id, encode_json(data)), *attachments)


def _text(head: bytes, namespace: str, ack_id: int | None, payload: bytes) -> bytes:
    if namespace != "/":
        head = b"%b%b," % (head, namespace.encode())
    if ack_id is not None:
        head = b"%b%d" % (head, ack_id)
    return head + payload


def _has_bytes(value: Any) -> bool:
    if isinstance(value, _ENCODED):
        return False
    if isinstance(value, _SEQUENCE):
        return any(map(_has_bytes, value))
    if isinstance(value, dict):
        return any(map(_has_bytes, value.values()))
    return isinstance(value, _BYTES)


def _extract(value: Any, attachments: list[bytes]) -> Any:
    if isinstance(value, _SEQUENCE):
        return [_extract(item, attachments) for item in value]
    if isinstance(value, dict):
        return {key: _extract(item, attachments) for key, item in value.items()}
    if isinstance(value, _BYTES):
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}
    return value
