"""Read marks in large rooms: counted for those who look, seldom, and rightly in the end."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from madang.errors import ErrorCode, MadangError
from madang.gateway import read_steps
from tests.gateway_parts import GatewayParts, Phone, gateway_parts

CROWD = 119
"""With Mina, a large room."""


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GatewayParts]:
    """A gateway on the store in memory, where a little less is waited."""
    monkeypatch.setattr(read_steps, "PAUSE_SECONDS", 0.1)
    monkeypatch.setattr("madang.services.reading.GATHER_SECONDS", 0.02)
    async with gateway_parts(tmp_path) as parts:
        yield parts


async def _crowd(world: GatewayParts) -> tuple[str, list[str], str]:
    """Mina, the others, and their large room."""
    mina = await world.person("mina")
    others = [await world.parts.user(f"user{number}") for number in range(CROWD)]
    room = await world.group(mina, *others[:60])
    await world.parts.conversations.add_members(mina, room, others[60:])
    return mina, others, room


async def _looking(world: GatewayParts, user_id: str, room: str) -> Phone:
    phone = await world.started(user_id)
    assert await phone.ask("focus", {"conversationId": room}) == {"ok": True}
    return phone


def _read_up_to(phone: Phone, seq: int) -> int:
    """How many have read a message, as the phone was told last."""
    return sum(people for at, people in phone.all("message:reads")[-1]["steps"] if at >= seq)


async def test_a_thousand_marks_are_a_few_events_for_those_who_look(world: GatewayParts) -> None:
    """Everybody in a large room reads one message: nobody is told of each, and who looks is told how many."""
    mina, others, room = await _crowd(world)
    looking, elsewhere = await _looking(world, mina, room), await world.started(mina)
    message = await world.send(mina, room, "hello")
    began = time.monotonic()
    world.store.sync.hold("steps")
    world.store.sync.let_go("steps")
    for start in range(0, CROWD, 10):
        await asyncio.gather(*(world.parts.reading.mark(one, room, message.seq) for one in others[start : start + 10]))
        await asyncio.sleep(0.02)
    await looking.until(lambda: looking.all("message:reads") and _read_up_to(looking, message.seq) == CROWD + 1)
    took = time.monotonic() - began
    assert world.store.sync.asked["steps"] <= took / read_steps.PAUSE_SECONDS + 2
    assert len(looking.all("message:reads")) <= world.store.sync.asked["steps"] + 1
    assert looking.all("message:read") == elsewhere.all("message:read") == []
    assert elsewhere.all("message:reads") == []


async def test_who_begins_to_look_is_told_at_once(world: GatewayParts) -> None:
    """What moved while nobody looked was not counted; it is now."""
    mina, others, room = await _crowd(world)
    message = await world.send(mina, room, "hello")
    for one in others[:5]:
        await world.parts.reading.mark(one, room, message.seq)
    phone = await _looking(world, mina, room)
    await phone.got("message:reads")
    assert _read_up_to(phone, message.seq) == 6
    await phone.ask("focus", {"conversationId": None})
    told = len(phone.all("message:reads"))
    await world.parts.reading.mark(others[5], room, message.seq)
    await asyncio.sleep(0.3)
    assert len(phone.all("message:reads")) == told


async def test_who_writes_has_read(world: GatewayParts) -> None:
    """A message moves its sender's mark without a word of the reading service."""
    mina, _, room = await _crowd(world)
    phone = await _looking(world, mina, room)
    message = await world.send(mina, room, "hello")
    await phone.until(lambda: phone.all("message:reads") and _read_up_to(phone, message.seq) == 1)


async def test_a_count_that_fails_is_made_later(world: GatewayParts) -> None:
    """The store may be away: the numbers are late then, not wrong."""
    mina, _, room = await _crowd(world)
    world.store.sync.failures["steps"] = MadangError(ErrorCode.UNAVAILABLE, "away")
    phone = await _looking(world, mina, room)
    await asyncio.sleep(0.15)
    assert phone.all("message:reads") == []
    world.store.sync.failures.clear()
    await phone.got("message:reads")


async def test_strangers_and_those_removed_are_told_nothing_by_looking(world: GatewayParts) -> None:
    """A focus is no membership."""
    mina, others, room = await _crowd(world)
    joon, sora = await world.person("joon"), await world.person("sora")
    await world.add(mina, room, sora)
    stranger, removed = await _looking(world, joon, room), await _looking(world, sora, room)
    await removed.got("message:reads")
    await world.remove(mina, room, sora)
    await removed.got("conversation:removed")
    told = len(removed.all("message:reads"))
    await world.parts.reading.mark(others[0], room, 2)
    await asyncio.sleep(0.3)
    assert stranger.all("message:reads") == []
    assert len(removed.all("message:reads")) == told


async def test_a_small_room_tells_each_mark_and_counts_nothing(world: GatewayParts) -> None:
    """Up to a hundred members everybody's own mark is told, looked at or not."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await _looking(world, mina, room)
    message = await world.send(mina, room, "hello")
    await world.parts.reading.mark(joon, room, message.seq)
    assert (await phone.got("message:read"))["userId"] == joon
    await asyncio.sleep(0.2)
    assert phone.all("message:reads") == []


async def test_typing_in_a_large_room_goes_to_those_who_look(world: GatewayParts) -> None:
    """A room of a thousand is not woken by each key that is pressed; it is again when it is no longer large."""
    mina, others, room = await _crowd(world)
    joon = await world.person("joon")
    await world.add(mina, room, joon)
    looking, elsewhere, typist = await _looking(world, mina, room), await world.started(mina), await world.started(joon)
    assert (await typist.ask("typing:start", {"conversationId": room}))["ok"]
    await looking.got("typing:start")
    await typist.ask("typing:stop", {"conversationId": room})
    await looking.got("typing:stop")
    assert elsewhere.all("typing:start") == elsewhere.all("typing:stop") == []
    for one in others[: CROWD + 2 - 100]:
        await world.remove(mina, room, one)
    await world.settle()
    world.parts.clock.added_ms += 5_000
    await typist.ask("typing:start", {"conversationId": room})
    await elsewhere.got("typing:start")
