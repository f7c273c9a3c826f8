"""Traffic against readers of every speed: who is cut, what is dropped, what is replaced, and what the loop feels."""

import asyncio
import gc
import socket as sockets
import time
import weakref

import pytest

from madang.socketio import Frames, Traffic, encode_event
from tests.interop.raw_client import RawWebSocket, get, open_polling, post
from tests.interop.serving import Recorded, recording

CHUNK = 64 * 1024


async def deaf(record: Recorded) -> RawWebSocket:
    """Join and never read again; the kernel takes little for it."""
    count = len(record.sockets)
    peer = await RawWebSocket.connect_socketio(record.port)
    raw: sockets.socket = peer.writer.get_extra_info("socket")
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 32_768)
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can read
    assert len(record.sockets) == count + 1
    return peer


async def fill(record: Recorded, index: int, amount: int) -> None:
    """Emit until about so many bytes wait for a socket."""
    target = record.sockets[index]
    for _ in range(200):
        target.emit("filler", "x" * CHUNK)
        await asyncio.sleep(0)
        if target.buffered >= amount:
            return
    raise AssertionError("the reader is not deaf")


async def test_a_reader_that_takes_nothing_is_cut_and_others_are_not_disturbed() -> None:
    """Over the limit without progress: the engine is closed for coming back, and memory is given back."""
    async with recording(slow_bytes=200_000, slow_seconds=0.2, send_buffer=8192) as record:
        await deaf(record)
        quick = await RawWebSocket.connect_socketio(record.port)
        await fill(record, 0, 250_000)
        started = time.monotonic()
        while not record.reasons:
            record.sockets[1].emit("tick")
            assert await quick.text(timeout=0.1) == '42["tick"]'
            assert time.monotonic() - started < 1
            await asyncio.sleep(0.01)
        assert time.monotonic() - started > 0.15
        assert record.reasons == ["forced close"]
        assert record.sockets[0].buffered == 0
        assert record.server.stats().slow_closes == 1


async def test_a_reader_above_the_hard_limit_is_cut_at_once() -> None:
    """Whatever it takes meanwhile, and although the frames come in one go."""
    async with recording(slow_bytes=200_000, hard_bytes=400_000, slow_seconds=60, send_buffer=8192) as record:
        await deaf(record)
        for _ in range(10):
            record.sockets[0].emit("filler", "x" * CHUNK)
        assert await record.reason(within=0.1) == "forced close"


async def test_a_slow_reader_that_makes_progress_stays() -> None:
    """Over the limit but reading: it gets everything, in order."""
    async with recording(slow_bytes=200_000, slow_seconds=0.4, send_buffer=8192) as record:
        peer = await deaf(record)
        await fill(record, 0, 1_500_000)
        record.sockets[0].emit("last")
        received = 0
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
        while (text := await peer.text()) != '42["last"]':
            assert text.startswith('42["filler"')
            received += 1
            await asyncio.sleep(0.01)
        assert received >= 1_500_000 // CHUNK
        assert record.reasons == []


async def test_a_reader_that_stops_polling_is_cut() -> None:
    """The rule holds by polling: a poll that was answered is progress."""
    async with recording(slow_bytes=100_000, slow_seconds=0.2) as record:
        target = await open_polling(record.port)
        await post(record.port, target, "40")
        await get(record.port, target)
        for _ in range(3):
            record.sockets[0].emit("filler", "x" * CHUNK)
        await asyncio.sleep(0.1)
        assert not record.reasons
        assert await record.reason(within=0.4) == "forced close"
        assert (await get(record.port, target)).status == 400


async def test_volatile_is_dropped_for_who_is_behind_and_only_then() -> None:
    """A quick reader gets it, a deaf one does not, and the drop is counted."""
    async with recording(volatile_bytes=100_000, send_buffer=8192) as record:
        peer = await deaf(record)
        quick = await RawWebSocket.connect_socketio(record.port)
        await fill(record, 0, 150_000)
        for socket in record.sockets:
            socket.join("room")
        waiting = record.sockets[0].buffered
        record.server.to("room").emit("ordered", 1)
        record.server.of("/").volatile.emit("typing", 1)
        record.server.of("/").broadcast("room", encode_event("typing", 2), traffic=Traffic.VOLATILE)
        record.sockets[0].emit_volatile("typing", 3)
        assert await quick.text() == '42["ordered",1]'
        assert await quick.text() == '42["typing",1]'
        assert await quick.text() == '42["typing",2]'
        assert record.server.stats().dropped_volatile == 3
        assert record.sockets[0].buffered <= waiting + 100
        peer.close()


async def test_latest_wins_by_key_and_is_flushed_when_the_reader_drains() -> None:
    """Of many values under a key only the last arrives, after everything ordered, and nothing is lost in between."""
    async with recording(send_buffer=8192) as record:
        peer = await deaf(record)
        await fill(record, 0, 300_000)
        target = record.sockets[0]
        for step in range(50):
            target.emit_latest("mark", "read", step)
            record.server.of("/").broadcast(target.id, encode_event("x"), traffic=Traffic.LATEST, key="other")
            target.send(encode_event("presence", step), traffic=Traffic.LATEST, key="presence")
        target.emit("ordered")
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
        texts: list[str] = []
        while not texts or texts[-1] != '42["presence",49]':
            text = await peer.text()
            if "filler" not in text:
                texts.append(text)
        assert texts == ['42["ordered"]', '42["read",49]', '42["presence",49]']


async def test_latest_reaches_a_reader_that_keeps_up() -> None:
    """Nothing is held back without need; by polling too."""
    async with recording() as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        record.sockets[0].emit_latest("k", "read", 1)
        record.sockets[0].emit_latest("k", "read", 2)
        assert await socket.text() == '42["read",2]'
        target = await open_polling(record.port)
        await post(record.port, target, "40")
        await get(record.port, target)
        record.sockets[1].emit_latest("k", "read", 3)
        record.sockets[1].emit("now")
        assert (await get(record.port, target)).body == '42["now"]\x1e42["read",3]'


async def test_packets_of_a_tick_are_one_write() -> None:
    """Events to a socket within a tick leave in one piece, in order, whatever way they were sent."""
    async with recording() as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        target = record.sockets[0]
        target.join("room")
        before = record.server.stats()
        target.emit("a")
        record.server.to("room").emit("b")
        record.server.of("/").broadcast("room", Frames([encode_event("c"), encode_event("d")]))
        await asyncio.sleep(0.02)
        data = await socket.reader.read(1000)
        assert data == b"".join(b"\x81\x07" + b'42["%c"]' % name for name in b"abcd")
        assert record.server.stats().bytes_out - before.bytes_out == len(data)


@pytest.mark.serial
async def test_a_thousand_frames_to_many_sockets_do_not_hold_the_loop() -> None:
    """Large fan-out is spread over turns of the loop: nothing else waits long, and nobody is cut."""
    number = 150
    async with recording(turn_budget=0.001) as record:
        peers = []
        for _ in range(number):
            peers.append(await RawWebSocket.connect_socketio(record.port))
            peers[-1].writer.transport.pause_reading()  # type: ignore[attr-defined]  # reading here would be the lag
            record.sockets[-1].join("room")
        frames = Frames([encode_event("message:new", {"content": "x" * 170}) for _ in range(1000)])
        assert frames.websocket
        worst = 0.0

        async def measure() -> None:
            nonlocal worst
            while True:
                before = time.thread_time()
                await asyncio.sleep(0)
                worst = max(worst, time.thread_time() - before)

        watcher = asyncio.create_task(measure())
        await asyncio.sleep(0.02)
        worst = 0.0
        record.server.of("/").broadcast("room", frames)
        flusher = record.server.engine_server.flusher
        turns = 0
        while any(socket.outbox.dirty for socket in record.sockets):
            turns += 1
            await asyncio.sleep(0)
        watcher.cancel()
        assert flusher.bytes_out > number * frames.size * 0.9
        assert turns > 2
        assert worst < 0.01
        assert record.reasons == []


async def test_a_socket_that_is_gone_is_freed_without_the_collector() -> None:
    """No reference cycle keeps a connection: closed in any way, it is freed when the last user lets go."""
    async with recording() as record:
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                socket = await RawWebSocket.connect_socketio(record.port)
                record.sockets[-1].join("room")
                socket.send('421["event"]')
                await asyncio.sleep(0.01)
                socket.close()
            target = await open_polling(record.port)
            await post(record.port, target, "40")
            await post(record.port, target, "1")
            await asyncio.sleep(0.05)
            assert len(record.reasons) == 4
            alive = [weakref.ref(socket) for socket in record.sockets]
            record.sockets.clear()
            await asyncio.sleep(0.02)
            assert [ref() for ref in alive] == [None] * 4
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            left = [item for item in gc.garbage if type(item).__module__.startswith(("madang", "picows"))]
            assert not left
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()


async def test_disconnecting_costs_what_the_socket_joined() -> None:
    """The rooms of others are not walked: a thousand of them do not make a farewell slower."""
    async with recording() as record:
        await RawWebSocket.connect_socketio(record.port)
        await RawWebSocket.connect_socketio(record.port)
        for number in range(5000):
            record.sockets[0].join(f"room {number}")
        record.sockets[1].join("one")
        started = time.perf_counter()
        record.server.of("/").rooms.leave_all(record.sockets[1])
        assert time.perf_counter() - started < 0.0005
        assert len(record.server.of("/").rooms) == 5000
