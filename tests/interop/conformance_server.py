"""The server the official suites of Socket.IO and Engine.IO ask for, on one port.

    python -m tests.interop.conformance_server --port 3000

Serves the Socket.IO test application at `/socket.io/` and a raw Engine.IO echo at `/engine.io/`, with the times and
limits both suites expect. Owns nothing else; it is the example of how two servers share a port.
"""

from __future__ import annotations

import argparse
from typing import Any

import uvicorn

from madang.socketio import DisconnectReason, Engine, EngineServer, Server, ServerOptions, Socket, websocket_protocol
from madang.socketio.server import run_lifespan

SOCKET_IO, ENGINE_IO = "/socket.io/", "/engine.io/"


def conformance_options(path: str) -> ServerOptions:
    """What the suites have as constants."""
    return ServerOptions(
        path=path, ping_interval=0.3, ping_timeout=0.2, max_payload=1_000_000, connect_timeout=1.0, origins="*"
    )


class Echo:
    """A raw Engine.IO application that sends back every message."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def text_received(self, packet: bytes) -> None:
        """Send the text back."""
        self._engine.send_text(packet[1:])

    def binary_received(self, data: bytes) -> None:
        """Send the bytes back."""
        self._engine.send_binary(data)

    def closed(self, reason: DisconnectReason) -> None:
        """Nothing is kept."""


def socketio_test_server(options: ServerOptions) -> Server:
    """Make the application of the Socket.IO suite."""
    server = Server(options)
    custom = server.of("/custom")

    @server.on("connection")
    @custom.on("connection")
    def greet(socket: Socket) -> None:
        socket.emit("auth", socket.handshake.auth)

    @server.on("message")
    def message(socket: Socket, *args: Any) -> None:
        socket.emit("message-back", *args)

    @server.on("message-with-ack")
    def message_with_ack(_: Socket, *args: Any) -> tuple[Any, ...]:
        return args

    return server


class ConformanceApp:
    """The ASGI application with both servers, and what goes to uvicorn beside it."""

    def __init__(self) -> None:
        self.socketio = socketio_test_server(conformance_options(SOCKET_IO))
        self.echo = EngineServer(conformance_options(ENGINE_IO), Echo)

    @property
    def websocket_protocol(self) -> Any:
        """The WebSocket door of both."""
        return websocket_protocol({SOCKET_IO: self.socketio.engine_server, ENGINE_IO: self.echo})

    async def start(self) -> None:
        """Start both."""
        await self.socketio.start()
        await self.echo.start()

    async def close(self) -> None:
        """Close both."""
        await self.socketio.close()
        await self.echo.close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Dispatch by path."""
        if scope["type"] == "lifespan":
            await run_lifespan(self.start, self.close, receive, send)
        elif scope["path"] == ENGINE_IO:
            await self.echo(scope, receive, send)
        else:
            await self.socketio(scope, receive, send)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="The server for the official Socket.IO and Engine.IO suites.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    options = parser.parse_args()
    app = ConformanceApp()
    uvicorn.run(
        app, host=options.host, port=options.port, ws=app.websocket_protocol, lifespan="on", log_level="warning"
    )


if __name__ == "__main__":
    main()
