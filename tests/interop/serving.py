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
from tests.interop.raw_client import abort_everything, soon


class PromptServer(uvicorn.Server):
    """uvicorn that notices at once that it is to stop, instead of looking ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop = asyncio.Event()

    async def main_loop(self) -> None:
        await self.stop.wait()


@contextlib.asynccontextmanager
async def serving(app: Any, *, close: bool = True, **config: Any) -> AsyncIterator[int]:
    """Serve an application that has a ``websocket_protocol``; the port.

    Args:
        app: the application.
        close: whether to close it before uvicorn stops; without, uvicorn's own shutdown is what ends it.
        config: more for uvicorn.

    """
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        server = PromptServer(
            uvicorn.Config(
                app,
                ws=app.websocket_protocol,
                lifespan="on",
                log_level="error",
                access_log=False,
                proxy_headers=False,
                log_config=None,  # it would turn the handlers of the whole test process around
                timeout_graceful_shutdown=1,
                **config,
            )
        )
        task = asyncio.create_task(server._serve(sockets=[listener]))
        while not server.started and not task.done():  # noqa: ASYNC110  # uvicorn sets a flag, no event
            await asyncio.sleep(0.001)
        try:
            yield listener.getsockname()[1]
        finally:
            if close:
                abort_everything()
                await app.close()
                await _connections_gone(server)
            server.stop.set()
            await task


async def _connections_gone(server: uvicorn.Server) -> None:
    for _ in range(100):
        if not server.server_state.connections:
            return
        await asyncio.sleep(0.001)


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
        return await soon(within, self._first_reason())

    async def _first_reason(self) -> str:
        while not self.reasons:  # noqa: ASYNC110  # a list is what tests compare; an event beside it would be noise
            await asyncio.sleep(0.001)
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
