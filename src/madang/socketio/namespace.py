"""A namespace: its sockets, their rooms, who may enter, and what handles their events.

Owns the table of sockets and the rooms of one name. Must never know a connection: sockets are added when a peer was
accepted and removed when it is gone.

Invariant: a socket is in ``sockets`` and may be in rooms exactly while it is connected.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from madang.socketio.ack import Ack
from madang.socketio.broadcast import Broadcast
from madang.socketio.events import EventTable, Handler
from madang.socketio.outbox import Traffic, push_to_all
from madang.socketio.rooms import Rooms

if TYPE_CHECKING:
    from madang.socketio.frames import Sendable
    from madang.socketio.reasons import DisconnectReason
    from madang.socketio.socket import Socket

_log = logging.getLogger("madang.socketio")

Middleware = Callable[["Socket", dict[str, Any]], Awaitable[None] | None]
Sink = Callable[["Socket", str, list[Any], Ack | None], object]
AnyHandler = TypeVar("AnyHandler", bound=Handler)


class ConnectionRefused(Exception):  # noqa: N818  # the name of what it says; nothing went wrong here
    """Raised by a middleware to keep a peer out; the stock client gets it as "connect_error" and stays away.

    Args:
        message: for ``err.message``.
        data: for ``err.data``; None leaves it out.

    """

    def __init__(self, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class ConnectionPostponed(Exception):  # noqa: N818  # as above
    """Raised by a middleware that cannot decide now: the engine is closed, and the stock client comes back by itself.

    Args:
        reason: at most 123 bytes, for the CLOSE frame.

    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Namespace:
    """One namespace. Made by ``Server.of``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rooms = Rooms()
        self._sockets: dict[str, Socket] = {}
        self._events = EventTable()
        self._middlewares: list[Middleware] = []
        self._sink: Sink | None = None
        self._last_ack_id = 0

    @property
    def sockets(self) -> Mapping[str, Socket]:
        """The connected sockets by id: live, not to be changed."""
        return self._sockets

    def members(self, room: str) -> Collection[Socket]:
        """The sockets of a room, live, in no order; a socket's id is a room with that socket alone."""
        members = self.rooms.members(room)
        if not members:
            alone = self._sockets.get(room)
            if alone is not None:
                return (alone,)
        return members

    # ----------------------------------------------------------------------------------------- handling

    def use(self, middleware: Middleware) -> None:
        """Add a middleware: ``middleware(socket, auth)``, sync or async, before the peer is let in.

        It refuses by raising ``ConnectionRefused``, and puts off by raising ``ConnectionPostponed``. Any other error is
        logged and closes the engine, so that the peer comes back later: a fault of ours must not keep people out for good.
        """
        self._middlewares.append(middleware)

    @overload
    def on(self, event: str) -> Callable[[AnyHandler], AnyHandler]: ...

    @overload
    def on(self, event: str, handler: AnyHandler) -> AnyHandler: ...

    def on(self, event: str, handler: Handler | None = None) -> Any:
        """Add a handler, as a call or as a decorator.

        "connection" handlers get the socket, "disconnect" handlers the socket and the reason, all others the socket and
        the arguments of the event. They may be sync or async; what one returns is the ack, a tuple several arguments.
        Handlers of one socket start in the order of receipt; sync ones also finish in it.
        """
        if handler is None:

            def decorate(decorated: AnyHandler) -> AnyHandler:
                self._events.add(event, decorated)
                return decorated

            return decorate
        self._events.add(event, handler)
        return handler

    def on_event(self, sink: Sink) -> None:
        """Take every event with one function, in place of the handlers of ``on`` (except the two of the lifecycle).

        ``sink(socket, event, args, ack)`` is called synchronously in the order of receipt; it must not block.
        """
        self._sink = sink

    # ------------------------------------------------------------------------------------------ sending

    def to(self, *rooms: str) -> Broadcast:
        """Choose everybody in these rooms."""
        return Broadcast(self).to(*rooms)

    def except_(self, *rooms: str) -> Broadcast:
        """Choose everybody but those in these rooms."""
        return Broadcast(self).except_(*rooms)

    @property
    def volatile(self) -> Broadcast:
        """Choose everybody, and drop the event for those who are behind."""
        return Broadcast(self).volatile

    def emit(self, event: str, *args: Any) -> None:
        """Send an event to everybody in the namespace."""
        Broadcast(self).emit(event, *args)

    async def call(self, event: str, *args: Any, timeout: float) -> list[list[Any]]:
        """Send an event to everybody and wait for the answers, as ``Broadcast.call``."""
        return await Broadcast(self).call(event, *args, timeout=timeout)

    def broadcast(
        self,
        room: str,
        frames: Sendable,
        *,
        traffic: Traffic = Traffic.ORDERED,
        key: Hashable = None,
        except_: Collection[Socket] = (),
    ) -> None:
        """Send encoded frames to a room: the hot path, one object appended for each socket.

        Args:
            room: its name; an empty room costs one lookup.
            frames: a ``Frames`` or an ``EventPacket`` of this namespace.
            traffic: its class.
            key: names what it replaces; only with ``Traffic.LATEST``.
            except_: sockets that do not get it.

        """
        if traffic is Traffic.ORDERED and not except_:
            push_to_all(self.rooms.outboxes(room), frames)
            return
        for socket in self.rooms.members(room):
            if socket not in except_:
                socket.outbox.push_as(frames, traffic, key)

    # ------------------------------------------------------------------------- for the package, not for others

    def next_ack_id(self) -> int:
        """Make an id for an event that wants an answer; one id may go to many sockets."""
        self._last_ack_id += 1
        return self._last_ack_id

    def run_middlewares(self, socket: Socket, auth: dict[str, Any]) -> Awaitable[None] | None:
        """Run the middlewares; None when all are done, else what is left to await.

        Raises:
            ConnectionRefused: by a middleware.

        """
        for index, middleware in enumerate(self._middlewares):
            result = middleware(socket, auth)
            if inspect.isawaitable(result):
                return self._run_rest(result, index + 1, socket, auth)
        return None

    async def _run_rest(self, first: Awaitable[None], start: int, socket: Socket, auth: dict[str, Any]) -> None:
        await first
        for middleware in self._middlewares[start:]:
            result = middleware(socket, auth)
            if inspect.isawaitable(result):
                await result

    def add(self, socket: Socket) -> None:
        """Let a socket in and tell the application."""
        self._sockets[socket.id] = socket
        self._events.happened(socket, "connection")

    def remove(self, socket: Socket, reason: DisconnectReason) -> None:
        """Take a socket out of everything and tell the application; costs what the socket had joined."""
        if self._sockets.pop(socket.id, None) is not None:
            self.rooms.leave_all(socket)
            socket.detach()
            self._events.happened(socket, "disconnect", reason)

    def event_received(self, socket: Socket, data: list[Any], ack_id: int | None) -> None:
        """Take an event of a peer: its name, then its arguments."""
        event = data.pop(0)
        ack = Ack(socket, ack_id) if ack_id is not None else None
        sink = self._sink
        if sink is None:
            self._events.received(socket, event, data, ack)
            return
        try:
            sink(socket, event, data, ack)
        except Exception:  # noqa: BLE001  # an application's sink may raise anything
            _log.exception("the sink of events failed")

    def cancel_handlers(self) -> None:
        """Cancel asynchronous handlers that still run."""
        self._events.cancel()
