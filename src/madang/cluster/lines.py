"""Lines between nodes: a request that is asked at another one, and a WebSocket that is carried to it byte by byte.

Owns the little HTTP that takes, on a connection for each. What is said on a line is neither read nor changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from madang.socketio import PASSED_ON, PassedAnswer, PassedRequest

__all__ = ["Tunnel", "ask"]

CONNECT_SECONDS: Final = 2.0
MOST_BYTES: Final = 32 * 1024 * 1024
"""Of an answer: more than an engine lets wait for a client."""
_ASKED: Final = frozenset({b"host", b"origin", b"content-type"})
"""What an owner wants to know of a poll or a post."""
_OF_THE_CONNECTION: Final = frozenset(
    {b"connection", b"keep-alive", b"content-length", b"transfer-encoding", PASSED_ON}
)
_ANSWERED: Final = frozenset({b"connection", b"date", b"transfer-encoding"})


async def ask(place: str, request: PassedRequest, seal: bytes, *, seconds: float) -> PassedAnswer | None:
    """The answer to a poll or a post; None if there is none. Cancelling cuts the line, which the other node notices.

    Args:
        place: where the owner is.
        request: as it came.
        seal: what lets it in there.
        seconds: how long the answer may take.
    """
    transport: Any = None
    kept = [(name, value) for name, value in request.headers if name in _ASKED]
    framing = [(b"connection", b"close"), (b"content-length", b"%d" % len(request.body)), (PASSED_ON, seal)]
    try:
        async with asyncio.timeout(seconds):
            reader = asyncio.StreamReader()
            transport = await _connect(place, lambda: asyncio.StreamReaderProtocol(reader))
            transport.write(_head(request, [*kept, *framing]) + request.body)
            return await _answer(reader)
    except (OSError, TimeoutError, EOFError, ValueError, asyncio.LimitOverrunError):
        return None
    finally:
        if transport is not None:
            transport.abort()


async def _connect(place: str, protocol: Callable[[], asyncio.BaseProtocol]) -> Any:
    """A connection to `host:port`, or to the path of a Unix socket. Raises `OSError`, `TimeoutError`."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_SECONDS):
        if place.startswith("/"):
            return (await loop.create_unix_connection(protocol, place))[0]
        host, _, port = place.rpartition(":")
        return (await loop.create_connection(protocol, host.strip("[]"), int(port)))[0]


async def _answer(reader: asyncio.StreamReader) -> PassedAnswer | None:
    first, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
    pairs = [line.split(b":", 1) for line in lines]
    headers = [(name.strip().lower(), value.strip()) for name, value in pairs]
    length = int(dict(headers).get(b"content-length", b"0"))
    if length > MOST_BYTES:
        return None
    body = await reader.readexactly(length)
    status = int(first.split(b" ", 2)[1])
    return PassedAnswer(status=status, headers=[each for each in headers if each[0] not in _ANSWERED], body=body)


def _head(request: PassedRequest, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    lines = [b"%b: %b" % pair for pair in headers]
    return b"\r\n".join([b"%b %b HTTP/1.1" % (request.method.encode(), request.target), *lines, b"", b""])


class _End(asyncio.Protocol):
    """One end of a tunnel: what comes here goes out there, no faster than it is taken there."""

    def __init__(self, tunnel: Tunnel, there: Any) -> None:
        self._tunnel = tunnel
        self._there = there

    def data_received(self, data: bytes) -> None:
        self._there.write(data)

    def pause_writing(self) -> None:
        self._there.pause_reading()

    def resume_writing(self) -> None:
        self._there.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        self._tunnel.shutdown()


class Tunnel:
    """A WebSocket of a client that another node has the engine of."""

    def __init__(self, client: Any, connections: set[Any]) -> None:
        self._client = client
        self._owner: Any = None
        self._connections = connections
        self.over = asyncio.Event()

    async def open(self, place: str, request: PassedRequest, seal: bytes) -> bool:
        """Connect to the owner and hand the request over; False if it cannot be reached. Then it is as if never made."""
        self._client.pause_reading()
        try:
            self._owner = await _connect(place, lambda: _End(self, self._client))
        except (OSError, TimeoutError, ValueError):
            with suppress(RuntimeError):  # it is closing
                self._client.resume_reading()
            return False
        headers = [(name, value) for name, value in request.headers if name not in _OF_THE_CONNECTION]
        self._owner.write(_head(request, [*headers, (b"connection", b"Upgrade"), (PASSED_ON, seal)]))
        self._connections.add(self)
        self._client.set_protocol(_End(self, self._owner))
        if self._client.is_closing():
            self.shutdown()
        else:
            self._client.resume_reading()
        return True

    def shutdown(self) -> None:
        """End it, at both ends. Safe to call twice."""
        self._connections.discard(self)
        for end in (self._client, self._owner):
            if end is not None and not end.is_closing():
                end.close()
        self.over.set()
