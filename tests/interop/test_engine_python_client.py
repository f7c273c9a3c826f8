"""The client of python-socketio against the engine: somebody else's reading of the same protocol."""

import asyncio
from typing import Any

import pytest
import socketio

from madang.socketio import ConnectionRefused, Server, ServerOptions, Socket
from tests.interop.serving import serving

TRANSPORTS = [["polling"], ["websocket"], ["polling", "websocket"]]


def application() -> Server:
    """An application with a bit of everything."""
    server = Server(ServerOptions(origins="*"))

    @server.use
    def check(_: Socket, auth: dict[str, Any]) -> None:
        if auth.get("token") != "good":
            raise ConnectionRefused("refused", {"error": "token_invalid"})

    @server.on("echo")
    def echo(_: Socket, *args: Any) -> tuple[Any, ...]:
        return args

    @server.on("shout")
    def shout(socket: Socket, *args: Any) -> None:
        socket.join("room")
        server.to("room").emit("shouted", *args)

    @server.on("tell me all")
    def tell(socket: Socket, count: int) -> None:
        for number in range(count):
            socket.emit("told", number, b"binary")

    @server.on("ask me")
    async def ask(socket: Socket) -> list[Any]:
        return await socket.call("question", 6, 7, timeout=2)

    server.on("drop me", lambda socket: socket.close_engine())
    server.on("send me away", lambda socket: socket.disconnect())
    return server


@pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)
async def test_events_acks_and_binary_pass(transports: list[str]) -> None:
    """Over each transport and through the upgrade: text, Korean, large and binary values, acks both ways."""
    async with serving(application()) as port:
        client = socketio.AsyncClient()
        shouted: asyncio.Queue[list[Any]] = asyncio.Queue()
        client.on("shouted", lambda *args: shouted.put_nowait(list(args)))
        client.on("question", lambda a, b: a * b)
        await client.connect(f"http://127.0.0.1:{port}", auth={"token": "good"}, transports=transports)
        assert client.transport() == transports[-1]
        for value in ("안녕 🌸", {"a": [1, None, True]}, b"\x00\xff" * 1000, "x" * 300_000):
            assert await client.call("echo", value, timeout=3) == value
        await client.emit("shout", ({"file": b"\x01"}, "text"))
        async with asyncio.timeout(3):
            assert await shouted.get() == [{"file": b"\x01"}, "text"]
        assert await client.call("ask me", timeout=3) == [42]
        await client.disconnect()


@pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)
async def test_many_events_at_once_pass(transports: list[str]) -> None:
    """In order and on one connection: this client ends one that brings more than 16 packets with a poll."""
    async with serving(application()) as port:
        client = socketio.AsyncClient(reconnection=False)
        told: list[int] = []
        client.on("told", lambda number, _: told.append(number))
        await client.connect(f"http://127.0.0.1:{port}", auth={"token": "good"}, transports=transports)
        await client.emit("tell me all", 100)
        async with asyncio.timeout(5):
            while len(told) < 100 and client.connected:  # noqa: ASYNC110  # the client has no event for it
                await asyncio.sleep(0.01)
        assert told == list(range(100))
        assert client.connected
        await client.disconnect()


async def test_a_refused_client_is_told_why() -> None:
    """CONNECT_ERROR carries the message and the data."""
    async with serving(application()) as port:
        client = socketio.AsyncClient(reconnection=False)
        errors: list[Any] = []
        client.on("connect_error", errors.append)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(f"http://127.0.0.1:{port}", auth={"token": "bad"}, wait_timeout=2)
        assert errors == [{"message": "refused", "data": {"error": "token_invalid"}}]
        await client.disconnect()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize(("event", "comes_back"), [("drop me", True), ("send me away", False)])
async def test_an_engine_closed_comes_back_and_a_disconnect_stays_away(
    event: str, comes_back: bool, transport: str
) -> None:
    """The two ends mean two things to a stock client."""
    server = application()
    async with serving(server) as port:
        client = socketio.AsyncClient(reconnection_delay=0.05, reconnection_delay_max=0.1)
        await client.connect(f"http://127.0.0.1:{port}", auth={"token": "good"}, transports=[transport])
        first = next(iter(server.sockets))
        await client.emit(event)
        async with asyncio.timeout(3):
            while first in server.sockets:  # noqa: ASYNC110  # the server is not to be told about tests
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)
        assert bool(server.sockets) is comes_back
        await client.disconnect()
