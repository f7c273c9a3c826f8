"""Commands to Redis: scripts by their hash, and answers that do not come."""

import asyncio
import re
import signal
import time
from importlib.resources import files

import pytest
from redis.exceptions import ConnectionError as BrokenConnection

from madang.cluster import client as redis_client
from madang.cluster.client import Scripts, answered, connect
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from tests.valkey_server import ValkeyServer, running_valkey

SCRIPTS = sorted(file.name.removesuffix(".lua") for file in files("madang.cluster").joinpath("lua").iterdir())


@pytest.mark.parametrize("stem", SCRIPTS)
def test_every_script_says_what_it_takes_and_gives(stem: str) -> None:
    """What it is for, its keys, its arguments and its answer stand above it; it builds no key of its own."""
    text = files("madang.cluster").joinpath("lua", f"{stem}.lua").read_text(encoding="utf-8")
    head = re.match(r"(?:--.*\n)+", text)
    assert head is not None
    assert re.search(r"^-- KEYS  .*(\n--.*)*\n-- ARGV  .*(\n--.*)*\n-- Gives ", head[0], re.MULTILINE)
    assert "madang:" not in text


async def test_a_server_that_has_forgotten_a_script_is_given_it_again(valkey: ValkeyServer) -> None:
    """As after a restart: whoever asks notices nothing."""
    client = connect(valkey.url)
    scripts = Scripts(client, "attempt")
    assert await scripts.run("attempt", [new_id()], [1, 1_000]) == 0
    await client.script_flush()
    assert await scripts.run("attempt", [new_id()], [1, 1_000]) == 0
    await client.aclose()


async def test_whoever_does_not_answer_is_waited_for_no_longer_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent or gone, it is `unavailable`; a waiter that is cancelled stays cancelled, at whatever moment."""
    monkeypatch.setattr(redis_client, "ANSWER_SECONDS", 0.2)
    with running_valkey() as server:
        client = connect(server.url)
        scripts = Scripts(client, "attempt")
        assert await scripts.run("attempt", [new_id()], [1, 1_000]) == 0
        server.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(MadangError) as silent:
            await scripts.run("attempt", [new_id()], [1, 1_000])
        assert silent.value.code is ErrorCode.UNAVAILABLE
        assert time.monotonic() - began < 1.0
        for step in range(10):
            waiting = asyncio.ensure_future(scripts.run("attempt", [new_id()], [1, 1_000]))
            await asyncio.sleep(0.04 * step)
            if not waiting.done():
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            else:
                assert isinstance(waiting.exception(), MadangError)
        server.send_signal(signal.SIGCONT)
        server.stop()
        with pytest.raises(MadangError):
            await scripts.run("attempt", [new_id()], [1, 1_000])
        await client.aclose()


async def test_a_cancellation_that_was_lost_on_the_way_still_counts() -> None:
    """A library that answers in spite of it must not keep a task alive that was to end."""

    async def deaf() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return "an answer"
        return "late"

    waiting = asyncio.ensure_future(answered(deaf()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_connection_that_breaks_as_it_is_written_to_is_one_that_broke(valkey: ValkeyServer) -> None:
    """Between the look at it and the first byte: whoever asks hears of the network, whatever the loop calls it."""
    client = connect(valkey.url)
    connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py's
    connection._writer.transport.abort()
    await asyncio.sleep(0.05)
    with pytest.raises(BrokenConnection):
        await connection.send_command("PING")
    await client.aclose()
