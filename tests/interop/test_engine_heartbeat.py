"""The heartbeat on a WebSocket, the connect timeout, the token bucket: everything a clock decides."""

import asyncio
import time

import pytest

from tests.interop.raw_client import Closed, RawWebSocket, open_polling, post
from tests.interop.serving import recording, serving_suites


async def test_ping_and_pong_go_on() -> None:
    """Three heartbeats keep a WebSocket, at their interval."""
    async with serving_suites() as port:
        socket = await RawWebSocket.connect_socketio(port)
        assert (await socket.text()).startswith('42["auth"')
        started = time.monotonic()
        for _ in range(3):
            assert await socket.text() == "2"
            socket.send("3")
        assert 0.75 < time.monotonic() - started < 2


async def test_without_a_pong_the_websocket_is_closed() -> None:
    """At ping interval plus ping timeout, and the application hears the reason."""
    async with recording(ping_interval=0.15, ping_timeout=0.1) as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        assert await socket.text() == "2"
        await socket.closed(within=0.25)
        assert await record.reason() == "ping timeout"


async def test_pongs_that_nobody_asked_for_buy_no_time() -> None:
    """A flood of pongs before the ping does not stand for the one after it."""
    async with recording(ping_interval=0.15, ping_timeout=0.1) as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        socket.send(*["3"] * 1000)
        assert await socket.text() == "2"
        await socket.closed(within=0.25)
        assert await record.reason() == "ping timeout"


async def test_a_timeout_longer_than_the_interval_works() -> None:
    """Pings go on when the pong may take longer than the next ping."""
    async with recording(ping_interval=0.1, ping_timeout=0.2) as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        for _ in range(3):
            assert await socket.text() == "2"
            socket.send("3")
        assert not record.reasons


async def test_who_never_connects_is_closed_though_it_answers_pings() -> None:
    """The connect timeout closes at its time, not the ping timeout: every ping is answered here."""
    async with recording(ping_interval=0.15, ping_timeout=0.15, connect_timeout=0.7) as record:
        started = time.monotonic()
        socket = await RawWebSocket.connect_engine(record.port)
        pings = 0
        try:
            while True:
                assert await socket.text() == "2"
                socket.send("3")
                pings += 1
        except Closed:
            assert pings >= 3
        assert 0.69 < time.monotonic() - started < 1.5


async def test_who_connected_in_time_stays() -> None:
    """The connect timeout ends with the first namespace."""
    async with recording(connect_timeout=0.3) as record:
        await RawWebSocket.connect_socketio(record.port)
        await asyncio.sleep(0.5)
        assert len(record.server.engine_server.engines) == 1
        assert record.reasons == []


@pytest.mark.parametrize("who", ["server", "client"])
async def test_who_is_in_no_namespace_any_more_is_closed(who: str) -> None:
    """A peer that keeps its engine after DISCONNECT, its own or the server's, has as long as at the beginning."""
    async with recording(connect_timeout=0.3) as record:
        socket, target = await RawWebSocket.connect_socketio(record.port), await open_polling(record.port)
        await post(record.port, target, "40")
        if who == "server":
            for joined in record.sockets:
                joined.disconnect()
        else:
            socket.send("41")
            await post(record.port, target, "41")
        await asyncio.sleep(0.15)
        assert len(record.server.engine_server.engines) == 2
        await asyncio.sleep(0.35)
        assert not record.server.engine_server.engines
        assert record.reasons == [f"{who} namespace disconnect"] * 2


async def test_who_joins_again_or_is_elsewhere_stays() -> None:
    """The time runs only while there is no namespace, and another refusal does not end it."""
    async with recording(connect_timeout=0.3) as record:
        record.server.of("/other")
        back, elsewhere = [await RawWebSocket.connect_socketio(record.port) for _ in range(2)]
        elsewhere.send("40/other")
        assert (await elsewhere.text()).startswith("40/other,")
        for socket in record.sockets:
            socket.disconnect()
        assert (await back.text(), await elsewhere.text()) == ("41", "41")
        back.send("40")
        assert (await back.text()).startswith("40{")
        for peer in (back, elsewhere):
            peer.send("40/nowhere")
            assert (await peer.text()).startswith("44/nowhere,")
        await asyncio.sleep(0.5)
        assert len(record.server.engine_server.engines) == 2


async def test_who_was_refused_is_closed_at_the_connect_timeout() -> None:
    """An unknown namespace is no way to stay, however often it is asked for."""
    async with recording(connect_timeout=0.4) as record:
        socket = await RawWebSocket.connect_engine(record.port)
        for _ in range(2):
            socket.send("40/nowhere")
            assert await socket.text() == '44/nowhere,{"message":"Invalid namespace"}'
            await asyncio.sleep(0.15)
        await socket.closed(within=0.3)


async def test_who_waits_to_be_let_in_is_not_in_yet() -> None:
    """A middleware that does not come to an end keeps no engine open, after a namespace that was left as at the beginning."""
    async with recording(connect_timeout=0.3) as record:
        never = asyncio.Event()

        async def wait(*_: object) -> None:
            await never.wait()

        record.server.of("/slow").use(wait)
        stranger, leaving = (
            await RawWebSocket.connect_engine(record.port),
            await RawWebSocket.connect_socketio(record.port),
        )
        stranger.send("40/slow")
        leaving.send("40/slow", "41")
        await stranger.closed(within=0.6)
        await leaving.closed(within=0.6)


async def test_too_many_packets_close_the_engine() -> None:
    """Beyond rate and burst the engine is closed, with the code for coming back later; control packets count too."""
    async with recording(packet_rate=10, packet_burst=20) as record:
        socket = await RawWebSocket.connect_socketio(record.port)
        socket.send(*["3"] * 30)
        assert await socket.closed(within=0.1) == 1013
        assert await record.reason() == "forced close"


async def test_the_bucket_fills_again_and_holds_by_polling_too() -> None:
    """A burst, a rest and another burst pass; one that is too long does not."""
    async with recording(packet_rate=20, packet_burst=10) as record:
        target = await open_polling(record.port)
        burst = "\x1e".join(["3"] * 9)
        assert (await post(record.port, target, burst)).status == 200
        await asyncio.sleep(0.5)
        assert (await post(record.port, target, burst)).status == 200
        assert (await post(record.port, target, burst)).status == 400


async def test_first_pings_are_spread_when_the_interval_is_long() -> None:
    """Connections that come together do not ping together for ever after."""
    async with recording() as record:
        for _ in range(12):
            await RawWebSocket.connect_engine(record.port)
        now = time.monotonic()
        first = sorted(engine.session.next_ping - now for engine in record.server.engine_server.engines.values())
        assert 4.9 < first[0] < first[-1] < 25.1
        assert first[-1] - first[0] > 2
