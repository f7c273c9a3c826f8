"""Delivery: each socket gets of an entry what its person may see, and the room still shares one object."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from madang.contract.shapes import Message, Quote, Sender
from madang.ports.bus import LogAppended, LogEntry
from tests.gateway_parts import GatewayParts, Phone, gateway_parts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayParts]:
    """A gateway on the store in memory."""
    async with gateway_parts(tmp_path) as parts:
        yield parts


async def _quotes(phone: Phone, message_id: str) -> Any:
    return (await phone.got("message:new", lambda m: m["id"] == message_id))["replyTo"]


@pytest.mark.parametrize("lost", [False, True])
async def test_a_quote_is_blank_for_who_came_after_the_message(world: GatewayParts, lost: bool) -> None:
    """A reply to something said before somebody joined shows them that it is a reply, and not what was said: live, and
    when it is read from the store because the news were lost.
    """
    mina, joon, sora = [await world.person(name) for name in ("mina", "joon", "sora")]
    room = await world.group(mina, joon)
    secret = await world.send(mina, room, "before sora came")
    await world.add(mina, room, sora)
    old, new = await world.started(joon), await world.started(sora)
    seen = await world.send(mina, room, "after")
    if lost:
        world.bus.fate = world.bus.lose
    hidden_reply = await world.send(joon, room, "to the secret", reply_to_id=secret.id)
    shown_reply = await world.send(joon, room, "to the open", reply_to_id=seen.id)
    world.bus.fate = lambda news: [news]
    await world.send(mina, room, "heard")
    whole = {"id": secret.id, "seq": 2, "senderId": mina, "content": "before sora came", "type": "text"}
    blank = {"id": secret.id, "seq": 2, "senderId": None, "content": "", "type": "text"}
    assert await _quotes(old, hidden_reply.id) == whole
    assert await _quotes(new, hidden_reply.id) == blank
    for phone in (old, new):
        assert (await _quotes(phone, shown_reply.id))["content"] == "after"
        await phone.got("message:new", lambda m: m["content"] == "heard")
    assert new.versions(room) == [4, 5, 6, 7]
    assert old.versions(room) == new.versions(room)


async def test_a_replayed_quote_is_blank_too(world: GatewayParts) -> None:
    """What a socket missed while it attached is held to the same rule as what comes live."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina)
    secret = await world.send(mina, room, "before joon came")
    await world.add(mina, room, joon)
    await world.started(mina)
    phone = await world.phone(joon).connect()
    world.store.log.hold("heads")
    phone.emit("init", {}, ack=True)
    await world.store.log.was_asked("heads")
    reply = await world.send(mina, room, "to the secret", reply_to_id=secret.id)
    await world.settle()
    world.store.log.let_go("heads")
    assert (await _quotes(phone, reply.id))["content"] == ""


async def test_an_entry_below_the_first_visible_one_is_only_counted(world: GatewayParts) -> None:
    """A change of a message from before somebody came reaches the others; they are told its version."""
    mina, joon, sora = [await world.person(name) for name in ("mina", "joon", "sora")]
    room = await world.group(mina, joon)
    old_message = await world.send(mina, room, "before sora came")
    await world.add(mina, room, sora)
    old, new = await world.started(joon), await world.started(sora)
    epoch = world.store.epoch
    changed = msgspec.structs.replace(old_message, content="edited", version=4)
    entry = LogEntry(version=4, seq=2, epoch=epoch, event="message:updated", payload=msgspec.json.encode(changed))
    world.bus.publish(f"conv:{room}", LogAppended(conversation_id=room, entries=(entry,)))
    assert (await old.got("message:updated"))["content"] == "edited"
    assert await new.got("conversation:version") == {"conversationId": room, "epoch": epoch, "version": 4}
    assert new.all("message:updated") == []


async def test_a_hidden_entry_is_not_mistaken_for_a_hidden_quote(world: GatewayParts) -> None:
    """A reply is changed that one person came too late to see, and another only to see what it quotes: each gets their own."""
    mina, joon, sora = [await world.person(name) for name in ("mina", "joon", "sora")]
    room = await world.group(mina)
    secret = await world.send(mina, room, "before joon came")
    await world.add(mina, room, joon)
    reply = await world.send(mina, room, "before sora came", reply_to_id=secret.id)
    await world.add(mina, room, sora)
    earlier, later = await world.started(joon), await world.started(sora)
    changed = msgspec.structs.replace(reply, content="edited", version=6)
    entry = LogEntry(
        version=6,
        seq=reply.seq,
        epoch=world.store.epoch,
        event="message:updated",
        payload=msgspec.json.encode(changed),
        quotes=secret.seq,
    )
    world.bus.publish(f"conv:{room}", LogAppended(conversation_id=room, entries=(entry,)))
    told = await earlier.got("message:updated")
    assert (told["content"], told["replyTo"]["content"]) == ("edited", "")
    assert (await later.got("conversation:version"))["version"] == 6
    assert later.all("message:updated") == []


async def test_people_who_see_the_same_share_one_object(world: GatewayParts) -> None:
    """The blank form of a batch is made once for all who need it, not once for each of them."""
    mina = await world.person("mina")
    room = await world.group(mina)
    secret = await world.send(mina, room, "before they came")
    late = [await world.person(f"late{number}") for number in range(4)]
    for person in late:
        await world.add(mina, room, person)
    phones = [await world.started(person) for person in late]
    reply = await world.send(mina, room, "to the secret", reply_to_id=secret.id)
    for phone in phones:
        assert (await _quotes(phone, reply.id))["content"] == ""
    sent = {id(packet) for phone in phones for packet in phone.packets if b"to the secret" in packet.text}
    assert len(sent) == 1


def test_blanking_keeps_the_rest_of_a_message() -> None:
    """Only the quote is emptied: decoding and encoding a message changes nothing else of it."""
    message = Message(
        id="m", conversation_id="c", seq=5, version=9, sender_id="u", sender=Sender(id="u", name="밍"), type="text",
        content="안녕 👋", created_at="2026-11-22T12:00:00.000Z", epoch="e", mentions="all", reply_to_id="q",
        reply_to=Quote(id="q", seq=1, sender_id="u", content="x", type="text"), silent=True,
    )  # fmt: skip  # a message, field by field
    encoded = msgspec.json.encode(message)
    assert msgspec.json.encode(msgspec.json.decode(encoded, type=Message)) == encoded
