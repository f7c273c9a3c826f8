"""One Engine.IO connection at work: its session, its outbox, its transport, its heartbeat, and the application on top.

Owns the order of things at the end: the session is closed first, so nothing that follows can close it again; then
what is queued is written if it can be, the transport says farewell, and the application hears the reason, once.
Must never know Socket.IO: the application is anything that takes messages (see ``Application``).

Invariant: after the close an engine refers to no transport and no application, and no timer to it, so a closed
connection is freed without the cycle collector.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from madang.socketio.frames import CLOSE, NOOP, PING, BinaryMessage, ControlPacket, EventPacket
from madang.socketio.heartbeat import NO_SLOT, monotonic
from madang.socketio.outbox import Outbox
from madang.socketio.outbox import Transport as Writer
from madang.socketio.reasons import DisconnectReason
from madang.socketio.token_bucket import TokenBucket
from madang.socketio.wire.engineio_packet import BINARY_PREFIX, ParseError, decode_binary
from madang.socketio.wire.engineio_session import Beat, EngineSession, Verdict

if TYPE_CHECKING:
    from madang.socketio.engine_server import EngineServer
    from madang.socketio.handshake import Request
    from madang.socketio.upgrade import UpgradeAttempt

_log = logging.getLogger("madang.socketio")
_MESSAGE = 0x34

# WebSocket close codes (RFC 6455 and its registry).
NORMAL, GOING_AWAY, PROTOCOL_ERROR, INVALID_DATA, POLICY, TOO_BIG, INTERNAL_ERROR, RESTART, TRY_AGAIN = (
    1000, 1001, 1002, 1007, 1008, 1009, 1011, 1012, 1013,
)  # fmt: skip


class Application(Protocol):
    """What runs on an engine. Its methods are called synchronously, in the order of receipt, and must not block."""

    def text_received(self, packet: bytes) -> None:
        """Take a text message: UTF-8, one byte of Engine.IO type first, the text from index 1."""

    def binary_received(self, data: bytes) -> None:
        """Take a binary message."""

    def closed(self, reason: DisconnectReason) -> None:
        """Learn that the engine is closed; nothing comes after this."""


class Transport(Writer, Protocol):
    """What an engine needs of a transport, beyond the writing."""

    def close(self, code: int, reason: str) -> None:
        """End it in order: a WebSocket CLOSE with the code, or no further poll."""


class Engine:
    """The connection. Made by ``EngineServer`` only."""

    __slots__ = (
        "_bucket", "application", "outbox", "request", "server", "session", "slot", "transport", "upgrade_attempt",
    )  # fmt: skip

    def __init__(self, server: EngineServer, session: EngineSession, transport: Transport, request: Request) -> None:
        options = server.options
        self.server = server
        self.session = session
        self.transport: Transport | None = transport
        self.outbox = Outbox(server.flusher, transport, self)
        self.request = request
        self.application: Application | None = None
        self.upgrade_attempt: UpgradeAttempt | None = None
        self.slot = NO_SLOT
        self._bucket = None
        if options.packet_rate is not None:
            self._bucket = TokenBucket(options.packet_rate, options.packet_burst, monotonic())

    @property
    def sid(self) -> str:
        """The secret name of the connection."""
        return self.session.sid

    @property
    def open(self) -> bool:
        """Whether messages still pass."""
        return not self.session.closed

    # ---------------------------------------------------------------------------------------- receiving

    def text_received(self, packet: bytes) -> None:
        """Take a text packet from the main transport: strict UTF-8, type first."""
        if not self._admit():
            return
        if packet and packet[0] == _MESSAGE:
            if self.application is not None:
                self.application.text_received(packet)
        elif packet and packet[0] == BINARY_PREFIX:
            try:
                data = decode_binary(packet)
            except ParseError:
                self.close(DisconnectReason.PARSE_ERROR, PROTOCOL_ERROR)
            else:
                self._deliver_binary(data)
        else:
            self._control(packet)

    def binary_received(self, data: bytes) -> None:
        """Take a binary message from the main transport."""
        if self._admit():
            self._deliver_binary(data)

    def _deliver_binary(self, data: bytes) -> None:
        if self.application is not None:
            self.application.binary_received(data)

    def _admit(self) -> bool:
        if self.session.closed:
            return False
        self.server.counters.packets_in += 1
        if self._bucket is not None and not self._bucket.take(monotonic()):
            self.close(DisconnectReason.FORCED_CLOSE, TRY_AGAIN, "too many packets")
            return False
        return True

    def _control(self, packet: bytes) -> None:
        match self.session.receive(packet):
            case Verdict.CLOSED_BY_PEER:
                self.close(DisconnectReason.TRANSPORT_CLOSE, NORMAL, farewell=NOOP)
            case Verdict.WRONG_DIRECTION:
                self.close(DisconnectReason.TRANSPORT_ERROR, PROTOCOL_ERROR, "invalid heartbeat direction")
            case Verdict.MALFORMED:
                self.close(DisconnectReason.PARSE_ERROR, PROTOCOL_ERROR, "invalid packet")
            case Verdict.IGNORED | Verdict.MESSAGE:
                pass

    # ------------------------------------------------------------------------------------------ sending

    def send_text(self, text: bytes) -> None:
        """Queue a text message (UTF-8); ignored after the close."""
        self.outbox.push(EventPacket(text))

    def send_binary(self, data: bytes) -> None:
        """Queue a binary message; ignored after the close."""
        self.outbox.push(BinaryMessage(data))

    def writable_again(self) -> None:
        """Hear from the transport that it takes more."""
        if not self.outbox.dirty:
            self.server.flusher.add(self.outbox)

    def release_poll(self) -> None:
        """End a poll that waits for nothing, so that the peer can go over to the WebSocket at once."""
        transport = self.transport
        if transport is not None and transport.writable and self.session.transport == "polling":
            if self.outbox.size:
                self.server.flusher.flush_now(self.outbox)
            else:
                transport.write_queue([NOOP])

    # ---------------------------------------------------------------------------------------- heartbeat

    def close_if_overdue(self) -> None:
        """Close now if the pong should have come, for a request that is a hair quicker than the timer."""
        if self.session.overdue(monotonic()):
            self.close(DisconnectReason.PING_TIMEOUT, POLICY, "ping timeout")

    def on_timer(self, now: float) -> None:
        beat, deadline = self.session.timer(now)
        if beat is Beat.TIMED_OUT:
            self.close(DisconnectReason.PING_TIMEOUT, POLICY, "ping timeout")
            return
        if beat is Beat.SEND_PING:
            self.outbox.push(PING)
        self.server.wheel.set(self, deadline)

    # ------------------------------------------------------------------------------------------ the end

    def transport_closed(self, transport: object, reason: DisconnectReason) -> None:
        """Hear from a transport that it is gone; only the main one matters."""
        if transport is self.transport:
            self._close(reason, None)

    def reader_too_slow(self) -> None:
        _log.info("a reader is too slow: %d bytes wait", self.outbox.unsent)
        self.outbox.close()
        self.close(DisconnectReason.FORCED_CLOSE, TRY_AGAIN, "too slow")

    def close(
        self, reason: DisconnectReason, code: int = NORMAL, text: str = "", *, farewell: ControlPacket = CLOSE
    ) -> None:
        """Close the connection; harmless when it is closed.

        Args:
            reason: what the application hears.
            code: the WebSocket close code.
            text: the reason in the CLOSE frame, at most 123 bytes.
            farewell: what a waiting poll is answered with.

        """
        transport = self.transport
        if transport is not None:
            self._close(reason, farewell)
            transport.close(code, text)

    def _close(self, reason: DisconnectReason, farewell: ControlPacket | None) -> None:
        if not self.session.close():
            return
        server, outbox = self.server, self.outbox
        server.wheel.cancel(self)
        server.engines.pop(self.sid, None)
        if self.upgrade_attempt is not None:
            self.upgrade_attempt.cancel()
            self.upgrade_attempt = None
        if farewell is not None:
            if self.session.transport == "polling":
                outbox.push(farewell)
            outbox.flush()
        outbox.close()
        self.transport = None
        application, self.application = self.application, None
        if application is not None:
            application.closed(reason)
