"""Every event of the contract times everybody who may knock, times what it is aimed at.

The table names each event of the registry; one that is missing here fails the test. Whoever may not know something gets,
byte for byte, the answer for what does not exist, and nobody hears of the attempt.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec import Struct

from madang.contract.client_events import CLIENT_EVENTS
from madang.gateway.dispatch import Handler
from madang.ids import new_id
from tests.gateway_parts import GatewayParts, Phone, eventually, gateway_parts
from tests.integration.security.cast import LEADERS, MEMBERS, OUTSIDERS, TURNED_AWAY, Cast, Place, Role, blank

Payload = Callable[[Place, Role], dict[str, Any]]
EVERYBODY: Final = (*OUTSIDERS, *MEMBERS)
REFUSALS: Final = {"anonymous": "token_invalid", "disabled": "user_disabled", "expired": "token_expired"}


class Case(Struct, frozen=True):
    """One event in one form, and who of those who are let in may send it."""

    event: str
    payload: Payload
    allowed: tuple[Role, ...]
    refusal: str = "not_a_member"
    """What outsiders are told; members who may not are told `forbidden`, where it is about members at all."""

    @property
    def about_members(self) -> bool:
        """Whether membership decides."""
        return self.refusal == "not_a_member"


def _on(**fields: Any) -> Payload:
    return lambda place, _: {"conversationId": place.conversation, **fields}


def _theirs(**fields: Any) -> Payload:
    return lambda place, _: {"conversationId": place.conversation, "messageId": place.message, **fields}


def _own(**fields: Any) -> Payload:
    return lambda place, role: {"conversationId": place.conversation, "messageId": place.own[role], **fields}


def _quoting(place: Place) -> dict[str, Any]:
    return {"conversationId": place.conversation, "content": "hi", "id": new_id(), "replyToId": place.message}


CASES: Final = {
    "start": Case("init", lambda place, _: {"known": {place.conversation: [new_id(), 1]}}, EVERYBODY),
    "send": Case("message:send", _on(content="hi"), MEMBERS),
    "quote": Case("message:send", lambda place, _: _quoting(place), MEMBERS),
    "edit-others": Case("message:edit", _theirs(content="changed"), ()),
    "edit-own": Case("message:edit", _own(content="changed"), MEMBERS),
    "delete-others": Case("message:delete", _theirs(), LEADERS),
    "delete-own": Case("message:delete", _own(), MEMBERS),
    "react": Case("message:react", _theirs(emoji="👍"), MEMBERS),
    "take-back": Case("message:react", _theirs(emoji="👍", remove=True), MEMBERS),
    "read": Case("message:read", _on(seq=2), MEMBERS),
    "read-to-the-end": Case("message:read", _on(), MEMBERS),
    "catch-up": Case("conversation:sync", _on(epoch="e", version=1), MEMBERS),
    "load": Case("conversation:sync", _on(), MEMBERS),
    "type": Case("typing:start", _on(), MEMBERS),
    "stop-typing": Case("typing:stop", _on(), MEMBERS),
    "look": Case("focus", _on(), EVERYBODY),
    "watch": Case("presence:watch", lambda place, _: {"userIds": [place.person]}, EVERYBODY),
    "renew": Case("auth:refresh", lambda *_: {"token": "forged"}, (), "token_invalid"),
}


class World:
    """A gateway, its cast, a room that is theirs and one that is not, and somebody in each who listens."""

    def __init__(self, gateway: GatewayParts, cast: Cast, foreign: Place) -> None:
        self.gateway, self.cast, self.foreign = gateway, cast, foreign

    async def phone(self, name: str, *, started: bool = True) -> Phone:
        """A device of one of the cast."""
        phone = Phone(self.gateway.server, self.cast.tokens[name])
        return await (phone.start() if started else phone.connect())


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One gateway for all cases; each has a room of its own."""
    folder: Path = tmp_path_factory.mktemp("roles")
    async with gateway_parts(folder, store_kind="sqlite") as gateway:
        cast = await Cast.gather(gateway.parts)
        yield World(gateway, cast, await cast.foreign())


async def answer(phone: Phone, case: Case, place: Place, role: Role) -> tuple[dict[str, Any], str]:
    """The ack, and its text without ids."""
    ack = await phone.ask(case.event, case.payload(place, role))
    return ack, blank(json.dumps(ack))


def test_every_event_is_in_the_table() -> None:
    """A new event without an expectation stops here; one without a policy cannot even be put into the server's table."""
    assert {case.event for case in CASES.values()} == set(CLIENT_EVENTS)
    with pytest.raises(TypeError, match="policy"):
        Handler(run=lambda *_: None)  # type: ignore[call-arg]  # what is forgotten here is what the test is about


@pytest.mark.parametrize("name", CASES)
async def test_who_may_send_what_where(world: World, name: str) -> None:
    """As the table says, before `init` as after it, and alike for what is foreign and what does not exist."""
    case = CASES[name]
    phones = {
        (role, started): await world.phone(role, started=started) for role in EVERYBODY for started in (True, False)
    }
    listening = [await world.phone(person) for person in ("author", "target", "foreigner", "neighbour")]
    room = await world.cast.room()
    await world.gateway.settle()
    for phone in listening:
        phone.events.clear()
    heads = await _heads(world, room, world.foreign)
    for (role, _), phone in phones.items():
        here, text = await answer(phone, case, room, role)
        foreign, missing = [(await answer(phone, case, place, role))[1] for place in (world.foreign, Place.nowhere())]
        assert foreign == missing, role
        if role in case.allowed:
            assert here["ok"], (role, here)
        else:
            assert here["error"] == ("forbidden" if role in MEMBERS and case.about_members else case.refusal), role
        if role in OUTSIDERS:
            assert text == missing, role
            assert await _heads(world, room, world.foreign) == heads, role
    await world.gateway.settle()
    outsiders = {world.cast.ids[role] for role in OUTSIDERS}
    for phone in listening:
        assert not [event for event, args in phone.events if outsiders & _actors(event, args)]
    await _hang_up(world, *phones.values(), *listening)


async def test_a_watched_person_is_seen_by_those_who_know_them(world: World) -> None:
    """The answer of `presence:watch` names who is online to members, and nobody to others, as if nobody were there."""
    room = await world.cast.room()
    phones = [await world.phone("target"), await world.phone("neighbour")]
    for role in EVERYBODY:
        phone = await world.phone(role, started=False)
        seen, _ = await answer(phone, CASES["watch"], room, role)
        assert seen["online"] == ([room.person] if role in MEMBERS else []), role
        assert (await answer(phone, CASES["watch"], world.foreign, role))[0]["online"] == [], role
        phones.append(phone)
    await _hang_up(world, *phones)


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if case.payload(Place.nowhere(), "member").get("messageId")]
)
async def test_a_message_of_elsewhere_is_no_message(world: World, name: str) -> None:
    """In one's own room, a message of a foreign room, one that does not exist, and one from before one joined: `not_found`."""
    case, room = CASES[name], await world.cast.room()
    for role in MEMBERS:
        phone = await world.phone(role)
        payload = case.payload(room, role)
        answers = {
            blank(json.dumps(await phone.ask(case.event, payload | {"messageId": message})))
            for message in (
                world.foreign.message,
                new_id(),
                *([room.hidden] if role == "newcomer" else ()),
            )
        }
        assert len(answers) == 1, role
        assert '"not_found"' in answers.pop()
        await _hang_up(world, phone)


async def test_a_mark_beyond_the_head_is_refused(world: World) -> None:
    """To members it is `invalid`; to others there is no conversation to have a head."""
    room = await world.cast.room()
    for role in EVERYBODY:
        phone = await world.phone(role)
        for seq in (10_000, -1, 2**70):
            ack = await phone.ask("message:read", {"conversationId": room.conversation, "seq": seq})
            # a mark that no conversation could have is refused before anybody looks whose it is
            assert ack["error"] == ("invalid" if role in MEMBERS or seq < 0 else "not_a_member"), (role, seq)
        await _hang_up(world, phone)


async def test_the_token_of_somebody_else_is_no_renewal(world: World) -> None:
    """One's own keeps the socket; another's, an ended and a disabled one's are refused, and the socket stays as it was."""
    phone = await world.phone("member")
    for name, error in (("owner", "token_invalid"), ("expired", "token_expired"), ("disabled", "user_disabled")):
        assert (await phone.ask("auth:refresh", {"token": world.cast.tokens[name]}))["error"] == error
    assert (await phone.ask("auth:refresh", {"token": world.cast.tokens["member"]}))["ok"]
    await _hang_up(world, phone)


@pytest.mark.parametrize("role", TURNED_AWAY)
async def test_who_is_turned_away_gets_no_answer_at_all(world: World, role: Role) -> None:
    """CONNECT is refused with its reason; whatever is sent before or after it is answered by nothing but the end."""
    for case in CASES.values():
        for knock in (True, False):
            phone = Phone(world.gateway.server, world.cast.tokens[role])
            if knock:
                phone.knock()
                await phone.until(lambda phone=phone: phone.refused)  # type: ignore[misc]  # mypy cannot infer a lambda's default
                assert phone.refused
                assert phone.refused["data"]["error"] == REFUSALS[role]
            if phone.closed is None:
                number = phone.emit(case.event, case.payload(world.foreign, role), ack=True)
                await world.gateway.settle(0.002)
                assert phone.ack(number) is None
            assert (phone.events, phone.connected) == ([], False)
            phone.hang_up()


def _actors(event: str, args: list[Any]) -> set[str]:
    """Whom an event says something of; presence goes by other rules."""
    body = args[0] if args and isinstance(args[0], dict) and not event.startswith("user:") else {}
    return {str(body.get("userId")), str(body.get("senderId"))}


async def _heads(world: World, *places: Place) -> list[int]:
    """How much was ever written into these rooms."""
    heads = await world.gateway.parts.log.heads([place.conversation for place in places])
    return [heads[place.conversation].version for place in places]


async def _hang_up(world: World, *phones: Phone) -> None:
    for phone in phones:
        phone.hang_up()
    await eventually(lambda: not len(world.gateway.parts.tasks))
