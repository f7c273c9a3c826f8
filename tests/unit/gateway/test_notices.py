"""Notices: from the bus to the sockets they are for, and to no others."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from madang.contract.rest import UpdateMe
from madang.ports.bus import SessionsRevoked, UserNotice
from tests.gateway_parts import GatewayParts, gateway_parts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayParts]:
    """A gateway on the store in memory."""
    async with gateway_parts(tmp_path) as parts:
        yield parts


async def test_typing_goes_to_the_others_of_the_room(world: GatewayParts) -> None:
    """Not to any device of the typist, and not to people elsewhere."""
    mina, joon, sora = [await world.person(name) for name in ("mina", "joon", "sora")]
    room = await world.group(mina, joon)
    phone, desk, other, stranger = [await world.started(person) for person in (mina, mina, joon, sora)]
    await phone.ask("typing:start", {"conversationId": room})
    await other.got("typing:start")
    await world.settle()
    for silent in (phone, desk, stranger):
        assert silent.all("typing:start") == []


async def test_ones_own_marks_reach_ones_devices_and_the_room_gets_the_rest(world: GatewayParts) -> None:
    """With the number of unread to oneself, without it to others."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    await world.send(mina, room, "hello")
    phone, desk, other = [await world.started(person) for person in (joon, joon, mina)]
    await phone.ask("message:read", {"conversationId": room, "seq": 2})
    for device in (phone, desk):
        assert (await device.got("message:read"))["unreadCount"] == 0
        assert len(device.all("message:read")) == 1
    assert "unreadCount" not in await other.got("message:read")


async def test_nothing_is_delivered_before_init(world: GatewayParts) -> None:
    """A socket that has only connected is told nothing but the end of its session."""
    mina, joon = await world.person("mina"), await world.person("joon")
    early = await world.phone(joon).connect()
    room = await world.group(mina, joon)
    await world.send(mina, room, "hello")
    await world.parts.services.profiles.update(joon, UpdateMe(name="June"))
    world.bus.publish(f"user:{joon}", UserNotice(user_id=joon, event="conversation:updated", payload=b"{}"))
    await world.settle()
    assert early.events == []
    world.bus.publish(f"user:{joon}", SessionsRevoked(user_id=joon, session_ids=None, reason="revoked"))
    await early.until(lambda: early.disconnected)
    assert early.events == [("session:revoked", [{"reason": "revoked"}])]


async def test_a_changed_profile_reaches_those_who_share_a_conversation(world: GatewayParts) -> None:
    """And oneself, on every device."""
    mina, joon, sora = [await world.person(name) for name in ("mina", "joon", "sora")]
    await world.group(mina, joon)
    phones = [await world.started(person) for person in (mina, joon)]
    stranger = await world.started(sora)
    await world.parts.services.profiles.update(mina, UpdateMe(name="미나"))
    for phone in phones:
        assert (await phone.got("user:updated"))["name"] == "미나"
    assert stranger.all("user:updated") == []
