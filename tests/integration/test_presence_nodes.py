"""Presence over several nodes, from a device to what others hear: with the real service, the real leases, and shorter waits."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest

from madang.cluster.client import connect
from madang.cluster.presence import RedisPresence
from madang.ids import new_id
from madang.ports.bus import UserNotice
from madang.services.presence import PresenceService
from madang.tasks import TaskSupervisor
from tests.server_parts import ServerParts, server_parts
from tests.valkey_server import ValkeyServer, running_valkey

pytestmark = pytest.mark.serial

SHORTER: Final = 20
"""Everything takes a twentieth of what it takes in earnest."""
LEASE, BEAT, SETTLE = 30.0 / SHORTER, 2.0 / SHORTER, 8.0 / SHORTER
GRACE, COALESCE = 5.0 / SHORTER, 1.0 / SHORTER
WRONG_AT_MOST: Final = 35.0 / SHORTER


class _Node:
    """One node: its leases, and the service over them."""

    def __init__(self, parts: ServerParts, url: str, installation: str) -> None:
        self.tasks = TaskSupervisor()
        self.client = connect(url)
        self.service = PresenceService(
            RedisPresence(
                self.client,
                installation=installation,
                clock=parts.clock,
                tasks=self.tasks,
                lease_seconds=LEASE,
                beat_seconds=BEAT,
                settle_seconds=SETTLE,
            ),
            parts.store.conversations,
            parts.bus,
            parts.clock,
            self.tasks,
            offline_grace=GRACE,
            coalesce=COALESCE,
        )

    async def die(self) -> None:
        """Say nothing more."""
        await self.tasks.close()
        await self.client.aclose()


class _World:
    """Mina and Joon share a conversation; Joon is online, and hears of Mina."""

    def __init__(self, parts: ServerParts, nodes: list[_Node], mina: str, joon: str) -> None:
        self.parts, self.nodes, self.mina, self.joon = parts, nodes, mina, joon

    def told(self) -> list[str]:
        """What Joon was told of Mina."""
        return [
            notice.event
            for notice in self.parts.heard
            if isinstance(notice, UserNotice)
            and notice.user_id == self.joon
            and msgspec.json.decode(b"[%b]" % notice.payload)[0] == self.mina
        ]

    async def until_told(self, *events: str) -> float:
        """Wait until exactly this was told; the seconds it took."""
        began = time.monotonic()
        async with asyncio.timeout(10):
            while self.told() != list(events):  # noqa: ASYNC110  # a list, not an event
                await asyncio.sleep(0.005)
        return time.monotonic() - began


@asynccontextmanager
async def _world(folder: Path, url: str) -> AsyncIterator[_World]:
    async with server_parts(folder, store_kind="memory") as parts:
        installation = new_id()
        nodes = [_Node(parts, url, installation) for _ in range(3)]
        mina, joon = await parts.user("mina"), await parts.user("joon")
        await parts.group(mina, joon)
        await parts.hear(joon)
        for node in nodes:
            await node.service.start()
        await nodes[2].service.arrive(joon, "joon's")
        try:
            yield _World(parts, nodes, mina, joon)
        finally:
            for node in nodes:
                await node.die()
                assert not node.tasks.failures


@pytest.fixture
async def world(tmp_path: Path, valkey: ValkeyServer) -> AsyncIterator[_World]:
    """Three nodes."""
    async with _world(tmp_path, valkey.url) as world:
        yield world


async def test_moving_between_nodes_within_the_grace_tells_nothing(world: _World) -> None:
    """A device that leaves one node and comes to another was never away; nobody hears it twice either."""
    one, two, _ = world.nodes
    await one.service.arrive(world.mina, "first")
    await world.until_told("user:online")
    for number, (left, come) in enumerate([(one, two), (two, one), (one, two)]):
        left.service.leave(world.mina, "first" if number == 0 else f"device {number - 1}")
        await asyncio.sleep(GRACE / 2)
        await come.service.arrive(world.mina, f"device {number}")
    await asyncio.sleep(GRACE + 4 * COALESCE)
    assert world.told() == ["user:online"]
    two.service.leave(world.mina, "device 2")
    assert await one.service.online([world.mina]) == [world.mina]
    took = await world.until_told("user:online", "user:offline")
    assert GRACE <= took < GRACE + 4 * COALESCE + 0.5
    assert await one.service.online([world.mina]) == []


async def test_presence_is_wrong_35_seconds_at_most_after_a_crash(world: _World) -> None:
    """Nobody on the dead node says anything; one of the others does, once."""
    one, two, _ = world.nodes
    await one.service.arrive(world.mina, "phone")
    await world.until_told("user:online")
    await asyncio.sleep(SETTLE)
    await one.die()
    took = await world.until_told("user:online", "user:offline")
    assert LEASE - 2 * BEAT < took < WRONG_AT_MOST
    await asyncio.sleep(4 * BEAT)
    assert world.told() == ["user:online", "user:offline"]
    await two.service.arrive(world.mina, "phone")
    await world.until_told("user:online", "user:offline", "user:online")


async def test_who_comes_back_elsewhere_after_a_crash_was_never_away(world: _World) -> None:
    """Their new node holds a lease before the old one lapses."""
    one, two, _ = world.nodes
    await one.service.arrive(world.mina, "phone")
    await world.until_told("user:online")
    await one.die()
    await two.service.arrive(world.mina, "phone")
    await asyncio.sleep(WRONG_AT_MOST)
    assert world.told() == ["user:online"]


async def test_a_redis_that_starts_again_empty_flashes_nobody(tmp_path: Path) -> None:
    """What changed while it was away is told when it can be known, and nothing else."""
    with running_valkey() as valkey:
        async with _world(tmp_path, valkey.url) as world:
            one, two, _ = world.nodes
            await one.service.arrive(world.mina, "phone")
            await world.until_told("user:online")
            assert await two.service.online([world.mina]) == [world.mina]
            valkey.stop()
            assert await two.service.online([world.mina]) == [world.mina]
            valkey.start()
            await asyncio.sleep(SETTLE + 4 * BEAT)
            assert await two.service.online([world.mina]) == [world.mina]
            assert world.told() == ["user:online"]
            valkey.stop()
            one.service.leave(world.mina, "phone")
            await asyncio.sleep(GRACE + 2 * COALESCE)
            assert world.told() == ["user:online"]
            valkey.start()
            await world.until_told("user:online", "user:offline")
