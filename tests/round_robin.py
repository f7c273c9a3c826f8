"""A load balancer that remembers nobody: each HTTP request, and each WebSocket, goes to the next server in turn.

Owns a listening port of this machine. It speaks as much HTTP as it takes to end each connection after one request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from types import TracebackType
from typing import Self

__all__ = ["RoundRobin"]


class RoundRobin:
    """Spreads requests over ports of this machine; a server that does not take them is left out, as balancers do."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.port = 0
        self.turns: list[int] = []
        """Which server each request went to, by its place."""
        self._ports = list(ports)
        self._next = cycle(range(len(ports)))
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, EOFError):
                await self._carry(reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one request and its answer, which says that the connection is over."""
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head[:-4].split(b"\r\n")[1:])
        body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
        there, back = await self._connect()
        upgrade = b"upgrade" in fields
        back.write((head if upgrade else _closing(head)) + body)
        up = asyncio.create_task(_pour(reader, back) if upgrade else _watch(reader, back))
        try:
            while data := await there.read(65_536):
                writer.write(data)
                await writer.drain()
        finally:
            up.cancel()
            back.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        first = next(self._next)
        for step in range(len(self._ports)):  # the turns of others meanwhile must not lead back to one that was tried
            place = (first + step) % len(self._ports)
            with suppress(OSError):
                line = await asyncio.open_connection("127.0.0.1", self._ports[place])
                self.turns.append(place)
                return line
        raise ConnectionRefusedError


def _closing(head: bytes) -> bytes:
    lines = [line for line in head[:-4].split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.transport.abort()


async def _watch(reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
    """A client that goes away while it waits takes its request along."""
    await reader.read(1)
    back.transport.abort()
