"""The Socket.IO half of one connection as a state machine: namespaces joined, and the packet being put together.

Owns which packets are allowed now: CONNECT once for each namespace, everything else only where the peer has joined,
attachments only behind a packet that announced them. Must never know who answers: the value kept for a joined
namespace is the caller's own.

Transitions of a namespace:
    absent -> pending   [receive_text: CONNECT]
    pending -> joined   [accept]
    pending -> absent   [refuse]
    joined -> absent    [leave]
Transitions of the decoder:
    idle -> collecting  [receive_text: a packet that announces attachments]
    collecting -> idle  [receive_binary: the last of them]
"""

from __future__ import annotations

from typing import Generic, TypeVar

from madang.socketio.wire.engineio_packet import ParseError
from madang.socketio.wire.socketio_packet import Packet, PacketType, decode_packet, restore_attachments

T = TypeVar("T")
_CONNECT = PacketType.CONNECT


class StateError(ParseError):
    """A well-formed packet that is not allowed now; the engine is to be closed."""


class SocketIOSession(Generic[T]):
    """The state of one peer. ``joined`` maps a namespace to the caller's value, or to None while it is pending."""

    __slots__ = ("_buffers", "_incomplete", "joined", "max_attachments")

    def __init__(self, max_attachments: int) -> None:
        self.joined: dict[str, T | None] = {}
        self.max_attachments = max_attachments
        self._incomplete: Packet | None = None
        self._buffers: list[bytes] | None = None

    def receive_text(self, data: bytes, start: int = 0) -> Packet | None:
        """Take the text that begins at ``start``; None when attachments must follow first.

        Raises:
            ParseError: malformed, or text in the middle of attachments.
            StateError: not allowed now.

        """
        if self._incomplete is not None:
            raise ParseError("text while attachments are missing")
        packet = decode_packet(data, start, self.max_attachments)
        if packet.kind is _CONNECT:
            if packet.namespace in self.joined:
                raise StateError("already connected")
            self.joined[packet.namespace] = None
        elif self.joined.get(packet.namespace) is None:
            # Also before attachments are collected: a stranger gets no memory.
            raise StateError("namespace not joined")
        if packet.attachments:
            self._incomplete = packet
            self._buffers = []
            return None
        return packet

    def receive_binary(self, data: bytes) -> Packet | None:
        """Take one attachment; the packet when it was the last, else None.

        Raises:
            ParseError: nobody announced it, or a placeholder is wrong.
            StateError: the namespace was left meanwhile.

        """
        packet, buffers = self._incomplete, self._buffers
        if packet is None or buffers is None:
            raise ParseError("attachment that nothing announced")
        buffers.append(data)
        if len(buffers) < packet.attachments:
            return None
        self._incomplete = self._buffers = None
        packet.data = restore_attachments(packet.data, buffers)
        if self.joined.get(packet.namespace) is None:
            raise StateError("namespace not joined")
        return packet

    def accept(self, namespace: str, value: T) -> None:
        """Turn a pending namespace into a joined one."""
        self.joined[namespace] = value

    def refuse(self, namespace: str) -> None:
        """Forget a pending namespace, so that the peer may try again."""
        self.joined.pop(namespace, None)

    def leave(self, namespace: str) -> T | None:
        """Forget a namespace; its value if it was joined."""
        return self.joined.pop(namespace, None)

    def clear(self) -> list[T]:
        """Forget everything at the end of the connection; the values of what was joined."""
        values = [value for value in self.joined.values() if value is not None]
        self.joined.clear()
        self._incomplete = self._buffers = None
        return values
