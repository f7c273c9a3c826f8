"""The network that fails: each of its faults is what it says, and what is not asked does not happen."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from time import monotonic

import pytest

from tests.faults.proxy import Proxy

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Call = Callable[[], Awaitable[Ends]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that says what it hears, and goodbye when it hears no more."""
    with suppress(ConnectionError):
        while data := await reader.read(1_000):
            writer.write(data)
        writer.write(b"bye")
        await writer.drain()
    writer.close()


@pytest.fixture(params=["port", "path"])
async def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Proxy]:
    """A line to an echo, on a port or on a Unix socket."""
    async with AsyncExitStack() as stack:
        if request.param == "port":
            server = await asyncio.start_server(echo, "127.0.0.1", 0)
            upstream: int | str = server.sockets[0].getsockname()[1]
        else:
            server = await asyncio.start_unix_server(echo, upstream := str(tmp_path / "echo"))
        stack.callback(server.close)
        yield await stack.enter_async_context(Proxy(upstream))


@pytest.fixture
async def call(proxy: Proxy) -> AsyncIterator[Call]:
    """Makes connections through it, which end with the test."""
    writers: list[asyncio.StreamWriter] = []

    async def connect() -> Ends:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writers.append(writer)
        return reader, writer

    yield connect
    for writer in writers:
        writer.close()


async def said(ends: Ends, text: bytes) -> bytes:
    """What comes back for it."""
    reader, writer = ends
    writer.write(text)
    return await asyncio.wait_for(reader.read(1_000), 1)


async def test_it_carries_and_ends_as_the_ends_do(call: Call) -> None:
    """Both ways, and a half-close in one direction leaves the other open."""
    reader, writer = ends = await call()
    assert await said(ends, b"one") == b"one"
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 1) == b"bye"


async def test_a_cut_resets_what_is_open_and_nothing_after_it(proxy: Proxy, call: Call) -> None:
    """The client sees RST, not an end; the next connection works."""
    reader, _ = ends = await call()
    assert await said(ends, b"one") == b"one"
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        await reader.read()
    assert await said(await call(), b"two") == b"two"


async def test_a_silent_direction_swallows(proxy: Proxy, call: Call) -> None:
    """The connection stands, and nothing comes; later chunks do."""
    ends = await call()
    proxy.silent = {"down"}
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(said(ends, b"lost"), 0.1)
    proxy.silent = set()
    assert await said(ends, b"heard") == b"heard"


async def test_a_stalled_direction_is_read_later(proxy: Proxy, call: Call) -> None:
    """Nothing comes, nothing is lost, and whoever speaks finds its buffers full: little is taken from them meanwhile."""
    reader, writer = ends = await call()
    assert await said(ends, b"one") == b"one"
    proxy.stalled = {"up"}
    writer.write(bytes(32 << 20))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writer.drain(), 0.2)
    proxy.stalled = set()
    async with asyncio.timeout(10):
        await reader.readexactly(32 << 20)


async def test_a_delay_keeps_the_order(proxy: Proxy, call: Call) -> None:
    """Late, whole, and as it was said."""
    ends = await call()
    proxy.delay = (0.02, 0.04)
    began = monotonic()
    assert await said(ends, b"one") == b"one"
    assert 0.04 <= monotonic() - began < 0.5


async def test_a_connection_is_cut_after_so_many_bytes(proxy: Proxy, call: Call) -> None:
    """No byte more arrives, and then RST."""
    proxy.cut_after = {"down": 5}
    reader, writer = ends = await call()
    assert await said(ends, b"abc") == b"abc"
    writer.write(b"defg")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(3)


async def test_a_chunk_may_be_looked_at_and_held_back(proxy: Proxy, call: Call) -> None:
    """Whoever looks decides for each."""
    ends = await call()
    proxy.on_chunk = lambda _route, direction, data: not (direction == "up" and b"secret" in data)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(said(ends, b"a secret"), 0.1)
    assert await said(ends, b"hello") == b"hello"


async def test_new_connections_are_refused(proxy: Proxy, call: Call) -> None:
    """While those that are open go on."""
    ends = await call()
    assert await said(ends, b"one") == b"one"
    proxy.refusing = True
    other = await call()
    with pytest.raises(ConnectionResetError):
        await said(other, b"two")
    assert await said(ends, b"two") == b"two"


async def test_whoever_goes_away_while_a_chunk_is_late_ends_the_line(proxy: Proxy, call: Call) -> None:
    """What was on its way has nowhere to go, and that is all."""
    _, writer = await call()
    proxy.delay = (0.1, 0.1)
    writer.write(b"hello")
    await asyncio.sleep(0.15)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    await asyncio.sleep(0.3)
    assert proxy.routes == []
