"""HTTP requests and WebSockets written by hand, so that a test can say what no well-behaved client says.

Owns nothing of the server. A request has a connection of its own; a WebSocket gives frames, not messages.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

HOST = "127.0.0.1"
POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


_opened: list[asyncio.StreamWriter] = []


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(HOST, port)
    _opened.append(writer)
    return reader, writer


def abort_everything() -> None:
    """Cut every connection that was made since the last call; a test need not tidy up."""
    for writer in _opened:
        writer.transport.abort()
    _opened.clear()


async def soon(seconds: float, awaitable: Awaitable[T]) -> T:
    """Wait for something that must come soon, in milliseconds during which the loop ran.

    A busy machine that stops the whole process is no fault of the server; a server that waits for a timer is found.
    """
    task = asyncio.ensure_future(awaitable)
    for _ in range(round(seconds * 1000)):
        done, _ = await asyncio.wait((task,), timeout=0.001)
        if done:
            return task.result()
    task.cancel()
    raise TimeoutError(f"not within {seconds} s")


@dataclass
class Response:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Request:
    """An HTTP request under way, on a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def response(self, timeout: float = 3) -> Response:
        """Wait for the answer."""
        try:
            async with asyncio.timeout(timeout):
                return await _read_response(self._reader)
        finally:
            self._writer.close()

    def send_raw(self, data: bytes) -> None:
        """Send more of the request."""
        self._writer.write(data)

    def abort(self) -> None:
        """Cut the connection."""
        self._writer.transport.abort()


async def start(
    port: int, target: str, *, method: str = "GET", body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Request:
    """Send a request and do not wait for the answer."""
    reader, writer = await _connect(port)
    lines = [f"{method} {target} HTTP/1.1", f"Host: {HOST}:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if method != "GET" and "Transfer-Encoding" not in (headers or {}):
        lines.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    return Request(reader, writer)


async def get(port: int, target: str, **headers: str) -> Response:
    """Send a GET and wait."""
    return await (
        await start(port, target, headers={name.replace("_", "-"): headers[name] for name in headers})
    ).response()


async def post(port: int, target: str, body: str | bytes, **headers: str) -> Response:
    """Send a POST and wait."""
    data = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): headers[name] for name in headers}
    return await (await start(port, target, method="POST", body=data, headers=named)).response()


async def open_polling(port: int, path: str = "/socket.io/") -> str:
    """Open a connection by polling; the target of its further requests."""
    target = f"{path}?EIO=4&transport=polling"
    response = await get(port, target)
    assert response.status == 200, response
    return f"{target}&sid={json.loads(response.body[1:])['sid']}"


async def _read_response(reader: asyncio.StreamReader) -> Response:
    status = int((await reader.readline()).split()[1])
    headers = {}
    while line := (await reader.readline()).strip():
        name, _, value = line.decode("latin-1").partition(": ")
        headers[name.lower()] = value
    return Response(status, headers, (await reader.readexactly(int(headers.get("content-length", "0")))).decode())


class Closed(Exception):  # noqa: N818  # being closed is what most tests here wait for
    """The WebSocket is closed; ``code`` is None when no CLOSE frame came."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class RawWebSocket:
    """A WebSocket client that sends what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def upgrade(cls, port: int, target: str, headers: Mapping[str, str] | None = None) -> RawWebSocket | Response:
        """Ask for a WebSocket; the answer when it is no."""
        reader, writer = await _connect(port)
        fields = {
            "Host": f"{HOST}:{port}",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **(headers or {}),
        }
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        async with asyncio.timeout(3):
            response = await _read_response(reader)
        if response.status == 101:
            return cls(reader, writer)
        writer.close()
        return response

    @classmethod
    async def connect(
        cls, port: int, target: str = WEBSOCKET, headers: Mapping[str, str] | None = None
    ) -> RawWebSocket:
        """Open a WebSocket."""
        answer = await cls.upgrade(port, target, headers)
        assert isinstance(answer, cls), answer
        return answer

    @classmethod
    async def connect_engine(cls, port: int, target: str = WEBSOCKET) -> RawWebSocket:
        """Open a WebSocket and take the Engine.IO handshake."""
        socket = await cls.connect(port, target)
        assert (await socket.text()).startswith("0{")
        return socket

    @classmethod
    async def connect_socketio(cls, port: int, payload: str = "") -> RawWebSocket:
        """Open a WebSocket and join "/"; what the application sends next is not read."""
        socket = await cls.connect_engine(port)
        socket.send("40" + payload)
        assert (await socket.text()).startswith('40{"sid":')
        return socket

    def send(self, *messages: str | bytes) -> None:
        """Send messages, text or binary, in one piece."""
        self.writer.write(
            b"".join(
                frame(TEXT, message.encode()) if isinstance(message, str) else frame(BINARY, message)
                for message in messages
            )
        )

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    async def frame(self, timeout: float = 3) -> tuple[int, bytes]:
        """Wait for a frame.

        Raises:
            Closed: when it is a CLOSE, or the connection has ended.

        """
        async with asyncio.timeout(timeout):
            try:
                first, second = await self.reader.readexactly(2)
                size = second & 0x7F
                if size == 126:
                    (size,) = struct.unpack(">H", await self.reader.readexactly(2))
                elif size == 127:
                    (size,) = struct.unpack(">Q", await self.reader.readexactly(8))
                payload = await self.reader.readexactly(size)
            except (asyncio.IncompleteReadError, ConnectionError):
                raise Closed(None) from None
        if first & 0x0F == CLOSE:
            raise Closed(struct.unpack(">H", payload[:2])[0] if payload else None)
        return first & 0x0F, payload

    async def text(self, timeout: float = 3) -> str:
        """Wait for a text frame."""
        opcode, payload = await self.frame(timeout)
        assert opcode == TEXT, (opcode, payload)
        return payload.decode()

    async def binary(self, timeout: float = 3) -> bytes:
        """Wait for a binary frame."""
        opcode, payload = await self.frame(timeout)
        assert opcode == BINARY, (opcode, payload)
        return payload

    async def closed(self, within: float = 3) -> int | None:
        """Wait until it is closed, whatever comes before; the code."""
        return await soon(within, self._read_to_the_end())

    async def _read_to_the_end(self) -> int | None:
        while True:
            try:
                await self.frame()
            except Closed as closed:
                return closed.code

    def close(self) -> None:
        """Cut the connection."""
        self.writer.transport.abort()


def frame(opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """Encode a client's frame."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = bytes([first, bit | len(payload)])
    elif len(payload) < 1 << 16:
        head = bytes([first, bit | 126]) + struct.pack(">H", len(payload))
    else:
        head = bytes([first, bit | 127]) + struct.pack(">Q", len(payload))
    if not masked:
        return head + payload
    key = b"\x37\xfa\x21\x3d"
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + key + mixed.to_bytes(len(payload), "big")
