"""Watches: who asked last is who is watched, and only for as long as a conversation is shared."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from madang.errors import ErrorCode, MadangError
from madang.ports.bus import PresenceNotice
from tests.gateway_parts import GatewayParts, eventually, gateway_parts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayParts]:
    """A gateway on the store in memory."""
    async with gateway_parts(tmp_path) as parts:
        yield parts


def _tell(world: GatewayParts, user_id: str, event: str = "user:online") -> None:
    payload = b'"%b",{"at":"2026-11-22T12:00:00.000Z"}' % user_id.encode()
    world.bus.publish(f"presence:{user_id}", PresenceNotice(user_id=user_id, event=event, payload=payload))


async def test_a_list_replaces_the_one_before(world: GatewayParts) -> None:
    """Whom the new list leaves out is not heard of any more, and their channel is given back."""
    mina, joon, sora = [await world.person(name) for name in ("mina", "joon", "sora")]
    await world.group(mina, joon, sora)
    phone = await world.started(mina)
    await phone.ask("presence:watch", {"userIds": [joon]})
    await phone.ask("presence:watch", {"userIds": [sora]})
    assert f"presence:{joon}" not in world.bus._channels
    _tell(world, joon)
    _tell(world, sora)
    await phone.got("user:online", lambda user: user == sora)
    assert joon not in phone.all("user:online")


async def test_the_list_asked_for_last_counts_although_it_is_answered_first(world: GatewayParts) -> None:
    """Two lists on their way at once: the order of the requests decides, not that of the store's answers."""
    mina, joon, sora = [await world.person(name) for name in ("mina", "joon", "sora")]
    await world.group(mina, joon, sora)
    phone = await world.started(mina)
    world.store.conversations.hold("sharing")
    older = phone.emit("presence:watch", {"userIds": [joon]}, ack=True)
    await world.store.conversations.was_asked("sharing")
    gate = world.store.conversations.take_gate("sharing")
    assert (await phone.ask("presence:watch", {"userIds": [sora]}))["ok"]
    gate.set()
    await phone.until(lambda: phone.ack(older))
    _tell(world, joon)
    _tell(world, sora)
    await phone.got("user:online", lambda user: user == sora)
    await world.settle()
    assert phone.all("user:online") == [sora]
    assert f"presence:{joon}" not in world.bus._channels


async def test_who_no_longer_shares_a_conversation_hears_nothing_more(world: GatewayParts) -> None:
    """Being removed from the last shared conversation ends watching, although nobody took it back."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(joon)
    assert (await phone.ask("presence:watch", {"userIds": [mina]}))["ok"]
    _tell(world, mina)
    await phone.got("user:online")
    await world.remove(mina, room, joon)
    _tell(world, mina, "user:offline")
    await eventually(lambda: not len(world.parts.tasks))
    assert phone.all("user:offline") == []


async def test_the_newest_news_of_somebody_are_the_last_told(world: GatewayParts) -> None:
    """If the store is slow about who may hear it, older news are dropped and never come after newer ones."""
    mina, joon = await world.person("mina"), await world.person("joon")
    await world.group(mina, joon)
    phone = await world.started(joon)
    await phone.ask("presence:watch", {"userIds": [mina]})
    world.store.conversations.hold("sharing")
    _tell(world, mina, "user:online")
    await world.store.conversations.was_asked("sharing")
    gate = world.store.conversations.take_gate("sharing")
    _tell(world, mina, "user:offline")
    await phone.got("user:offline")
    gate.set()
    await eventually(lambda: not len(world.parts.tasks))
    assert phone.all("user:online") == []


async def test_a_store_that_does_not_answer_costs_one_notice(world: GatewayParts) -> None:
    """Presence may be lost, and the next is told again."""
    mina, joon = await world.person("mina"), await world.person("joon")
    await world.group(mina, joon)
    phone = await world.started(joon)
    await phone.ask("presence:watch", {"userIds": [mina]})
    world.store.conversations.failures["sharing"] = MadangError(ErrorCode.UNAVAILABLE, "gone")
    _tell(world, mina)
    await eventually(lambda: not len(world.parts.tasks))
    del world.store.conversations.failures["sharing"]
    _tell(world, mina, "user:offline")
    await phone.got("user:offline")
    assert phone.all("user:online") == []
