"""The answer to an event that asked for one.

Owns that an event is answered at most once, and never after its socket is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from madang.socketio.frames import EventPacket
from madang.socketio.wire.socketio_packet import encode_ack

if TYPE_CHECKING:
    from madang.socketio.socket import Socket


class Ack:
    """Call it with the answer; further calls, and calls after a disconnect, are ignored."""

    __slots__ = ("_id", "_socket")

    def __init__(self, socket: Socket, ack_id: int) -> None:
        self._socket: Socket | None = socket
        self._id = ack_id

    def __call__(self, *args: Any) -> None:
        """Send the answer.

        Raises:
            TypeError: an argument has no JSON form; the ack may be called again.

        """
        socket = self._socket
        if socket is not None:
            if socket.connected:
                text, *attachments = encode_ack(socket.namespace.name, self._id, args)
                socket.outbox.push(EventPacket(text, attachments))
            self._socket = None
