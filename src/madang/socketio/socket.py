"""A peer in a namespace, as the application sees it.

Owns the way out to one peer in one namespace, its rooms, and the acks it owes us. Must never outlive its connection in
anything but the application's hands: at the end it is out of every room and refers to no connection.

Invariant: emitting to a socket that is gone does nothing and raises nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from madang.socketio.frames import NOOP, encode_event
from madang.socketio.outbox import Traffic
from madang.socketio.reasons import DisconnectReason

if TYPE_CHECKING:
    from collections.abc import Hashable

    from madang.socketio.connection import Connection
    from madang.socketio.engine import Engine
    from madang.socketio.frames import Sendable
    from madang.socketio.handshake import Handshake
    from madang.socketio.namespace import Namespace
    from madang.socketio.outbox import Outbox
    from madang.socketio.wire.engineio_session import EngineSession, TransportName

_TRY_AGAIN = 1013


class Socket:
    """One peer in one namespace. ``data`` is the application's own."""

    __slots__ = (
        "__weakref__", "_acks", "_connection", "_session", "data", "handshake", "id", "joined", "namespace", "outbox",
        "starting",
    )  # fmt: skip

    def __init__(self, socket_id: str, namespace: Namespace, handshake: Handshake, engine: Engine) -> None:
        self.id = socket_id
        self.namespace = namespace
        self.handshake = handshake
        self.data: Any = None
        self.outbox: Outbox = engine.outbox
        self.joined: set[str] | None = None  # belongs to Rooms
        self.starting = 0  # belongs to EventTable: handlers that have not taken their first step
        self._session: EngineSession = engine.session
        self._connection: Connection | None = None
        self._acks: dict[int, asyncio.Future[list[Any]]] | None = None

    def __repr__(self) -> str:
        return f"<Socket {self.id} of {self.namespace.name}, {'connected' if self.connected else 'gone'}>"

    @property
    def connected(self) -> bool:
        """Whether what is emitted is sent."""
        return self._connection is not None

    @property
    def rooms(self) -> frozenset[str]:
        """The rooms it is in, its own id among them; empty after the disconnect."""
        return frozenset({self.id, *(self.joined or ())}) if self.connected else frozenset()

    @property
    def transport(self) -> TransportName:
        """How the peer is connected now, or was at the end."""
        return self._session.transport

    @property
    def buffered(self) -> int:
        """Bytes that wait for the peer, here and in the transport."""
        return self.outbox.unsent

    # ------------------------------------------------------------------------------------------ sending

    def emit(self, event: str, *args: Any) -> None:
        """Send an event, in order, never dropped.

        Raises:
            ValueError: the name is reserved.
            TypeError: an argument has no JSON form.

        """
        if self._connection is not None:
            self.outbox.push(encode_event(event, *args, namespace=self.namespace.name))

    def emit_volatile(self, event: str, *args: Any) -> None:
        """Send an event unless the peer is behind."""
        if self._connection is not None:
            self.outbox.push_volatile(encode_event(event, *args, namespace=self.namespace.name))

    def emit_latest(self, key: Hashable, event: str, *args: Any) -> None:
        """Send an event that replaces what still waits under the same key."""
        if self._connection is not None:
            self.outbox.push_latest(key, encode_event(event, *args, namespace=self.namespace.name))

    def send(self, frames: Sendable, *, traffic: Traffic = Traffic.ORDERED, key: Hashable = None) -> None:
        """Send what was encoded before, for this namespace.

        Args:
            frames: a ``Frames`` or an ``EventPacket``.
            traffic: its class.
            key: names what it replaces; only with ``Traffic.LATEST``.

        """
        if self._connection is not None:
            self.outbox.push_as(frames, traffic, key)

    async def call(self, event: str, *args: Any, timeout: float) -> list[Any]:
        """Send an event and wait for the answer. Cancelling is safe; any number of calls may wait at once.

        Args:
            event: its name.
            args: its arguments.
            timeout: seconds.

        Returns:
            The arguments of the answer.

        Raises:
            TimeoutError: none came in time.
            ConnectionResetError: the socket is gone, or went while waiting.

        """
        ack_id = self.namespace.next_ack_id()
        future = self.expect_ack(ack_id)
        try:
            self.outbox.push(encode_event(event, *args, namespace=self.namespace.name, ack_id=ack_id))
            async with asyncio.timeout(timeout):
                return await future
        finally:
            self.forget_ack(ack_id)

    # ------------------------------------------------------------------------------------- rooms, the end

    def join(self, room: str) -> None:
        """Enter a room; ignored when the socket is gone."""
        if self._connection is not None:
            self.namespace.rooms.join(self, room)

    def leave(self, room: str) -> None:
        """Leave a room."""
        self.namespace.rooms.leave(self, room)

    def disconnect(self) -> None:
        """End this namespace for the peer; a stock client stays away until it is told to connect."""
        if self._connection is not None:
            self._connection.disconnect(self)

    def close_engine(self, code: int = _TRY_AGAIN, reason: str = "") -> None:
        """Close the connection itself, with all its namespaces; a stock client comes back by itself.

        Args:
            code: the WebSocket close code.
            reason: at most 123 bytes, for the CLOSE frame.

        """
        if self._connection is not None:
            # A poll is ended with a noop, and the next one finds nothing: the Python client stays away after a close packet.
            self._connection.engine.close(DisconnectReason.FORCED_CLOSE, code, reason, farewell=NOOP)

    # ------------------------------------------------------------------------- for the package, not for others

    def attach(self, connection: Connection) -> None:
        """Begin: the peer has been accepted."""
        self._connection = connection

    def detach(self) -> None:
        """End: forget the connection and whoever waits for an ack."""
        self._connection = None
        acks, self._acks = self._acks, None
        for future in (acks or {}).values():
            if not future.done():
                future.set_exception(ConnectionResetError("the socket was disconnected"))

    def expect_ack(self, ack_id: int) -> asyncio.Future[list[Any]]:
        """Make the future of an ack."""
        if self._connection is None:
            raise ConnectionResetError("the socket was disconnected")
        if self._acks is None:
            self._acks = {}
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._acks[ack_id] = future
        return future

    def forget_ack(self, ack_id: int) -> None:
        """Stop waiting for an ack."""
        if self._acks is not None:
            self._acks.pop(ack_id, None)

    def ack_received(self, ack_id: int, args: list[Any]) -> None:
        """Take an ack of the peer; one that nobody waits for is ignored."""
        future = self._acks.pop(ack_id, None) if self._acks is not None else None
        if future is not None and not future.done():
            future.set_result(args)
