"""Servers under test: real uvicorn on a free port, in the loop of the test.

Owns their life: what is opened here is closed here, engines first.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import uvicorn

from madang.socketio import Server, ServerOptions
from madang.socketio.socket import Socket
from tests.interop.conformance_server import ConformanceApp
from tests.interop.raw_client import abort_everything


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    """Serve an application that has a ``websocket_protocol``; the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        config = uvicorn.Config(
            app, ws=app.websocket_protocol, lifespan="on", log_level="error", access_log=False,
            proxy_headers=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # older uvicorn would take them
        task = asyncio.create_task(server._serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.005)
            if task.done():
                await task
        try:
            yield listener.getsockname()[1]
        finally:
            abort_everything()
            await app.close()
            server.should_exit = True
            await task


@contextlib.asynccontextmanager
async def serving_suites() -> AsyncIterator[int]:
    """Serve what the official suites ask for."""
    async with serving(ConformanceApp()) as port:
        yield port


@dataclass
class Recorded:
    """A Socket.IO server and what happened in its root namespace."""

    server: Server
    port: int
    sockets: list[Socket]
    events: list[tuple[str, list[Any]]]
    reasons: list[str]

    async def reason(self, within: float = 3) -> str:
        """Wait for the first disconnect; its reason."""
        async with asyncio.timeout(within):
            while not self.reasons:  # noqa: ASYNC110  # a list is what tests compare; an event beside it would be noise
                await asyncio.sleep(0.002)
        return self.reasons[0]


@contextlib.asynccontextmanager
async def recording(**options: Any) -> AsyncIterator[Recorded]:
    """Serve Socket.IO and keep what happens; timers have the defaults, so nothing is closed by a ping in a test."""
    server = Server(ServerOptions(**{"origins": "*", **options}))
    record = Recorded(server, 0, [], [], [])
    server.on("connection", record.sockets.append)
    server.on("disconnect", lambda _, reason: record.reasons.append(reason))
    server.of("/").on_event(lambda _, event, args, __: record.events.append((event, args)))
    async with serving(server) as record.port:
        yield record
