"""Dispatch: every event gets exactly one answer, whatever it is and whatever becomes of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from madang.gateway.dispatch import PENDING, Dispatch
from madang.ids import new_id
from madang.services.access import Access
from madang.tasks import TaskSupervisor
from tests.gateway_parts import GatewayParts, Phone, gateway_parts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayParts]:
    """A gateway on the store in memory."""
    async with gateway_parts(tmp_path) as parts:
        yield parts


@pytest.fixture
async def phone(world: GatewayParts) -> Phone:
    """A device that was shown its list."""
    return await world.started(await world.person("mina"))


def test_a_table_that_is_not_the_contracts_stops_the_start() -> None:
    """An event without handler, or a handler without event, is found before anybody connects."""
    with pytest.raises(ValueError, match="init"):
        Dispatch({}, cast("Access", None), TaskSupervisor(), lambda *_: None)


@pytest.mark.parametrize(
    ("event", "payload", "field"),
    [
        ("no:such", {}, None),
        ("message:send", [], None),
        ("message:send", "text", None),
        ("message:send", {"content": "x"}, "conversationId"),
        ("message:send", {"conversationId": 5, "content": "x"}, "conversationId"),
        ("message:send", {"conversationId": "x", "content": "x", "type": "poem"}, "type"),
        ("typing:start", {}, "conversationId"),
        ("presence:watch", {"userIds": ["not an id"]}, "userIds"),
    ],
)
async def test_what_is_malformed_is_invalid_and_the_socket_stays(
    phone: Phone, event: str, payload: object, field: str | None
) -> None:
    """The answer names the field if one is to blame."""
    answer = await phone.ask(event, payload)
    assert answer["error"] == "invalid"
    assert field is None or list(answer["details"]) == [field]
    assert phone.closed is None
    assert (await phone.ask("init", {}))["ok"]


async def test_without_an_ack_a_failure_comes_as_an_event(phone: Phone) -> None:
    """And it names what the client meant."""
    conversation = new_id()
    phone.emit("message:read", {"conversationId": conversation})
    notice = await phone.got("error")
    assert notice["event"] == "message:read"
    assert (notice["error"], notice["conversationId"]) == ("not_a_member", conversation)


async def test_no_payload_is_an_empty_one(phone: Phone) -> None:
    """`init` needs nothing, so it may come with nothing, or with null."""
    assert (await phone.ask("init"))["ok"]
    assert (await phone.ask("init", None))["ok"]


@pytest.mark.parametrize("ack", [False, True])
async def test_nobody_gets_their_megabyte_or_half_a_character_back(phone: Phone, ack: bool) -> None:
    """Long or unencodable names and values are answered short, as invalid, and are no defect of the server."""
    big, half = "가" * 200_000, "\ud800"
    for event, payload in (
        (big, {}),
        (half, {"id": half, "conversationId": big}),
        ("message:send", {"conversationId": "x", "content": "x", "type": big}),
        ("message:send", {"conversationId": "x", "content": "x", "type": half}),
        ("message:send", {"conversationId": half, "content": half}),
    ):
        phone.packets.clear()
        phone.emit(event, payload, ack=ack)
        await phone.until(lambda: phone.packets)
        answer = phone.packets[-1].text
        assert len(answer) < 1_500
        assert b'"invalid"' in answer or b'"not_a_member"' in answer


async def test_a_defect_is_answered_and_costs_nobody_else_anything(
    phone: Phone, world: GatewayParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is none of the table's is `unavailable`, for handlers that wait and those that do not."""

    def fail(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(world.parts.messages, "submit", fail)
    world.store.accounts.failures["users"] = RuntimeError("a defect")
    for event, payload in (("message:send", {"conversationId": new_id(), "content": "x"}), ("init", {})):
        answer = await phone.ask(event, payload)
        assert (answer["ok"], answer["error"]) == (False, "unavailable")
        assert "defect" in answer["reason"]
    assert (await phone.ask("presence:watch", {"userIds": []}))["ok"]


async def test_too_many_events_at_once_are_refused_and_none_is_left_unanswered(
    phone: Phone, world: GatewayParts
) -> None:
    """Handlers of one socket that wait are bounded; the rest is told to come back, and later everything works again."""
    world.store.accounts.hold("users")
    numbers = [phone.emit("init", {}, ack=True) for _ in range(PENDING + 5)]
    await asyncio.sleep(0.02)
    refused = [answer for number in numbers if (answer := phone.ack(number)) is not None]
    assert [answer["error"] for answer in refused] == ["rate_limited"] * 5
    assert all(answer["retryAfterMs"] > 0 for answer in refused)
    world.store.accounts.let_go("users")
    await phone.until(lambda: all(phone.ack(number) for number in numbers))
    assert (await phone.ask("init", {}))["ok"]


async def test_messages_of_a_socket_keep_their_order_around_one_that_is_refused(world: GatewayParts) -> None:
    """A refused message does not hold back or overtake its neighbours."""
    mina = await world.person("mina")
    room, phone = await world.group(mina), await world.started(mina)
    texts: list[dict[str, Any]] = [
        {"conversationId": room, "content": "first"},
        {"conversationId": room, "content": ""},
        {"conversationId": new_id(), "content": "nowhere"},
        {"conversationId": room, "content": "second"},
    ]
    numbers = [phone.emit("message:send", text, ack=True) for text in texts]
    await phone.until(lambda: all(phone.ack(number) for number in numbers))
    answers = [phone.ack(number) or {} for number in numbers]
    assert [answer.get("error") for answer in answers] == [None, "invalid", "not_a_member", None]
    assert [answers[0]["message"]["seq"], answers[3]["message"]["seq"]] == [2, 3]


async def test_typing_is_for_members_whether_attached_or_not(world: GatewayParts) -> None:
    """A stranger is told that there is no such conversation; a member who has not sent `init` may type."""
    mina, joon, sora = [await world.person(name) for name in ("mina", "joon", "sora")]
    room = await world.group(mina, joon)
    hears = await world.started(mina)
    stranger = await world.started(sora)
    assert (await stranger.ask("typing:start", {"conversationId": room}))["error"] == "not_a_member"
    assert (await stranger.ask("typing:start", {"conversationId": "nonsense"}))["error"] == "not_a_member"
    early = await world.phone(joon).connect()
    assert (await early.ask("typing:start", {"conversationId": room.upper()}))["ok"]
    assert await hears.got("typing:start") == {"userId": joon, "conversationId": room}


async def test_what_waits_is_timed_from_its_receipt_to_its_answer(phone: Phone, world: GatewayParts) -> None:
    """An event that waits for the store counts with its whole wait, once; a message, which does not wait, never."""
    world.store.accounts.hold("users")
    number = phone.emit("init", {}, ack=True)
    await asyncio.sleep(0.06)
    world.store.accounts.let_go("users")
    await phone.until(lambda: phone.ack(number))
    await phone.ask("message:send", {"conversationId": new_id(), "content": "x"})
    text = (await world.metrics.exposition())[0].decode()
    assert 'madang_event_seconds_count{event="init"} 2.0' in text  # its first, when it came, and this one
    assert 'madang_event_seconds_bucket{event="init",le="0.05"} 1.0' in text
    assert 'event="message:send"' not in text
