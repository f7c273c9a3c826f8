"""Presence: devices counted, changes gathered, told in order, to those whom it concerns."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from madang.errors import ErrorCode, MadangError
from madang.memory.presence import MemoryPresence
from madang.ports.bus import PresenceNotice, UserNotice
from madang.services.presence import PresenceService
from tests.server_parts import ServerParts, server_parts

GRACE = 0.06
COALESCE = 0.02


class _SlowPresence(MemoryPresence):
    """Leases on a network: a call may take a while, and may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.before_leave_returns: Callable[[], Awaitable[None]] | None = None
        self.changed: Callable[[Collection[str]], None] | None = None
        self.failure: MadangError | None = None

    def listen(self, changed: Callable[[Collection[str]], None]) -> None:
        self.changed = changed

    async def leave(self, user_id: str, device_id: str) -> bool:
        gone = await super().leave(user_id, device_id)
        if self.before_leave_returns is not None:
            await self.before_leave_returns()
        return gone

    async def untold(self, user_ids: Collection[str]) -> dict[str, bool]:
        if self.failure is not None:
            raise self.failure
        return await super().untold(user_ids)

    async def told(self, user_id: str, *, online: bool) -> bool:
        if self.failure is not None:
            raise self.failure
        return await super().told(user_id, online=online)


class _World:
    """Two people of one group, both heard, and somebody who shares nothing with them."""

    def __init__(self, parts: ServerParts) -> None:
        self.parts = parts
        self.port = _SlowPresence()
        self.presence = PresenceService(
            self.port,
            parts.store.conversations,
            parts.bus,
            parts.clock,
            parts.tasks,
            offline_grace=GRACE,
            coalesce=COALESCE,
        )
        self.mina = self.joon = self.sora = ""

    async def populate(self) -> None:
        """Make the people; Joon has a device."""
        await self.presence.start()
        self.mina, self.joon, self.sora = [await self.parts.user(name) for name in ("mina", "joon", "sora")]
        await self.parts.group(self.mina, self.joon)
        await self.parts.hear(self.mina, self.joon, self.sora)
        await self.parts.bus.subscribe([f"presence:{self.mina}"])
        await self.presence.arrive(self.joon, "joon's phone")
        await self.presence.arrive(self.sora, "sora's phone")
        await asyncio.sleep(COALESCE * 3)
        self.parts.heard.clear()

    def told(self) -> list[tuple[str, str]]:
        """Who was told what of Mina."""
        return [
            (notice.user_id, notice.event)
            for notice in self.parts.heard
            if isinstance(notice, UserNotice) and msgspec.json.decode(b"[%b]" % notice.payload)[0] == self.mina
        ]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[_World]:
    """People on the store in memory."""
    async with server_parts(tmp_path, store_kind="memory") as parts:
        world = _World(parts)
        await world.populate()
        yield world
        await world.presence.close()


async def test_coming_and_going_is_told_to_those_who_share_a_conversation(world: _World) -> None:
    """Online after the first device, offline a grace after the last; watchers hear it too, strangers never."""
    await world.presence.arrive(world.mina, "one")
    await world.presence.arrive(world.mina, "two")
    await asyncio.sleep(COALESCE * 3)
    world.presence.leave(world.mina, "one")
    await asyncio.sleep(GRACE + COALESCE * 3)
    assert world.told() == [(world.joon, "user:online")]
    world.presence.leave(world.mina, "two")
    assert await world.presence.online([world.mina]) == [world.mina]  # within the grace
    await asyncio.sleep(GRACE + COALESCE * 3)
    assert world.told() == [(world.joon, "user:online"), (world.joon, "user:offline")]
    watched = [notice.event for notice in world.parts.heard if isinstance(notice, PresenceNotice)]
    assert watched == ["user:online", "user:offline"]
    assert await world.presence.online([world.mina]) == []


async def test_who_comes_back_within_the_grace_was_never_away(world: _World) -> None:
    """A page that reloads flashes nothing."""
    await world.presence.arrive(world.mina, "one")
    await asyncio.sleep(COALESCE * 3)
    for before, after in pairwise(("one", "two", "three", "four")):
        world.presence.leave(world.mina, before)
        await asyncio.sleep(GRACE / 2)
        await world.presence.arrive(world.mina, after)
    await asyncio.sleep(GRACE + COALESCE * 3)
    assert world.told() == [(world.joon, "user:online")]


async def test_a_device_that_comes_while_another_leaves_is_not_told_as_gone(world: _World) -> None:
    """The answer to leaving comes after somebody has arrived: the port's word at the time of telling counts."""
    await world.presence.arrive(world.mina, "one")
    await asyncio.sleep(COALESCE * 3)
    world.port.before_leave_returns = lambda: world.presence.arrive(world.mina, "two")
    world.presence.leave(world.mina, "one")
    await asyncio.sleep(GRACE + COALESCE * 3)
    assert world.told() == [(world.joon, "user:online")]
    assert await world.presence.online([world.mina]) == [world.mina]


async def test_trouble_delays_telling_and_loses_nothing(world: _World) -> None:
    """What could not be told is told when the port or the store answers again."""
    world.port.failure = MadangError(ErrorCode.UNAVAILABLE, "gone")
    await world.presence.arrive(world.mina, "one")
    await asyncio.sleep(COALESCE * 5)
    assert world.told() == []
    world.port.failure = None
    await asyncio.sleep(COALESCE * 4)
    assert world.told() == [(world.joon, "user:online")]


async def test_what_could_not_be_kept_is_told_again(world: _World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Telling comes before keeping that it was told: twice is harmless, never is not."""
    original = _SlowPresence.told
    asked = 0

    async def fails_once(port: _SlowPresence, user_id: str, *, online: bool) -> bool:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise MadangError(ErrorCode.UNAVAILABLE, "gone")
        return await original(port, user_id, online=online)

    monkeypatch.setattr(_SlowPresence, "told", fails_once)
    await world.presence.arrive(world.mina, "one")
    await asyncio.sleep(COALESCE * 6)
    assert world.told() == [(world.joon, "user:online")] * 2


async def test_people_of_a_node_that_died_are_told_as_gone(world: _World) -> None:
    """Nobody here said so: the port has them looked at, and what it says of them is told."""
    await world.presence.arrive(world.mina, "one")
    await asyncio.sleep(COALESCE * 3)
    await world.port.leave(world.mina, "one")
    assert world.port.changed is not None
    world.port.changed([world.mina])
    await asyncio.sleep(COALESCE * 3)
    assert world.told() == [(world.joon, "user:online"), (world.joon, "user:offline")]


async def test_the_last_thing_told_is_the_newest(world: _World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow round of telling is not overtaken by the next one."""
    original = world.parts.store.conversations.presence_audience
    gate = asyncio.Event()
    rounds = 0

    async def slow(user_id: str, *, rooms: int, room_size: int) -> set[str]:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            await gate.wait()
        return await original(user_id, rooms=rooms, room_size=room_size)

    monkeypatch.setattr(world.parts.store.conversations, "presence_audience", slow)
    await world.presence.arrive(world.mina, "one")
    await asyncio.sleep(COALESCE * 2)
    world.presence.leave(world.mina, "one")
    await asyncio.sleep(GRACE + COALESCE * 4)
    gate.set()
    await asyncio.sleep(COALESCE * 4)
    assert world.told()[-1] == (world.joon, "user:offline")


async def test_who_may_be_watched_and_who_is_around(world: _World) -> None:
    """Only people of shared conversations, for both."""
    await world.presence.arrive(world.mina, "one")
    everybody = {world.mina, world.joon, world.sora}
    assert await world.presence.watchable(world.mina, everybody) == {world.mina, world.joon}
    assert await world.presence.online_around(world.joon) == [world.mina]
    assert await world.presence.online_around(world.sora) == []


async def test_closing_forgets_what_was_about_to_be_told(world: _World) -> None:
    """After the end nothing is told and no timer runs on."""
    await world.presence.arrive(world.mina, "one")
    world.presence.leave(world.joon, "joon's phone")
    await world.presence.close()
    await asyncio.sleep(GRACE + COALESCE * 3)
    assert world.told() == []
    assert len(world.parts.tasks) == 0
