"""Envelopes: a bus message as bytes, with its sender on the outside.

    byte 0        version of this format
    bytes 1 - 8   the sender, new with every start of a node
    the rest      the message, MessagePack; empty for a signal, whose channel says all

Owns the format. The payloads in a message are bytes and stay as they are: what the publishing node has encoded, the others
only frame. Fields are written by name, those with their default not at all; a node ignores names it does not know, so
versions of Madang that differ by added fields understand each other. Another version of the format is not understood.
"""

from __future__ import annotations

import secrets
from typing import Final

import msgspec

from madang.ports.bus import BusMessage

__all__ = ["Envelopes"]

VERSION: Final = b"\x01"
SENDER_BYTES: Final = 8
HEAD_BYTES: Final = len(VERSION) + SENDER_BYTES

_encode = msgspec.msgpack.Encoder().encode
_decoder: Final[msgspec.msgpack.Decoder[BusMessage]] = msgspec.msgpack.Decoder(BusMessage)


class Envelopes:
    """Seals what this node says and opens what others say."""

    def __init__(self) -> None:
        self.sender: Final = secrets.token_bytes(SENDER_BYTES)
        self.signal: Final = VERSION + self.sender
        """An envelope with nothing in it."""

    def seal(self, message: BusMessage) -> bytes:
        """The bytes of a message."""
        return self.signal + _encode(message)

    def is_own(self, envelope: bytes) -> bool:
        """Whether this node has sealed it; asked before anything is decoded."""
        return envelope.startswith(self.signal)

    @staticmethod
    def open(envelope: bytes) -> BusMessage:
        """The message in it.

        Raises:
            ValueError: it is of another format, or broken.
        """
        if envelope[:1] != VERSION:
            raise ValueError(f"an envelope of format {envelope[:1].hex()}")
        return _decoder.decode(memoryview(envelope)[HEAD_BYTES:])
