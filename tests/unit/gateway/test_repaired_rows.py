"""What a repair says: each row as what it is to those who get it, and nothing of rows somebody may not see."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

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
