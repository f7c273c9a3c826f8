r"""Engine.IO 4 packets: one character of type, then data; a polling body joins packets with ``\x1e``.

Owns the bytes of this layer. Text packets travel as UTF-8 bytes, never as ``str``, because the JSON decoder above
wants bytes. A binary packet is a message: the raw frame on a WebSocket, ``b`` and base64 in a polling body.

Invariants:
1. What ``split_payload`` returns is valid UTF-8, and no packet in it is empty.
2. Nothing here raises anything but ``ParseError`` on input from a peer.
"""

from __future__ import annotations

import binascii
from enum import IntEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SEPARATOR = b"\x1e"
BINARY_PREFIX = 0x62
PROTOCOL = "4"


class ParseError(ValueError):
    """The peer sent bytes that are no packet; the engine is to be closed."""


class PacketType(IntEnum):
    """The first character of a text packet, as its byte value."""

    OPEN = 0x30
    CLOSE = 0x31
    PING = 0x32
    PONG = 0x33
    MESSAGE = 0x34
    UPGRADE = 0x35
    NOOP = 0x36


CLOSE = b"1"
PING = b"2"
NOOP = b"6"
PROBE_PING = b"2probe"
PROBE_PONG = b"3probe"
UPGRADE = b"5"


def open_packet(
    sid: str, upgrades: Sequence[str], *, ping_interval: float, ping_timeout: float, max_payload: int
) -> bytes:
    """Encode the first packet of a connection; times come in seconds and go out in milliseconds."""
    return b"0" + msgspec.json.encode(
        {
            "sid": sid,
            "upgrades": upgrades,
            "pingInterval": round(ping_interval * 1000),
            "pingTimeout": round(ping_timeout * 1000),
            "maxPayload": max_payload,
        }
    )


def encode_binary(data: bytes) -> bytes:
    """Encode a binary message for a polling body."""
    return b"b" + binascii.b2a_base64(data, newline=False)


def decode_binary(packet: bytes) -> bytes:
    """Decode a binary message out of a polling body.

    Raises:
        ParseError: what follows the ``b`` is not base64.

    """
    try:
        return binascii.a2b_base64(packet[1:], strict_mode=True)
    except binascii.Error as error:
        raise ParseError("malformed base64") from error


def split_payload(body: bytes, max_packets: int) -> list[bytes]:
    """Split the body of a POST into its packets, each still encoded.

    Raises:
        ParseError: not UTF-8, an empty packet (an empty body is one), or more packets than ``max_packets``.

    """
    if body.count(SEPARATOR) >= max_packets:
        raise ParseError("too many packets in one body")
    require_utf8(body)
    packets = body.split(SEPARATOR)
    if not all(packets):
        raise ParseError("empty packet")
    return packets


def join_payload(packets: Iterable[bytes]) -> bytes:
    """Join encoded packets into the body of an answer to a poll."""
    return SEPARATOR.join(packets)


def require_utf8(data: bytes) -> None:
    """Check that bytes are strict UTF-8; ASCII, the common case, costs one scan.

    Raises:
        ParseError: they are not.

    """
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise ParseError("text is not UTF-8") from error
