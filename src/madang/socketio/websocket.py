"""One WebSocket as a transport: whole messages in, joined frames out, an orderly end.

Owns everything between picows' frames and messages: reassembly of fragments, the limit of a message, strict UTF-8,
CLOSE and PING; and the writing. How a WebSocket comes to be is in ``websocket_protocol.py``.

Invariants:
1. What a receiver gets is a whole message; text is strict UTF-8.
2. Writing goes straight to the socket while nothing is buffered; what it does not take goes to the transport's buffer,
   and ``writable`` falls when that is above its mark, so a slow reader costs references, not copies.
"""

from __future__ import annotations

import os
import socket as sockets
from typing import TYPE_CHECKING, Any, Protocol

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from madang.socketio.engine import INVALID_DATA, PROTOCOL_ERROR, RESTART, TOO_BIG
from madang.socketio.heartbeat import NO_SLOT, monotonic
from madang.socketio.reasons import DisconnectReason

if TYPE_CHECKING:
    from madang.socketio.engine_server import EngineServer
    from madang.socketio.frames import Sendable
    from madang.socketio.handshake import Request

_TEXT, _CONTINUATION = WSMsgType.TEXT, WSMsgType.CONTINUATION
_DATA = (WSMsgType.TEXT, WSMsgType.BINARY)
_PING, _CLOSE = WSMsgType.PING, WSMsgType.CLOSE
_CLOSE_SECONDS = 2.0  # how long a peer may take to answer a CLOSE
_MAX_PONG_BACKLOG = 4096
_MAX_CLOSE_REASON = 123


class Receiver(Protocol):
    """Who gets the messages of a WebSocket: an engine, or an attempt to upgrade one."""

    def text_received(self, packet: bytes) -> None:
        """Take a text message."""

    def binary_received(self, data: bytes) -> None:
        """Take a binary message."""

    def writable_again(self) -> None:
        """Write on, if anything waits."""

    def transport_closed(self, transport: object, reason: DisconnectReason) -> None:
        """Learn that the WebSocket is gone."""


class WebSocketTransport(WSListener):
    """One WebSocket. picows calls the ``on_ws_*`` methods and the two about writing."""

    __slots__ = (
        "_fd", "_parts", "_parts_are_text", "_request", "_server", "_tcp", "_ws", "receiver", "slot", "writable",
    )  # fmt: skip
    most_packets = None

    def __init__(self, server: EngineServer, request: Request) -> None:
        self._server = server
        self._request: Request | None = request
        self._ws: WSTransport | None = None
        self._tcp: Any = None
        self._fd = -1
        self._parts: bytearray | None = None
        self._parts_are_text = False
        self.receiver: Receiver | None = None
        self.writable = False
        self.slot = NO_SLOT

    # ------------------------------------------------------------------------------------------ opening

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.request.headers = None  # type: ignore[assignment]  # read by nobody now, and a kilobyte
        self._ws = transport
        self._tcp = transport.underlying_transport
        connection = self._tcp.get_extra_info("socket")
        if self._server.options.send_buffer is not None:
            connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, self._server.options.send_buffer)
        if self._tcp.get_extra_info("ssl_object") is None:
            self._fd = connection.fileno()
        self.writable = True
        request, self._request = self._request, None
        if request is not None:
            self._server.attach_websocket(self, request)

    # ---------------------------------------------------------------------------------------- receiving

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if self.receiver is None:
            if kind == _CLOSE:
                self._tcp.close()
        elif frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._fail(PROTOCOL_ERROR, "reserved bits")
        elif kind in _DATA:
            if frame.payload_size > self._server.options.max_payload:
                self._fail(TOO_BIG, "message too big")
            elif self._parts is not None:
                self._fail(PROTOCOL_ERROR, "message inside a message")
            elif frame.fin:
                self._message(frame.get_payload_as_bytes(), is_text=kind == _TEXT)
            else:
                self._parts = bytearray(frame.get_payload_as_bytes())
                self._parts_are_text = kind == _TEXT
        elif kind == _CONTINUATION:
            self._continue(frame)
        elif kind == _PING:
            if self.buffered < _MAX_PONG_BACKLOG:
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind == _CLOSE:
            self._answer_close(transport, frame)

    def _message(self, payload: bytes, *, is_text: bool) -> None:
        receiver = self.receiver
        if receiver is None:
            return
        if not is_text:
            receiver.binary_received(payload)
            return
        if not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError:
                self._fail(INVALID_DATA, "text is not UTF-8")
                return
        receiver.text_received(payload)

    def _continue(self, frame: WSFrame) -> None:
        parts = self._parts
        if parts is None:
            self._fail(PROTOCOL_ERROR, "continuation of nothing")
        elif len(parts) + frame.payload_size > self._server.options.max_payload:
            self._fail(TOO_BIG, "message too big")
        else:
            parts += frame.get_payload_as_bytes()
            if frame.fin:
                self._parts = None
                self._message(bytes(parts), is_text=self._parts_are_text)

    def _answer_close(self, transport: WSTransport, frame: WSFrame) -> None:
        code = frame.get_close_code()
        transport.send_close(WSCloseCode.OK if code == WSCloseCode.NO_INFO else code)
        self._tcp.close()
        self._lost(DisconnectReason.TRANSPORT_CLOSE)

    # ------------------------------------------------------------------------------------------ writing

    @property
    def buffered(self) -> int:
        return self._tcp.get_write_buffer_size() if self._tcp is not None else 0

    def write_queue(self, queue: list[Sendable]) -> int:
        data = self._server.joiner.join(queue)
        tcp = self._tcp
        if tcp.is_closing():
            return 0
        if self._fd < 0 or tcp.get_write_buffer_size():
            tcp.write(data)
            return len(data)
        # uvloop delays the system calls of its transports to the end of the turn, all in one go, where no budget of
        # ours can stop them; the direct call also tells at once how much the kernel took.
        try:
            sent = os.write(self._fd, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            tcp.abort()
            return 0
        if sent < len(data):
            tcp.write(memoryview(data)[sent:])
        return len(data)

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        if self.receiver is not None:
            self.receiver.writable_again()

    # ------------------------------------------------------------------------------------------ closing

    def close(self, code: int, reason: str) -> None:
        """Say CLOSE and let the peer answer; after two seconds, or when it does not read, cut."""
        self.receiver = None
        self._parts = None
        self.writable = False
        if self._ws is None or self._tcp.is_closing():
            return
        self._ws.send_close(_close_code(code), reason.encode()[:_MAX_CLOSE_REASON])
        self._server.wheel.set(self, monotonic() + _CLOSE_SECONDS)

    def on_timer(self, now: float) -> None:
        if self._tcp is not None:
            self._tcp.abort()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._server.wheel.cancel(self)
        # picows says CLOSE by itself when a frame breaks its rules.
        broken = transport.is_close_frame_sent and self.receiver is not None
        self._lost(DisconnectReason.TRANSPORT_ERROR if broken else DisconnectReason.TRANSPORT_CLOSE)
        self._ws = self._tcp = None

    def shut_down(self) -> None:
        """End because the HTTP server stops."""
        if self.receiver is not None:
            self.receiver.transport_closed(self, DisconnectReason.SERVER_SHUTTING_DOWN)
        self.close(RESTART, "")

    def _fail(self, code: int, reason: str) -> None:
        receiver = self.receiver
        self.close(code, reason)
        if receiver is not None:
            receiver.transport_closed(self, DisconnectReason.TRANSPORT_ERROR)

    def _lost(self, reason: DisconnectReason) -> None:
        receiver, self.receiver = self.receiver, None
        self.writable = False
        if receiver is not None:
            receiver.transport_closed(self, reason)


def _close_code(code: int) -> WSCloseCode:
    return code  # type: ignore[return-value]  # picows takes any number, as RFC 6455 leaves 3000 to 4999 to applications
