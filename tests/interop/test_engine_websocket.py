"""WebSocket as a transport: messages and fragments, limits, control frames, and what RFC 6455 forbids."""

import asyncio
import contextlib
import ssl
import struct
from pathlib import Path

import pytest
import websockets

from madang.socketio import Server, ServerOptions
from tests.certificate import self_signed
from tests.interop.raw_client import BINARY, CLOSE, HOST, PING, PONG, TEXT, WEBSOCKET, Closed, RawWebSocket, frame, get
from tests.interop.serving import recording, serving, serving_suites

ECHO = "/engine.io/?EIO=4&transport=websocket"


async def test_text_and_binary_come_back_as_they_went() -> None:
    """Messages of both kinds and of every length of header pass."""
    async with serving_suites() as port:
        socket = await RawWebSocket.connect_engine(port, ECHO)
        for text in ("4hello", "4", "4안녕", "4" + "x" * 124, "4" + "x" * 125, "4" + "x" * 65_535, "4" + "x" * 900_000):
            socket.send(text)
            assert await socket.text() == text
        for data in (b"\x01\x02\x03\x04", b"", b"\xff" * 70_000):
            socket.send(data)
            assert await socket.binary() == data
        socket.send("bAQIDBA==")
        assert await socket.binary() == b"\x01\x02\x03\x04"


@pytest.mark.parametrize("message", ["abc", "", "2", "7", "b!!!", "1"])
async def test_a_packet_that_is_wrong_closes_the_connection_at_once(message: str) -> None:
    """No packet, a ping in the wrong direction, or the peer's own close: CLOSE within 100 ms, no heartbeat needed."""
    async with recording() as record:
        socket = await RawWebSocket.connect_engine(record.port)
        socket.send(message)
        assert await socket.closed(within=0.1) in (1000, 1002)
        assert not record.server.engine_server.engines


@pytest.mark.parametrize("message", ["0{}", "5", "6", "3", "3probe"])
async def test_packets_that_mean_nothing_here_are_ignored(message: str) -> None:
    """As in the Node server, they close nothing."""
    async with serving_suites() as port:
        socket = await RawWebSocket.connect_engine(port, ECHO)
        socket.send(message, "4on")
        assert await socket.text() == "4on"


async def test_fragments_become_one_message_and_pings_may_come_between() -> None:
    """A message in four frames, one of them empty, split inside a character, with a ping in the middle."""
    async with serving_suites() as port:
        socket = await RawWebSocket.connect_engine(port, ECHO)
        text = "4한글".encode()
        socket.send_raw(
            frame(TEXT, text[:2], fin=False)
            + frame(0, b"", fin=False)
            + frame(PING, b"now")
            + frame(0, text[2:5], fin=False)
            + frame(0, text[5:])
        )
        assert await socket.frame() == (PONG, b"now")
        assert await socket.text() == "4한글"
        socket.send_raw(frame(BINARY, b"\x01", fin=False) + frame(0, b"\x02"))
        assert await socket.binary() == b"\x01\x02"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"4\xff"), 1007),
        (frame(TEXT, b"4\xed\xa0\x80"), 1007),
        (frame(TEXT, b"4", fin=False) + frame(0, b"\xff"), 1007),
        (frame(TEXT, b"4a", rsv=4), 1002),
        (frame(TEXT, b"4a", masked=False), 1002),
        (frame(0, b"4a"), 1002),
        (frame(TEXT, b"4a", fin=False) + frame(TEXT, b"4b"), 1002),
        (frame(3, b"4a"), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (frame(TEXT, b"4" + b"x" * 100), 1009),
        (frame(TEXT, b"4" + b"x" * 60, fin=False) + frame(0, b"x" * 60), 1009),
        (frame(CLOSE, struct.pack(">H", 999)), 1002),
    ],
)
async def test_what_the_rfc_or_the_limit_forbids_closes_with_its_code(data: bytes, code: int) -> None:
    """Bad UTF-8, reserved bits, no mask, stray or nested fragments, unknown opcodes, over-long messages."""
    async with recording(max_payload=100) as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        socket.send_raw(data)
        assert await socket.closed(within=0.1) == code
        assert await record.reason(within=0.2) == "transport error"


async def test_a_message_of_exactly_the_limit_passes() -> None:
    """The limit counts the packet with its type."""
    async with recording(max_payload=100) as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        socket.send('42["' + "x" * 94 + '"]')
        await asyncio.sleep(0.02)
        assert [event for event, _ in record.events] == ["x" * 94]


@pytest.mark.parametrize(
    ("payload", "answer"), [(struct.pack(">H", 1000), 1000), (b"", 1000), (struct.pack(">H", 4321) + b"bye", 4321)]
)
async def test_a_close_is_answered_and_ends_the_connection(payload: bytes, answer: int) -> None:
    """The peer's code comes back, then the connection ends; the application hears "transport close"."""
    async with recording() as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        socket.send_raw(frame(CLOSE, payload))
        assert await socket.closed(within=0.2) == answer
        assert await record.reason(within=0.2) == "transport close"
        assert await socket.reader.read() == b""


async def test_a_connection_that_breaks_is_a_transport_close() -> None:
    """A peer that vanishes without a word is gone at once."""
    async with recording() as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        socket.close()
        assert await record.reason(within=0.2) == "transport close"
        assert not record.server.engine_server.engines


async def test_a_peer_that_ignores_our_close_is_cut() -> None:
    """After two seconds without an answer the connection ends."""
    async with recording() as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        record.sockets[0].close_engine(1013, "later")
        with pytest.raises(Closed) as closed:
            await socket.frame()
        assert closed.value.code == 1013
        async with asyncio.timeout(2.5):
            with pytest.raises(Closed):
                await socket.frame(timeout=3)


async def test_what_was_emitted_before_a_close_arrives_before_it() -> None:
    """The last words of the server are heard, also when nothing was flushed yet."""
    async with recording() as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        record.sockets[0].emit("bye", 1)
        record.sockets[0].close_engine()
        assert await socket.text() == '42["bye",1]'
        assert await socket.closed() == 1013


async def test_without_the_transport_there_is_no_door() -> None:
    """A server without polling refuses it, and one without WebSocket offers no upgrade."""
    async with recording(transports=("websocket",)) as record:
        assert (await get(record.port, "/socket.io/?EIO=4&transport=polling")).json()["code"] == 0
        await RawWebSocket.connect(record.port)
    async with recording(transports=("polling",)) as record:
        assert '"upgrades":[]' in (await get(record.port, "/socket.io/?EIO=4&transport=polling")).body
        assert not isinstance(await RawWebSocket.upgrade(record.port, WEBSOCKET), RawWebSocket)


async def test_uvicorns_shutdown_ends_websockets_for_coming_back() -> None:
    """A process that is told to stop closes with 1012, and the application hears that it shuts down."""
    async with contextlib.AsyncExitStack() as stack:
        server = Server(ServerOptions(origins="*"))
        reasons: list[str] = []
        server.on("disconnect", lambda _, reason: reasons.append(reason))
        port = await stack.enter_async_context(serving(server, close=False))
        socket = await RawWebSocket.connect_socketio(port)
        ending = asyncio.create_task(stack.aclose())
        assert await socket.closed() == 1012
        socket.close()
        await ending
        assert reasons == ["server shutting down"]


async def test_it_works_over_tls(tmp_path: Path) -> None:
    """Where the process itself ends TLS: messages of all sizes pass, and the handshake says secure."""
    certificate, key = self_signed(tmp_path)
    server = Server(ServerOptions(origins="*"))
    server.on("echo", lambda _, value: value)
    server.on("secure", lambda socket: socket.handshake.secure)
    async with serving(server, ssl_certfile=certificate, ssl_keyfile=key) as port:
        context = ssl.create_default_context(cafile=certificate)
        async with websockets.connect(
            f"wss://localhost:{port}{WEBSOCKET}", ssl=context, max_size=None, host=HOST
        ) as client:
            assert str(await client.recv()).startswith("0{")
            await client.send("40")
            assert str(await client.recv()).startswith("40{")
            for size in (1, 10_000, 700_000):
                await client.send(f'421["echo","{"x" * size}"]')
                assert await client.recv() == f'431["{"x" * size}"]'
            await client.send('422["secure"]')
            assert await client.recv() == "432[true]"
