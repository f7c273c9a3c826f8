"""What an application builds with: handlers and their order, rooms, acks both ways, namespaces, counters."""

import asyncio
import time
from typing import Any

import pytest

from madang.socketio import Frames, Server, ServerOptions, Socket, encode_event
from tests.interop.raw_client import RawWebSocket, soon
from tests.interop.serving import Recorded, recording, serving


async def three(record: Recorded) -> list[RawWebSocket]:
    """Join three sockets."""
    return [await RawWebSocket.connect_socketio(record.port) for _ in range(3)]


async def heard(peers: list[RawWebSocket], record: Recorded) -> list[list[str]]:
    """Send everybody an end mark; what each got before it."""
    record.server.emit("end")
    texts: list[list[str]] = []
    for peer in peers:
        texts.append([])
        while (text := await peer.text()) != '42["end"]':
            texts[-1].append(text)
    return texts


async def test_rooms_exceptions_and_ids_choose_the_receivers() -> None:
    """Each receiver once, however many of the rooms it is in."""
    async with recording() as record:
        peers = await three(record)
        one, two, three_ = record.sockets
        one.join("a")
        two.join("a")
        two.join("b")
        three_.join("b")
        server = record.server
        server.to("a").emit("1")
        server.to("a", "b").emit("2")
        server.to("a", "b").except_("b").emit("3")
        server.except_(one.id).emit("4")
        server.to(three_.id).emit("5")
        server.to("nobody").emit("6")
        server.of("/").broadcast("b", encode_event("7"), except_=[two])
        server.of("/").broadcast("b", Frames([encode_event("8"), encode_event("9")]))
        two.leave("b")
        two.leave("never joined")
        server.to("b").emit("10")
        expected = (["1", "2", "3"], ["1", "2", "4", "8", "9"], ["2", "4", "5", "7", "8", "9", "10"])
        assert await heard(peers, record) == [[f'42["{name}"]' for name in names] for names in expected]
        assert set(server.of("/").members("b")) == {three_}
        assert set(server.of("/").members(one.id)) == {one}
        assert one.rooms == {one.id, "a"}
        assert server.sockets.keys() == {one.id, two.id, three_.id}


async def test_namespaces_are_apart() -> None:
    """One engine, two sockets with ids of their own; events stay in their namespace."""
    async with recording() as record:
        admin = record.server.of("/admin")
        assert record.server.of("/admin") is admin
        joined: list[Socket] = []
        admin.on("connection", joined.append)
        peer = await RawWebSocket.connect_socketio(record.port)
        peer.send("40/admin,")
        assert (await peer.text()).startswith("40/admin,{")
        assert joined[0].id != record.sockets[0].id
        admin.emit("only", {"bytes": b"\x01"})
        assert await peer.text() == '451-/admin,["only",{"bytes":{"_placeholder":true,"num":0}}]'
        assert await peer.binary() == b"\x01"
        peer.send('42/admin,["x"]', "41/admin,", '42["root"]')
        await asyncio.sleep(0.02)
        assert record.events == [("root", [])]
        assert not admin.sockets
    with pytest.raises(ValueError, match="cannot name"):
        Server().of("admin")


async def test_the_server_may_ask_and_wait() -> None:
    """An event with ack: the answer's arguments; TimeoutError without one; ConnectionResetError when the peer leaves."""
    async with recording() as record:
        peer = await RawWebSocket.connect_socketio(record.port)
        socket = record.sockets[0]
        question = asyncio.create_task(socket.call("ask", 1, timeout=1))
        assert await peer.text() == '421["ask",1]'
        peer.send('431["yes",{"n":2}]', "431[1]", "4399[1]")
        assert await question == ["yes", {"n": 2}]
        with pytest.raises(TimeoutError):
            await socket.call("ask", timeout=0.02)
        assert await peer.text() == '422["ask"]'
        peer.send("432[]")
        leaving = asyncio.create_task(socket.call("ask", timeout=5))
        assert await peer.text() == '423["ask"]'
        peer.send("41")
        with pytest.raises(ConnectionResetError):
            await leaving


async def test_the_server_may_ask_many_and_wait_for_all() -> None:
    """One encoding for everybody; those who answer in time are in the result, those who left or slept are not."""
    async with recording() as record:
        peers = await three(record)
        asking = asyncio.create_task(record.server.of("/").call("ask", timeout=3))
        for peer in peers:
            assert await peer.text() == '421["ask"]'
        peers[0].send('431["zero"]')
        peers[1].send('431["one"]')
        peers[2].send("41")
        started = time.monotonic()
        assert await asking == [["zero"], ["one"]]
        assert time.monotonic() - started < 1
        assert await record.server.to("empty").call("ask", timeout=1) == []
        assert await record.server.to(record.sockets[0].id).call("ask", timeout=0.02) == []


async def test_an_ack_is_sent_once_and_never_after_the_end() -> None:
    """A sink may answer when it likes; the second answer is ignored, and one to a peer that left does nothing."""
    acks: list[Any] = []
    async with recording() as record:
        record.server.of("/").on_event(lambda _, __, ___, ack: acks.append(ack))
        peer = await RawWebSocket.connect_socketio(record.port)
        peer.send('425["a"]', '426["b"]', '42["c"]')
        await asyncio.sleep(0.02)
        assert acks[2] is None
        acks[1]({"ok": True})
        acks[1]("again")
        with pytest.raises(TypeError):
            acks[0](object())
        acks[0](b"\x07")
        assert await peer.text() == '436[{"ok":true}]'
        assert await peer.text() == '461-5[{"_placeholder":true,"num":0}]'
        assert await peer.binary() == b"\x07"
        peer.send('427["d"]', "41")
        await record.reason()
        acks[3]("late")
        await asyncio.sleep(0.02)
        peer.send("40")
        assert (await peer.text()).startswith("40{")


async def test_handlers_start_in_the_order_of_receipt() -> None:
    """Async and sync ones mixed, "connection" first, "disconnect" last; sync ones also finish in order."""
    server = Server(ServerOptions(origins="*"))
    steps: list[str] = []

    @server.on("connection")
    async def connection(socket: Socket) -> None:
        steps.append("connection")
        await asyncio.sleep(0.02)
        steps.append("connection done")

    @server.on("slow")
    async def slow(socket: Socket, name: str) -> str:
        steps.append(f"slow {name}")
        await asyncio.sleep(0.01)
        return name

    @server.on("quick")
    def quick(socket: Socket, name: str) -> tuple[str, int]:
        steps.append(f"quick {name}")
        return name, 1

    server.on("later", lambda _, name: slow(_, name))  # noqa: PLW0108  # a sync handler with an async result is the case
    server.on("disconnect", lambda _, reason: steps.append(str(reason)))
    async with serving(server) as port:
        socket = await RawWebSocket.connect_engine(port)
        socket.send(
            "40",
            '421["slow","a"]',
            '422["quick","b"]',
            '423["slow","c"]',
            '42["quick","d"]',
            '42["quick","e"]',
            '424["later","f"]',
        )
        assert (await socket.text()).startswith("40{")
        assert {await socket.text() for _ in range(4)} == {'431["a"]', '432["b",1]', '433["c"]', '434["f"]'}
        socket.send('42["quick","g"]', "41")
        await asyncio.sleep(0.03)
    expected = ["connection", "slow a", "quick b", "slow c", "quick d", "quick e", "slow f", "quick g"]
    assert [step for step in steps if step != "connection done"] == [*expected, "client namespace disconnect"]


async def test_a_handler_that_fails_leaves_the_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The error is logged, the ack stays open, the next event is handled; sinks are treated the same."""
    server = Server(ServerOptions(origins="*"))

    @server.on("sync")
    def broken(_: Socket) -> None:
        raise KeyError("sync")

    @server.on("async")
    async def broken_too(_: Socket) -> None:
        raise KeyError("async")

    @server.on("unfit")
    def unfit(_: Socket) -> object:
        return object()

    server.on("fine", lambda _: 1)

    def sink(*_: Any) -> None:
        raise KeyError("sink")

    server.of("/sink").on_event(sink)
    async with serving(server) as port:
        socket = await RawWebSocket.connect_socketio(port)
        socket.send("40/sink")
        assert (await socket.text()).startswith("40/sink,")
        socket.send(
            '421["sync"]',
            '422["async"]',
            '423["unfit"]',
            '42/sink,4["x"]',
            '42["connection"]',
            '425["unknown"]',
            '426["fine"]',
        )
        assert await socket.text() == "436[1]"
        assert sum(record.levelname == "ERROR" for record in caplog.records) == 4


async def test_what_cannot_be_sent_raises_at_the_sender() -> None:
    """Reserved names and values without a JSON form are the caller's errors, and nothing is sent."""
    async with recording() as record:
        peer = await RawWebSocket.connect_socketio(record.port)
        with pytest.raises(ValueError, match="reserved"):
            record.sockets[0].emit("disconnect")
        with pytest.raises(TypeError):
            record.sockets[0].emit("x", object())
        record.sockets[0].emit("fine", "\ud800", float("inf"))
        assert await peer.text() == '42["fine","\\ud800",null]'


async def test_counters_tell_what_happened() -> None:
    """Engines and sockets of now, packets and bytes since the start."""
    async with recording() as record:
        peer = await RawWebSocket.connect_socketio(record.port)
        peer.send('42["a"]', '42["b"]')
        await asyncio.sleep(0.02)
        stats = record.server.stats()
        assert (stats.engines, stats.sockets, stats.engines_opened, stats.packets_in) == (1, 1, 1, 3)
        assert stats.frames_out == 2
        assert stats.bytes_out > 100
        peer.send("41")
        await record.reason()
        assert (record.server.stats().engines, record.server.stats().sockets) == (1, 0)


async def test_closing_the_server_ends_its_handlers() -> None:
    """A handler that would run on is cancelled."""
    server = Server(ServerOptions(origins="*"))
    ended = asyncio.Event()

    @server.on("work")
    async def work(_: Socket) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with serving(server) as port:
        socket = await RawWebSocket.connect_socketio(port)
        socket.send('42["work"]')
        await asyncio.sleep(0.02)
        await server.close()
        assert await soon(0.2, ended.wait())
        assert await socket.closed() == 1001
