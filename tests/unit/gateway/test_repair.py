"""Repair: bounded in how much it asks, exact in whom it tells, each row as what it is to those who get it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from madang.gateway.repair import AT_ONCE
from tests.gateway_parts import GatewayParts, Phone, gateway_parts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayParts]:
    """A gateway on the store in memory."""
    async with gateway_parts(tmp_path) as parts:
        yield parts


async def _edit(world: GatewayParts, actor: str, room: str, message_id: str, content: str) -> None:
    changes = world.parts.services.message_changes
    await changes.commit(changes.edit(actor, room, message_id, content))


async def _delete(world: GatewayParts, actor: str, room: str, message_id: str) -> None:
    changes = world.parts.services.message_changes
    await changes.commit(changes.delete(actor, room, message_id))


def _told(phone: Phone, room: str, after: int) -> list[tuple[str, int | None]]:
    return [(name, version) for name, version in phone.about(room) if version is not None and version > after]


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


async def test_each_row_is_told_as_what_it_is(world: GatewayParts) -> None:
    """New above what was delivered, also if it was edited or deleted since; below that edited, or deleted."""
    mina = await world.person("mina")
    room = await world.group(mina)
    phone = await world.started(mina)
    old = [await world.send(mina, room, text) for text in ("to edit", "to delete")]
    await phone.got("message:new", lambda m: m["version"] == 3)
    world.bus.fate = world.bus.lose
    new = [await world.send(mina, room, text) for text in ("new", "new, then edited", "new, then deleted")]
    await _edit(world, mina, room, old[0].id, "edited")
    await _delete(world, mina, room, old[1].id)
    await _edit(world, mina, room, new[1].id, "new, and edited")
    await _delete(world, mina, room, new[2].id)
    world.bus.fate = lambda news: [news]
    await world.send(mina, room, "shows the hole")
    await phone.got("conversation:version", lambda told: told["version"] == 11)
    assert _told(phone, room, 3) == [
        ("message:new", 4),
        ("message:updated", 7),
        ("message:deleted", 8),
        ("message:new", 9),
        ("message:new", 10),
        ("message:new", 11),
        ("conversation:version", 11),
    ]


async def test_hidden_changes_are_counted_live_and_not_spoken_of_in_a_repair(world: GatewayParts) -> None:
    """Live, their versions are told in their turn. A repair skips versions, so only its last word is one."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina)
    hidden = await world.send(mina, room, "before joon")
    await world.add(mina, room, joon)
    early, late = await world.started(mina), await world.started(joon)
    await _edit(world, mina, room, hidden.id, "still before joon")
    await late.got("conversation:version", lambda told: told["version"] == 4)
    world.bus.fate = world.bus.lose
    first = await world.send(mina, room, "first")
    await world.send(mina, room, "second")
    await _edit(world, mina, room, hidden.id, "hidden")
    await _edit(world, mina, room, first.id, "first, edited")
    world.bus.fate = lambda news: [news]
    await world.send(mina, room, "shows the hole")
    for phone in (early, late):
        await phone.got("conversation:version", lambda told: told["version"] == 9)
    shown = [("message:new", 6), ("message:new", 8), ("message:new", 9), ("conversation:version", 9)]
    assert _told(late, room, 4) == shown
    assert _told(early, room, 4) == [shown[0], ("message:updated", 7), *shown[1:]]
    assert "hidden" not in str(late.events)
