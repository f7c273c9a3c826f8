"""The directory of nodes, on a real Valkey."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from madang.clock import SystemClock
from madang.cluster import directory
from madang.cluster.client import connect
from madang.cluster.directory import Directory
from madang.config import SettingsError
from madang.ids import new_id
from madang.tasks import TaskSupervisor
from tests.server_parts import MovableClock
from tests.valkey_server import ValkeyServer


@asynccontextmanager
async def entries(
    url: str, *given: tuple[str, str, str], clock: SystemClock | None = None
) -> AsyncIterator[list[Directory]]:
    """Nodes of one installation, by name, address and mark; not started."""
    tasks, installation = TaskSupervisor(), new_id()
    async with AsyncExitStack() as stack:
        client = connect(url)
        stack.push_async_callback(client.aclose)
        made = []
        for name, address, mark in given:
            node = Directory(
                client,
                installation=installation,
                name=name,
                address=address,
                mark=mark,
                clock=clock or SystemClock(),
                tasks=tasks,
            )
            stack.push_async_callback(node.close)
            made.append(node)
        yield made
    assert not tasks.failures


async def test_a_node_is_found_while_it_lives(valkey: ValkeyServer) -> None:
    """By its name, until it leaves; a name that nobody has leads nowhere."""
    clock = MovableClock()
    async with entries(valkey.url, ("a", "10.0.0.1:80", "m"), ("b", "", "m"), clock=clock) as (here, there):
        await here.start()
        await there.start()
        assert await there.find("a") == "10.0.0.1:80"
        assert await here.find("b") is None
        await here.close()
        assert await there.find("a") == "10.0.0.1:80"  # remembered for a moment, which costs a connection that fails
        clock.added_ms = 60_000
        assert await there.find("a") is None


async def test_an_entry_is_renewed_and_ends_with_a_node_that_dies(
    valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its life is longer than the beat, and does not outlive the node by much."""
    monkeypatch.setattr(directory, "LIFE_SECONDS", 1)
    monkeypatch.setattr(directory, "BEAT_SECONDS", 0.3)
    monkeypatch.setattr(directory, "REMEMBERED_SECONDS", 0.0)
    async with entries(valkey.url, ("a", "10.0.0.1:80", "m"), ("b", "", "m")) as (here, there):
        await here.start()
        await asyncio.sleep(1.5)
        assert await there.find("a") == "10.0.0.1:80"
        assert here._life is not None
        here._life.cancel()
        await asyncio.sleep(1.5)
        assert await there.find("a") is None


async def test_a_node_with_another_secret_is_refused(valkey: ValkeyServer) -> None:
    """With the setting's name, before anybody gets a token that the others refuse; also of those that start together."""
    async with entries(valkey.url, ("a", "", "one"), ("b", "", "two")) as (here, there):
        answers = await asyncio.gather(here.start(), there.start(), return_exceptions=True)
        (refused,) = [answer for answer in answers if answer is not None]
        assert isinstance(refused, SettingsError)
        assert refused.setting == "MADANG_SECRET"


async def test_without_redis_nobody_is_found_and_nobody_turned_away(valkey: ValkeyServer) -> None:
    """A node starts alone, and goes on."""
    async with entries("redis://127.0.0.1:1", ("a", "10.0.0.1:80", "m")) as (here,):
        await here.start()
        assert await here.find("b") is None
