"""Long-polling after the handshake: messages, the heartbeat, closing, and what a peer must not do."""

import asyncio

import pytest

from tests.interop.raw_client import get, open_polling, post, soon, start
from tests.interop.serving import recording, serving_suites

ECHO = "/engine.io/"


@pytest.mark.parametrize(
    "body", ["4hello", "4test1\x1e4test2\x1e4test3", "4hello\x1ebAQIDBA==", "4안녕하세요 🌸", "4", "4" + "x" * 200_000]
)
async def test_messages_come_back_as_they_went(body: str) -> None:
    """Text, several packets, binary, Korean, the empty message and a long one pass both ways."""
    async with serving_suites() as port:
        target = await open_polling(port, ECHO)
        posted = await post(port, target, body)
        assert (posted.status, posted.body, posted.headers["content-type"]) == (200, "ok", "text/html")
        polled = await get(port, target)
        assert (polled.status, polled.body) == (200, body)
        assert polled.headers["cache-control"] == "no-store"


async def test_a_poll_waits_for_what_comes() -> None:
    """A poll with nothing to say is held and answered by the next message."""
    async with serving_suites() as port:
        target = await open_polling(port, ECHO)
        poll = await start(port, target)
        await asyncio.sleep(0.05)
        await post(port, target, "4late")
        assert (await poll.response()).body == "4late"


async def test_ping_and_pong_go_on() -> None:
    """Three heartbeats by polling keep the connection."""
    async with serving_suites() as port:
        target = await open_polling(port)
        for _ in range(3):
            assert (await get(port, target)).body == "2"
            assert (await post(port, target, "3")).status == 200


async def test_without_a_pong_the_connection_is_dead() -> None:
    """At ping interval plus ping timeout polls are refused."""
    async with serving_suites() as port:
        target = await open_polling(port)
        await asyncio.sleep(0.51)
        assert (await get(port, target)).status == 400


async def test_closing_ends_the_poll_with_a_noop() -> None:
    """The peer's close is answered `ok`, its waiting poll `6`, the next poll 400."""
    async with recording() as record:
        target = await open_polling(record.port)
        poll = await start(record.port, target)
        await asyncio.sleep(0.02)
        assert (await post(record.port, target, "1")).body == "ok"
        answer = await poll.response()
        assert (answer.status, answer.body) == (200, "6")
        assert (await get(record.port, target)).status == 400


@pytest.mark.parametrize("body", ["abc", "", "4a\x1e\x1e4b", "4a\x1eb!!!!", b"4\xff", "2", "4{", "49"])
async def test_a_broken_body_closes_the_connection_at_once(body: str | bytes) -> None:
    """What is no packet is refused, and the connection is dead within 100 ms though its heartbeat is far away."""
    async with recording() as record:
        target = await open_polling(record.port)
        assert (await soon(0.1, post(record.port, target, body))).status == 400
        assert (await soon(0.1, get(record.port, target))).status == 400
        assert not record.server.engine_server.engines


async def test_a_second_poll_closes_the_connection() -> None:
    """The first poll ends with a close packet, the second is refused, the connection is dead."""
    async with recording() as record:
        target = await open_polling(record.port)
        first = await start(record.port, target)
        await asyncio.sleep(0.02)
        assert (await get(record.port, target)).status == 400
        answer = await first.response()
        assert (answer.status, answer.body) == (200, "1")
        assert (await get(record.port, target)).status == 400


async def test_a_poll_that_is_sent_again_closes_the_connection() -> None:
    """Its answer was lost on the way and cannot be had again; a client that comes back finds what it held."""
    async with serving_suites() as port:
        target = await open_polling(port, ECHO)
        for stamp in ("a", "b"):
            await post(port, target, f"4{stamp}")
            assert (await get(port, f"{target}&t={stamp}")).body == f"4{stamp}"
        assert (await get(port, f"{target}&t=b")).status == 400
        assert (await get(port, f"{target}&t=c")).status == 400


async def test_a_client_that_gives_every_poll_the_same_stamp_is_not_judged_by_it() -> None:
    """The stamp is there against caches; a client may have another way."""
    async with serving_suites() as port:
        target = await open_polling(port, ECHO)
        for text in ("one", "two", "three"):
            await post(port, target, f"4{text}")
            assert (await get(port, f"{target}&t=same")).body == f"4{text}"


async def test_an_aborted_poll_closes_the_connection() -> None:
    """A peer that hangs up on its poll is gone, which its application hears as a transport error."""
    async with recording() as record:
        target = await open_polling(record.port)
        await post(record.port, target, "40")
        assert (await get(record.port, target)).body.startswith("40")
        poll = await start(record.port, target)
        await asyncio.sleep(0.02)
        poll.abort()
        assert await record.reason(within=0.1) == "transport error"
        assert (await get(record.port, target)).status == 400


async def test_posts_must_not_overlap() -> None:
    """A second post while the first is under way closes the connection."""
    async with recording() as record:
        target = await open_polling(record.port)
        slow = await start(record.port, target, method="POST", body=b"", headers={"Transfer-Encoding": "chunked"})
        await asyncio.sleep(0.02)
        assert (await post(record.port, target, "40")).status == 400
        assert (await get(record.port, target)).status == 400
        slow.abort()


async def test_a_post_that_is_cut_off_closes_the_connection() -> None:
    """Half a body is no body."""
    async with recording() as record:
        target = await open_polling(record.port)
        request = await start(record.port, target, method="POST", headers={"Transfer-Encoding": "chunked"})
        await asyncio.sleep(0.02)
        request.abort()
        await asyncio.sleep(0.05)
        assert not record.server.engine_server.engines


async def test_a_binary_body_is_refused() -> None:
    """Revision 4 sends binary as base64; an octet-stream closes the connection."""
    async with recording() as record:
        target = await open_polling(record.port)
        assert (await post(record.port, target, b"\x04x", Content_Type="application/octet-stream")).status == 400
        assert (await get(record.port, target)).status == 400


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_closes_the_connection(chunked: bool) -> None:
    """One byte too many is answered 413, whether its length was announced or not; the limit itself passes."""
    async with recording(max_payload=100) as record:
        target = await open_polling(record.port)
        fits = '42["' + "x" * 94 + '"]'
        assert len(fits) == 100
        await post(record.port, target, "40")
        assert (await post(record.port, target, fits)).status == 200
        body = (fits + " ").encode()
        if chunked:
            encoded = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            request = await start(record.port, target, method="POST", headers={"Transfer-Encoding": "chunked"})
            request.send_raw(encoded)
            assert (await request.response()).status == 413
        else:
            assert (await post(record.port, target, body)).status == 413
        assert (await get(record.port, target)).status == 400
        assert [event for event, _ in record.events] == ["x" * 94]


async def test_too_many_packets_in_a_body_close_the_connection() -> None:
    """The number of packets is bounded, not only their size; the bound itself passes."""
    async with recording(max_packets_per_body=3) as record:
        target = await open_polling(record.port)
        assert (await post(record.port, target, "40\x1e3\x1e3")).status == 200
        assert (await post(record.port, target, "3\x1e3\x1e3\x1e3")).status == 400
        assert (await get(record.port, target)).status == 400


async def test_other_methods_with_a_sid_are_refused() -> None:
    """PUT is 400 and changes nothing."""
    async with recording() as record:
        target = await open_polling(record.port)
        assert (await (await start(record.port, target, method="PUT")).response()).status == 400
        assert (await post(record.port, target, "40")).status == 200
