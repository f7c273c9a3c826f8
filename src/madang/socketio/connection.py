"""The Socket.IO half of one engine: namespaces joined and left, packets handed to their sockets.

Owns CONNECT, its middlewares, and how long a peer may be in no namespace. Must never judge a packet itself: the session
in ``wire`` does; here is done what follows from it. A broken packet closes the engine as in Node: "forced close" when it
cannot be read, "forced server close" when it is not allowed now.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from madang.socketio.engine import INTERNAL_ERROR, POLICY, PROTOCOL_ERROR, TRY_AGAIN
from madang.socketio.engine_server import new_id
from madang.socketio.frames import EventPacket
from madang.socketio.heartbeat import NO_SLOT, monotonic
from madang.socketio.namespace import ConnectionPostponed, ConnectionRefused
from madang.socketio.reasons import DisconnectReason
from madang.socketio.socket import Socket
from madang.socketio.wire import socketio_packet
from madang.socketio.wire.engineio_packet import ParseError
from madang.socketio.wire.socketio_packet import Packet, PacketType
from madang.socketio.wire.socketio_session import SocketIOSession, StateError

if TYPE_CHECKING:
    from madang.socketio.engine import Engine
    from madang.socketio.server import Server

_log = logging.getLogger("madang.socketio")
_EVENT = PacketType.EVENT


class Connection:
    """The application on one engine."""

    __slots__ = ("_connecting", "_server", "_session", "engine", "slot")

    def __init__(self, server: Server, engine: Engine) -> None:
        self._server = server
        self.engine = engine
        self._session: SocketIOSession[Socket] = SocketIOSession(engine.server.options.max_attachments)
        self._connecting: set[asyncio.Task[None]] | None = None
        self.slot = NO_SLOT
        self._expect_connect()

    # ---------------------------------------------------------------------------------------- receiving

    def text_received(self, packet: bytes) -> None:
        try:
            received = self._session.receive_text(packet, 1)
        except ParseError as error:
            self._broken(error)
        else:
            if received is not None:
                self._handle(received)

    def binary_received(self, data: bytes) -> None:
        try:
            received = self._session.receive_binary(data)
        except ParseError as error:
            self._broken(error)
        else:
            if received is not None:
                self._handle(received)

    def _handle(self, packet: Packet) -> None:
        kind = packet.kind
        if kind is PacketType.CONNECT:
            self._connect(packet)
            return
        socket = self._session.joined[packet.namespace]
        if socket is None:
            return
        if kind is _EVENT:
            socket.namespace.event_received(socket, packet.data, packet.id)
        elif kind is PacketType.ACK and packet.id is not None:
            socket.ack_received(packet.id, packet.data)
        elif kind is PacketType.DISCONNECT:
            self._session.leave(packet.namespace)
            self._expect_connect()
            socket.namespace.remove(socket, DisconnectReason.CLIENT_NAMESPACE_DISCONNECT)

    def _broken(self, error: ParseError) -> None:
        _log.info("a broken packet: %s", error)
        forbidden = isinstance(error, StateError)
        reason = DisconnectReason.FORCED_SERVER_CLOSE if forbidden else DisconnectReason.FORCED_CLOSE
        self.engine.close(reason, PROTOCOL_ERROR, "invalid packet")

    # --------------------------------------------------------------------------------------- connecting

    def _expect_connect(self) -> None:
        """A peer that is in no namespace has so long to join one: until then its engine is of no use to anybody."""
        if all(socket is None for socket in self._session.joined.values()):
            self.engine.server.wheel.set(self, monotonic() + self.engine.server.options.connect_timeout)

    def _connect(self, packet: Packet) -> None:
        namespace = self._server.namespaces.get(packet.namespace)
        if namespace is None:
            self._refuse(packet.namespace, ConnectionRefused("Invalid namespace"))
            return
        engine = self.engine
        socket = Socket(new_id(), namespace, engine.request.handshake(packet.data), engine)
        try:
            rest = namespace.run_middlewares(socket, packet.data)
        except ConnectionRefused as refusal:
            self._refuse(namespace.name, refusal)
        except ConnectionPostponed as postponement:
            self._postpone(postponement)
        except Exception:  # noqa: BLE001  # an application's middleware may raise anything
            self._fail()
        else:
            if rest is None:
                self._accept(socket)
            else:
                self._wait(socket, rest)

    def _wait(self, socket: Socket, rest: Awaitable[None]) -> None:
        task = asyncio.get_running_loop().create_task(self._finish_connecting(socket, rest))
        if self._connecting is None:
            self._connecting = set()
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _finish_connecting(self, socket: Socket, rest: Awaitable[None]) -> None:
        try:
            await rest
        except ConnectionRefused as refusal:
            if self.engine.open:
                self._refuse(socket.namespace.name, refusal)
        except ConnectionPostponed as postponement:
            self._postpone(postponement)
        except Exception:  # noqa: BLE001  # an application's middleware may raise anything
            self._fail()
        else:
            if self.engine.open:
                self._accept(socket)

    def _accept(self, socket: Socket) -> None:
        self.engine.server.wheel.cancel(self)
        name = socket.namespace.name
        self._session.accept(name, socket)
        socket.attach(self)
        self.engine.outbox.push(EventPacket(socketio_packet.encode_connect(name, socket.id)))
        socket.namespace.add(socket)

    def _refuse(self, name: str, refusal: ConnectionRefused) -> None:
        self._session.refuse(name)
        error = socketio_packet.encode_connect_error(name, refusal.message, refusal.data)
        self.engine.outbox.push(EventPacket(error))

    def _postpone(self, postponement: ConnectionPostponed) -> None:
        self.engine.close(DisconnectReason.FORCED_SERVER_CLOSE, TRY_AGAIN, postponement.reason)

    def _fail(self) -> None:
        _log.exception("a middleware failed")  # called from except blocks only
        self.engine.close(DisconnectReason.FORCED_SERVER_CLOSE, INTERNAL_ERROR, "internal error")

    def on_timer(self, now: float) -> None:
        """Hear that the peer has joined nothing in time."""
        self.engine.close(DisconnectReason.FORCED_SERVER_CLOSE, POLICY, "no namespace joined in time")

    # ------------------------------------------------------------------------------------------- leaving

    def disconnect(self, socket: Socket) -> None:
        """Send DISCONNECT and end one namespace; the engine stays for the others, or for one more CONNECT."""
        name = socket.namespace.name
        self._session.leave(name)
        self._expect_connect()
        self.engine.outbox.push(EventPacket(socketio_packet.encode_disconnect(name)))
        socket.namespace.remove(socket, DisconnectReason.SERVER_NAMESPACE_DISCONNECT)

    def closed(self, reason: DisconnectReason) -> None:
        self.engine.server.wheel.cancel(self)
        for task in self._connecting or ():
            # Not at once: a coroutine that is cancelled before its first step leaves others behind, never awaited.
            asyncio.get_running_loop().call_soon(task.cancel)
        for socket in self._session.clear():
            socket.namespace.remove(socket, reason)
