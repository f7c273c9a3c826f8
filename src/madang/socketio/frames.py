"""What goes into an outbox: packets encoded once, framed once, shared by every receiver.

Owns the two written forms of a packet (WebSocket frames, polling body) and builds each at most once, when first
needed. Must never hold anything of a receiver: one object is appended to a thousand outboxes.

Invariant: after construction nothing observable changes, so an object may be sent at any time, any number of times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from madang.socketio.wire import engineio_packet, socketio_packet
from madang.socketio.wire.websocket_frame import binary_frame, text_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADER_ESTIMATE = 4  # bytes of a frame header, near enough for limits


class Sendable(Protocol):
    """What an outbox takes: a size in bytes and the two written forms."""

    @property
    def size(self) -> int:
        """Bytes on the wire, within a few; what the limits count."""

    @property
    def count(self) -> int:
        """Engine.IO packets."""

    @property
    def apart(self) -> Sequence[Sendable]:
        """The same as the least that may be written on its own, in order."""

    @property
    def websocket(self) -> bytes:
        """One or more whole WebSocket frames."""

    @property
    def polling(self) -> bytes:
        """One or more Engine.IO packets, joined as in a polling body."""


class EventPacket:
    """One Engine.IO message of text with the binary messages that belong to it.

    Args:
        text: a Socket.IO packet (or any text message), without the Engine.IO type.
        attachments: binary messages that must follow it directly.

    """

    __slots__ = ("_polling", "_websocket", "attachments", "size", "text")

    def __init__(self, text: bytes, attachments: Sequence[bytes] = ()) -> None:
        self.text = text
        self.attachments = tuple(attachments)
        self.size = len(text) + _HEADER_ESTIMATE
        if attachments:
            self.size += sum(len(attachment) + _HEADER_ESTIMATE for attachment in attachments)
        self._websocket: bytes | None = None
        self._polling: bytes | None = None

    @property
    def count(self) -> int:
        return 1 + len(self.attachments)

    @property
    def apart(self) -> Sequence[Sendable]:
        return (self,)

    @property
    def websocket(self) -> bytes:
        frames = self._websocket
        if frames is None:
            frames = text_frame(b"4" + self.text)
            if self.attachments:
                frames = b"".join((frames, *map(binary_frame, self.attachments)))
            self._websocket = frames
        return frames

    @property
    def polling(self) -> bytes:
        body = self._polling
        if body is None:
            body = b"4" + self.text
            if self.attachments:
                body = engineio_packet.join_payload((body, *map(engineio_packet.encode_binary, self.attachments)))
            self._polling = body
        return body


class BinaryMessage:
    """One Engine.IO binary message on its own; only raw Engine.IO applications send these."""

    __slots__ = ("data", "size")
    count = 1

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data) + _HEADER_ESTIMATE

    @property
    def apart(self) -> Sequence[Sendable]:
        return (self,)

    @property
    def websocket(self) -> bytes:
        return binary_frame(self.data)

    @property
    def polling(self) -> bytes:
        return engineio_packet.encode_binary(self.data)


class ControlPacket:
    """An Engine.IO packet that is no message: open, ping, noop."""

    __slots__ = ("polling", "size", "websocket")
    count = 1

    def __init__(self, packet: bytes) -> None:
        self.polling = packet
        self.websocket = text_frame(packet)
        self.size = len(self.websocket)

    @property
    def apart(self) -> Sequence[Sendable]:
        return (self,)


class Frames:
    """Several packets that travel together, in order: what a room gets from one batch.

    Args:
        packets: at least one.

    """

    __slots__ = ("_polling", "_websocket", "packets", "size")

    def __init__(self, packets: Sequence[EventPacket]) -> None:
        self.packets = tuple(packets)
        self.size = sum(packet.size for packet in packets)
        self._websocket: bytes | None = None
        self._polling: bytes | None = None

    @property
    def count(self) -> int:
        return sum(packet.count for packet in self.packets)

    @property
    def apart(self) -> Sequence[Sendable]:
        return self.packets

    @property
    def websocket(self) -> bytes:
        frames = self._websocket
        if frames is None:
            frames = self._websocket = b"".join([packet.websocket for packet in self.packets])
        return frames

    @property
    def polling(self) -> bytes:
        body = self._polling
        if body is None:
            body = self._polling = engineio_packet.join_payload([packet.polling for packet in self.packets])
        return body


PING = ControlPacket(engineio_packet.PING)
NOOP = ControlPacket(engineio_packet.NOOP)
CLOSE = ControlPacket(engineio_packet.CLOSE)
PROBE_PONG = ControlPacket(engineio_packet.PROBE_PONG)


class Joiner:
    """Joins queues into the bytes of one write, and remembers the last one.

    The members of a room mostly have equal queues, one after the other; comparing two lists of shared objects costs a
    pointer comparison each, joining them costs a copy of every byte.
    """

    __slots__ = ("_bytes", "_queue")

    def __init__(self) -> None:
        self._queue: list[Sendable] = []
        self._bytes = b""

    def join(self, queue: list[Sendable]) -> bytes:
        """Join WebSocket frames."""
        if len(queue) == 1:
            return queue[0].websocket
        if queue != self._queue:
            self._bytes = b"".join([frames.websocket for frames in queue])
            self._queue = queue
        return self._bytes


def encode_event(event: str, *args: Any, namespace: str = "/", ack_id: int | None = None) -> EventPacket:
    """Encode an event once, to send it to any number of sockets of that namespace.

    Args:
        event: a name that Socket.IO does not reserve.
        args: anything msgspec encodes; bytes in lists, tuples and dicts become attachments.
        namespace: where its receivers are connected.
        ack_id: set when the receivers are to answer.

    Raises:
        ValueError: the name is reserved.
        TypeError: an argument has no JSON form.

    """
    if event in socketio_packet.RESERVED_EVENTS:
        raise ValueError(f"{event!r} is a reserved event name")
    text, *attachments = socketio_packet.encode_event(namespace, event, args, ack_id)
    return EventPacket(text, attachments)
