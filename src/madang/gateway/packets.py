"""Packets made from JSON that is encoded already.

The committer encodes a message once; here it gets the event's name around it and becomes a packet that every socket of
a room shares.
"""

from __future__ import annotations

import msgspec

from madang.socketio import EventPacket, Frames

__all__ = ["event_packet", "message_ack", "one_event", "stored_ack"]


def event_packet(event: str, payload: bytes) -> EventPacket:
    """An event of the default namespace; `payload` is the JSON of its arguments, joined by commas."""
    return EventPacket(b'2["%b",%b]' % (event.encode(), payload))


def one_event(event: str, payload: bytes) -> Frames:
    """The same, ready for an outbox."""
    return Frames((event_packet(event, payload),))


def stored_ack(message: bytes, *, duplicate: bool) -> msgspec.Raw:
    """`MessageSendAck` around a message that is JSON already."""
    return msgspec.Raw(
        b'{"message":%b,"ok":true,"level":"stored"%b}' % (message, b',"duplicate":true' if duplicate else b"")
    )


def message_ack(message: bytes) -> msgspec.Raw:
    """`MessageAck` around a message that is JSON already."""
    return msgspec.Raw(b'{"message":%b,"ok":true}' % message)
