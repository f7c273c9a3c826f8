"""A network that fails on command: everything between two programs that speak TCP or a Unix socket goes through it.

Owns a listening port of this machine and the connections that come through it. Knows nothing of what they carry. What it is
told holds from the next chunk on, for the connections that are open and for those to come.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Self

__all__ = ["Direction", "Proxy", "Route"]

Direction = Literal["up", "down"]
"""`up` is what the client says, `down` what the server answers."""
_CHUNK: Final = 65_536
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER for zero seconds: closing sends RST, and what was on the way is lost."""


@dataclass(eq=False)
class Route:
    """One connection through the proxy."""

    ends: dict[Direction, asyncio.StreamWriter] = field(default_factory=dict)
    carried: dict[Direction, int] = field(default_factory=lambda: {"up": 0, "down": 0})
    """Bytes so far, by direction."""
    finished: set[Direction] = field(default_factory=set)
    """Directions in which FIN was said; what comes after it has nowhere to go."""

    def reset(self) -> None:
        """Cut it with RST, at both ends."""
        for end in self.ends.values():
            raw = end.get_extra_info("socket")
            if raw is not None and raw.family == socket.AF_INET and not end.is_closing():
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.transport.abort()

    def finish(self, direction: Direction) -> None:
        """Half-close: say FIN in one direction, the other goes on."""
        self.finished.add(direction)
        end = self.ends[direction]
        if end.can_write_eof() and not end.is_closing():
            end.write_eof()


class Proxy:
    """Carries bytes to a port of this machine, or to the path of a Unix socket.

    Args:
        upstream: where the server is.
        seed: what chance is drawn from, so that a failure can be had again.
        window: bytes that a server on a port may have sent before they are read; the system's choice if None.
    """

    def __init__(self, upstream: int | str, *, seed: int = 0, window: int | None = None) -> None:
        self.upstream = upstream
        self.window = window
        self.port = 0
        self.delay: tuple[float, float] = (0.0, 0.0)
        """Seconds that each chunk is late, at least and at most; chunks of a connection keep their order."""
        self.silent: set[Direction] = set()
        """Directions in which everything is swallowed, while both ends believe in the connection."""
        self.stalled: set[Direction] = set()
        """Directions that are not read, so that whoever speaks finds its buffers full."""
        self.refusing = False
        """New connections are reset at once."""
        self.cut_after: dict[Direction, int] = {}
        """Connections are reset when they have carried so many bytes in this direction; the rest of them is lost."""
        self.on_chunk: Callable[[Route, Direction, bytes], bool] = lambda _route, _direction, _data: True
        """Sees each chunk before it is carried; says whether it is."""
        self._chance = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._routes: set[Route] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where a client of HTTP connects."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def routes(self) -> list[Route]:
        """The connections that are open."""
        return list(self._routes)

    def cut(self) -> None:
        """Reset every connection, and carry faithfully from now on."""
        self.silent = set()
        for route in self.routes:
            route.reset()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        route = Route({"down": writer})
        try:
            if self.refusing:
                raise ConnectionRefusedError
            if isinstance(self.upstream, int):
                there, back = await asyncio.open_connection(sock=self._connected(self.upstream))
            else:
                there, back = await asyncio.open_unix_connection(self.upstream)
        except OSError:  # the server is down, and so is the line to it
            route.reset()
            return
        route.ends["up"] = back
        self._routes.add(route)
        tasks = [
            asyncio.create_task(self._carry(route, "up", reader)),
            asyncio.create_task(self._carry(route, "down", there)),
        ]
        for task in tasks:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda _: self._ended(route, tasks))

    def _connected(self, port: int) -> socket.socket:
        connection = socket.socket()
        try:
            if self.window is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.window)
            connection.connect(("127.0.0.1", port))
        except OSError:
            connection.close()
            raise
        connection.setblocking(False)
        return connection

    def _ended(self, route: Route, tasks: list[asyncio.Task[None]]) -> None:
        if all(task.done() for task in tasks):
            self._routes.discard(route)
            for end in route.ends.values():
                end.transport.abort()

    async def _carry(self, route: Route, direction: Direction, source: asyncio.StreamReader) -> None:
        try:
            while data := await source.read(_CHUNK):
                while direction in self.stalled:  # noqa: ASYNC110 - a set that tests change has no event
                    await asyncio.sleep(0.01)
                if self.delay[1]:
                    await asyncio.sleep(self._chance.uniform(*self.delay))
                if direction in self.silent | route.finished or not self.on_chunk(route, direction, data):
                    continue
                room = self.cut_after.get(direction, 1 << 62) - route.carried[direction]
                route.carried[direction] += len(data)
                route.ends[direction].write(data[: max(room, 0)])
                await route.ends[direction].drain()
                if len(data) >= room:
                    route.reset()
                    return
            route.finish(direction)
        except (OSError, RuntimeError):  # what uvloop calls an end that has just been closed
            route.reset()
