"""The official JavaScript client against the bare engine: binary both ways, acks, namespaces."""

import asyncio
from typing import Any

import pytest

from madang.socketio import Server, ServerOptions, Socket
from tests.interop.conformance_server import socketio_test_server
from tests.interop.serving import serving
from tests.interop.stock_client import StockClient

PICTURE = {"binary": "AAECA/8="}
EVERY_WAY = pytest.mark.parametrize(
    "transports", [None, ["polling"], ["websocket"]], ids=["default", "polling only", "websocket only"]
)


@EVERY_WAY
async def test_binary_goes_both_ways(stock_client: StockClient, transports: list[str] | None) -> None:
    """Buffers inside arguments come back as buffers, in events and in acks, also among other values."""
    server = socketio_test_server(ServerOptions(origins="*"))
    async with serving(server) as port:
        await stock_client.connect(f"http://127.0.0.1:{port}", transports=transports)
        args = [{"picture": PICTURE, "name": "사진"}, [PICTURE, 1, None], PICTURE]
        stock_client.tell("emit", event="message", args=args)
        back = await stock_client.until("event", lambda happened: happened["event"] == "message-back")
        assert back["args"] == args
        assert await stock_client.ask("message-with-ack", *args) == args


async def test_the_server_asks_and_the_client_answers(stock_client: StockClient) -> None:
    """A server-side emit with an ack gets the client's answer, binary included; without one it times out."""
    server = Server(ServerOptions(origins="*"))
    joined: asyncio.Queue[Socket] = asyncio.Queue()
    server.on("connection", joined.put_nowait)
    async with serving(server) as port:
        await stock_client.connect(f"http://127.0.0.1:{port}", transports=["websocket"])
        socket = await joined.get()
        answer: list[Any] = await socket.call("question", b"\x01\x02", timeout=5)
        assert answer == ["question", b"\x01\x02"]
        with pytest.raises(TimeoutError):
            await socket.call("silence", timeout=0.2)
