"""The way from polling to WebSocket, and the ways it can fail."""

import asyncio

import pytest

from tests.interop.raw_client import RawWebSocket, get, open_polling, post, start
from tests.interop.serving import recording, serving_suites

ECHO = "/engine.io/"


def candidate_of(target: str) -> str:
    """The address of the WebSocket for a connection by polling."""
    return target.replace("transport=polling", "transport=websocket")


async def upgraded(port: int, target: str) -> RawWebSocket:
    """Go through the probe to its end."""
    socket = await RawWebSocket.connect(port, candidate_of(target))
    socket.send("2probe")
    assert await socket.text() == "3probe"
    socket.send("5")
    return socket


async def test_the_probe_is_answered_and_messages_move_over() -> None:
    """During the probe a poll ends with a noop; after the upgrade messages flow on the WebSocket."""
    async with serving_suites() as port:
        target = await open_polling(port, ECHO)
        socket = await RawWebSocket.connect(port, candidate_of(target))
        socket.send("2probe")
        assert await socket.text() == "3probe"
        polled = await get(port, target)
        assert (polled.status, polled.body) == (200, "6")
        socket.send("5", "4hello")
        assert await socket.text() == "4hello"


async def test_a_poll_that_waits_is_released_at_the_probe() -> None:
    """The peer can go over at once, not at the next ping."""
    async with recording() as record:
        target = await open_polling(record.port)
        poll = await start(record.port, target)
        await asyncio.sleep(0.02)
        socket = await RawWebSocket.connect(record.port, candidate_of(target))
        socket.send("2probe")
        assert (await poll.response(timeout=0.3)).body == "6"


async def test_a_poll_that_waits_when_the_upgrade_completes_is_released() -> None:
    """A peer that goes over with a poll in flight gets its noop, and stays connected."""
    async with serving_suites() as port:
        target = await open_polling(port, ECHO)
        socket = await RawWebSocket.connect(port, candidate_of(target))
        poll = await start(port, target)
        await asyncio.sleep(0.02)
        socket.send("5")
        assert (await poll.response(timeout=0.3)).body == "6"
        socket.send("4on")
        assert await socket.text() == "4on"


async def test_what_waits_moves_over_in_order() -> None:
    """Messages queued by polling come first on the WebSocket, each once."""
    async with serving_suites() as port:
        target = await open_polling(port, ECHO)
        socket = await RawWebSocket.connect(port, candidate_of(target))
        socket.send("2probe")
        await socket.text()
        await post(port, target, "4a\x1e4b")
        socket.send("5", "4c")
        assert [await socket.text() for _ in range(3)] == ["4a", "4b", "4c"]


async def test_polling_is_over_after_the_upgrade() -> None:
    """Polls and posts with the sid are refused, and the WebSocket goes on."""
    async with serving_suites() as port:
        target = await open_polling(port, ECHO)
        socket = await upgraded(port, target)
        assert (await get(port, target)).status == 400
        assert (await post(port, target, "4x")).json()["code"] == 3
        socket.send("4hello")
        assert await socket.text() == "4hello"


@pytest.mark.parametrize("complete", [False, True])
async def test_a_second_websocket_with_the_sid_is_closed(complete: bool) -> None:
    """During and after the upgrade a second one is turned away, and the first still works."""
    async with serving_suites() as port:
        target = await open_polling(port, ECHO)
        first = await RawWebSocket.connect(port, candidate_of(target))
        first.send("2probe")
        await first.text()
        if complete:
            first.send("5")
            await asyncio.sleep(0.02)
        second = await RawWebSocket.connect(port, candidate_of(target))
        await second.closed(within=0.1)
        if not complete:
            first.send("5")
        first.send("4hello")
        assert await first.text() == "4hello"


@pytest.mark.parametrize("message", ["4early", "2", "abc", b"\x01"])
async def test_a_candidate_that_breaks_the_rules_is_closed_alone(message: str | bytes) -> None:
    """The connection goes on by polling, and may try again."""
    async with serving_suites() as port:
        target = await open_polling(port, ECHO)
        socket = await RawWebSocket.connect(port, candidate_of(target))
        socket.send(message)
        await socket.closed(within=0.1)
        await post(port, target, "4still here")
        assert (await get(port, target)).body == "4still here"
        again = await upgraded(port, target)
        again.send("4up")
        assert await again.text() == "4up"


async def test_a_candidate_that_vanishes_leaves_the_connection_by_polling() -> None:
    """Losing the candidate is not losing the connection."""
    async with recording() as record:
        target = await open_polling(record.port)
        socket = await RawWebSocket.connect(record.port, candidate_of(target))
        socket.send("2probe")
        await socket.text()
        socket.close()
        await asyncio.sleep(0.02)
        assert (await post(record.port, target, "40")).status == 200
        await upgraded(record.port, target)


async def test_an_upgrade_that_takes_too_long_is_given_up() -> None:
    """The candidate is closed after the upgrade timeout; polling goes on."""
    async with recording(upgrade_timeout=0.15) as record:
        target = await open_polling(record.port)
        socket = await RawWebSocket.connect(record.port, candidate_of(target))
        await socket.closed(within=0.3)
        assert (await post(record.port, target, "40")).status == 200


async def test_closing_the_connection_closes_the_candidate() -> None:
    """No WebSocket outlives the connection it was for."""
    async with recording() as record:
        target = await open_polling(record.port)
        socket = await RawWebSocket.connect(record.port, candidate_of(target))
        socket.send("2probe")
        await socket.text()
        assert (await post(record.port, target, "1")).body == "ok"
        await socket.closed(within=0.1)
        assert not record.server.engine_server.engines


async def test_the_application_sees_the_transport_change_and_nothing_else() -> None:
    """One connection event, no disconnect, and the name of the transport follows."""
    async with recording() as record:
        target = await open_polling(record.port)
        await post(record.port, target, "40")
        await get(record.port, target)
        transports = [record.sockets[0].transport]
        socket = await upgraded(record.port, target)
        socket.send('42["hello"]')
        await asyncio.sleep(0.02)
        assert [*transports, record.sockets[0].transport] == ["polling", "websocket"]
        assert (len(record.sockets), record.events, record.reasons) == (1, [("hello", [])], [])
