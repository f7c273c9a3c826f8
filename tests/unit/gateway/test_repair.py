"""Repair: bounded in how much it asks, exact in whom it tells."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from madang.gateway.repair import AT_ONCE
from tests.gateway_parts import GatewayParts, gateway_parts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayParts]:
    """A gateway on the store in memory."""
    async with gateway_parts(tmp_path) as parts:
        yield parts


async def test_a_lost_connection_does_not_ask_for_everything_at_once(world: GatewayParts) -> None:
    """When every conversation is behind, a few are read at a time, and all of them in the end."""
    mina, joon = await world.person("mina"), await world.person("joon")
    rooms = [await world.group(mina, joon) for _ in range(AT_ONCE * 3)]
    phone = await world.started(joon)
    for fate in (world.bus.lose, lambda news: [news]):
        world.bus.fate = fate
        for room in rooms:
            await world.send(mina, room, "x")
    world.store.log.hold("since")
    await asyncio.sleep(0.2)
    assert world.store.log.asked["since"] == AT_ONCE
    world.store.log.let_go("since")
    for room in rooms:
        await phone.until(lambda: room in [notice["conversationId"] for notice in phone.all("conversation:version")])  # noqa: B023  # awaited in this turn
        assert phone.versions(room) == [2, 3]


async def test_live_messages_wait_for_a_repair_and_follow_it(world: GatewayParts) -> None:
    """While the store is read nothing overtakes it, and nothing is handed out twice."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(joon)
    world.bus.fate = world.bus.lose
    await world.send(mina, room, "lost")
    world.bus.fate = lambda news: [news]
    world.store.log.hold("since")
    await world.send(mina, room, "heard")
    await world.store.log.was_asked("since")
    for number in range(5):
        await world.send(mina, room, f"{number}")
    for news in world.bus.lost:  # late, and no longer needed
        world.bus.publish(f"conv:{room}", news)
    await world.settle()
    assert phone.versions(room) == []
    world.store.log.let_go("since")
    await phone.got("message:new", lambda m: m["content"] == "4")
    assert phone.versions(room) == list(range(2, 9))


async def test_who_attaches_during_a_repair_is_neither_left_out_nor_told_twice(world: GatewayParts) -> None:
    """A socket that is shown its list in the middle gets what is after its own state."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    early = await world.started(mina)
    world.bus.fate = world.bus.lose
    await world.send(mina, room, "lost")
    world.bus.fate = lambda news: [news]
    world.store.log.hold("since")
    await world.send(mina, room, "heard")
    await world.store.log.was_asked("since")
    await world.send(mina, room, "during")
    late = await world.started(joon)
    world.store.log.let_go("since")
    await world.send(mina, room, "after")
    for phone, versions in ((early, [2, 3, 4, 5]), (late, [5])):
        await phone.got("message:new", lambda m: m["content"] == "after")
        assert phone.versions(room) == versions
