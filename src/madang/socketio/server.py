"""The server: namespaces above, one Engine.IO server below, an ASGI application and a WebSocket protocol as its doors.

Owns the namespaces and the lifetime of everything. Must never create a namespace because a peer asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import uvicorn

from madang.socketio.connection import Connection
from madang.socketio.engine import GOING_AWAY, Engine
from madang.socketio.engine_server import EngineServer
from madang.socketio.exchange import Receive, Scope, Send
from madang.socketio.namespace import AnyHandler, Middleware, Namespace
from madang.socketio.options import ServerOptions

if TYPE_CHECKING:
    from madang.socketio.broadcast import Broadcast
    from madang.socketio.socket import Socket

_DEFAULT_OPTIONS = ServerOptions()


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the start, except the first two, which are of now."""

    engines: int
    sockets: int
    engines_opened: int
    packets_in: int
    frames_out: int
    """Objects written; a ``Frames`` of a whole batch counts once."""
    bytes_out: int
    slow_closes: int
    dropped_volatile: int


class Server:
    """A Socket.IO server. The namespace "/" exists; others exist after ``of``.

    Give uvicorn both doors: the server itself as the application, ``websocket_protocol`` as ``Config(ws=...)``.
    """

    def __init__(self, options: ServerOptions = _DEFAULT_OPTIONS) -> None:
        self.options = options
        self.namespaces: dict[str, Namespace] = {}
        self.engine_server = EngineServer(options, self._open)
        self._root = self.of("/")

    def _open(self, engine: Engine) -> Connection:
        return Connection(self, engine)

    def of(self, name: str) -> Namespace:
        """Get a namespace, made when it is new; its name begins with a slash."""
        namespace = self.namespaces.get(name)
        if namespace is None:
            if not name.startswith("/") or "," in name:
                raise ValueError(f"{name!r} cannot name a namespace")
            self.namespaces[name] = namespace = Namespace(name)
        return namespace

    # ------------------------------------------------------------------------------ shortcuts to of("/")

    @property
    def sockets(self) -> Mapping[str, Socket]:
        """The sockets of "/"."""
        return self._root.sockets

    @overload
    def on(self, event: str) -> Callable[[AnyHandler], AnyHandler]: ...

    @overload
    def on(self, event: str, handler: AnyHandler) -> AnyHandler: ...

    def on(self, event: str, handler: AnyHandler | None = None) -> Any:
        """Add a handler to "/", as ``Namespace.on``."""
        return self._root.on(event) if handler is None else self._root.on(event, handler)

    def use(self, middleware: Middleware) -> None:
        """Add a middleware to "/"."""
        self._root.use(middleware)

    def to(self, *rooms: str) -> Broadcast:
        """Choose everybody of "/" in these rooms."""
        return self._root.to(*rooms)

    def except_(self, *rooms: str) -> Broadcast:
        """Choose everybody of "/" but those in these rooms."""
        return self._root.except_(*rooms)

    def emit(self, event: str, *args: Any) -> None:
        """Send an event to everybody in "/"."""
        self._root.emit(event, *args)

    # ------------------------------------------------------------------------------------------- running

    @property
    def websocket_protocol(self) -> Any:
        """What ``uvicorn.Config(ws=...)`` takes."""
        return self.engine_server.websocket_protocol

    async def start(self) -> None:
        """Start the timers on the running loop; the ASGI lifespan does it too.

        Raises:
            RuntimeError: the installed picows does not work as this package expects.

        """
        await self.engine_server.start()

    async def close(self, code: int = GOING_AWAY) -> None:
        """Close every engine ("server shutting down") and cancel handlers that still run."""
        await self.engine_server.close(code)
        for namespace in self.namespaces.values():
            namespace.cancel_handlers()

    def stats(self) -> Stats:
        """Read the counters."""
        flusher, counters = self.engine_server.flusher, self.engine_server.counters
        return Stats(
            engines=len(self.engine_server.engines),
            sockets=sum(len(namespace.sockets) for namespace in self.namespaces.values()),
            engines_opened=counters.engines_opened,
            packets_in=counters.packets_in,
            frames_out=flusher.frames_out,
            bytes_out=flusher.bytes_out,
            slow_closes=flusher.slow_closes,
            dropped_volatile=flusher.dropped_volatile,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as an ASGI application: polling below ``options.path``, 404 elsewhere, and the lifespan."""
        if scope["type"] == "lifespan":
            await run_lifespan(self.start, self.close, receive, send)
        elif scope["path"] == self.options.path or f"{scope['path']}/" == self.options.path:
            await self.engine_server(scope, receive, send)
        else:
            headers = [(b"content-length", b"9"), (b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 404, "headers": headers})
            await send({"type": "http.response.body", "body": b"Not found"})


async def run_lifespan(start: Callable[[], Any], close: Callable[[], Any], receive: Receive, send: Send) -> None:
    """Serve the ASGI lifespan with two coroutine functions."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await start()
            await send({"type": "lifespan.startup.complete"})
        else:
            await close()
            await send({"type": "lifespan.shutdown.complete"})
            return


def run(server: Server, *, host: str = "127.0.0.1", port: int = 3000) -> None:
    """Serve until the process is told to stop; for trying things, tests and small programs."""
    uvicorn.run(server, host=host, port=port, ws=server.websocket_protocol, lifespan="on", access_log=False)
