"""Every HTTP call times everybody who may knock, times what it is aimed at.

The table names each route of the application; one that is missing here fails the test (one without a policy stops the
start: `tests/unit/api/test_security.py`). Whoever may not know something gets, byte for byte, the answer for what does not
exist.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from litestar.routes import HTTPRoute
from msgspec import Struct

from madang.ids import new_id
from tests.integration.api.api_client import Api, open_api, refused
from tests.integration.security.cast import (
    HEART,
    LEADERS,
    MEMBERS,
    OUTSIDERS,
    ROLES,
    TURNED_AWAY,
    Cast,
    Place,
    Role,
    blank,
)

EVERYBODY: Final = (*OUTSIDERS, *MEMBERS)
OWNER: Final[tuple[Role, ...]] = ("owner",)
ROOM: Final = "/api/conversations/{conversation_id}"
MESSAGE: Final = ROOM + "/messages/{message_id}"
REFUSALS: Final = {
    "anonymous": (401, "unauthenticated"),
    "disabled": (403, "user_disabled"),
    "expired": (401, "token_expired"),
}
PUBLIC: Final = {
    "POST /api/auth/register": 422,
    "POST /api/auth/login": 422,
    "POST /api/auth/refresh": 401,
    "POST /api/auth/logout": 401,
    "GET /api/config": 200,
    "GET /api/openapi.json": 200,
    "GET /api/docs": 200,
    "GET /health/live": 200,
    "GET /health/ready": 200,
}
"""Calls that look after themselves, with what somebody gets who sends nothing and is nobody."""
OPERATOR: Final = {"GET /metrics"}


class Case(Struct, frozen=True):
    """One call in one form, and who of those who are let in may make it."""

    route: str
    allowed: tuple[Role, ...]
    body: Callable[[Place], object] = lambda _: None
    query: str = ""
    own: bool = False
    """Whether it is about one's own message."""
    aimed: bool = True
    """Whether ids are in it."""

    def request(self, client: httpx2.AsyncClient, place: Place, role: Role) -> Any:
        """Make the call."""
        method, _, path = self.route.partition(" ")
        message = place.own.get(role, place.message) if self.own else place.message
        path = path.format(
            conversation_id=place.conversation, message_id=message, user_id=place.person, emoji=HEART
        ) + self.query.format(user_id=place.person)
        return client.request(method, path, json=self.body(place))


def _json(**fields: Any) -> Callable[[Place], object]:
    return lambda _: fields


CASES: Final = {
    "see-oneself": Case("GET /api/me", EVERYBODY, aimed=False),
    "change-oneself": Case("PATCH /api/me", EVERYBODY, _json(custom={}), aimed=False),
    "see-a-person": Case("GET /api/users/{user_id}", MEMBERS),
    "see-people": Case("GET /api/users", EVERYBODY, query="?ids={user_id}"),
    "list": Case("GET /api/conversations", EVERYBODY, aimed=False),
    "create": Case("POST /api/conversations", EVERYBODY, _json(type="group"), aimed=False),
    "see-a-conversation": Case(f"GET {ROOM}", MEMBERS),
    "rename": Case(f"PATCH {ROOM}", LEADERS, _json(name="Trip")),
    "see-members": Case(f"GET {ROOM}/members", MEMBERS),
    "add-members": Case(f"POST {ROOM}/members", MEMBERS, lambda place: {"userIds": [place.person]}),
    "own-settings": Case(f"PATCH {ROOM}/members/me", MEMBERS, _json(pinned=True)),
    "change-a-role": Case(f"PATCH {ROOM}/members/{{user_id}}", OWNER, _json(role="admin")),
    "history": Case(f"GET {ROOM}/messages", MEMBERS),
    "history-around": Case(f"GET {ROOM}/messages", MEMBERS, query="?around=2"),
    "send": Case(f"POST {ROOM}/messages", MEMBERS, _json(content="hi")),
    "read": Case(f"POST {ROOM}/read", MEMBERS, _json(seq=2)),
    "edit-others": Case(f"PATCH {MESSAGE}", (), _json(content="changed")),
    "edit-own": Case(f"PATCH {MESSAGE}", MEMBERS, _json(content="changed"), own=True),
    "react": Case(f"PUT {MESSAGE}/reactions/{{emoji}}", MEMBERS),
    "see-reactions": Case(f"GET {MESSAGE}/reactions/{{emoji}}", MEMBERS),
    "take-back": Case(f"DELETE {MESSAGE}/reactions/{{emoji}}", MEMBERS),
    "see-readers": Case(f"GET {MESSAGE}/readers", MEMBERS),
    "delete-others": Case(f"DELETE {MESSAGE}", LEADERS),
    "delete-own": Case(f"DELETE {MESSAGE}", MEMBERS, own=True),
    "remove": Case(f"DELETE {ROOM}/members/{{user_id}}", LEADERS),
    "leave": Case(f"DELETE {ROOM}/members/me", MEMBERS),
    "end": Case(f"DELETE {ROOM}", OWNER),
}
ABOUT_MESSAGES: Final = [name for name, case in CASES.items() if "{message_id}" in case.route]


class World:
    """A server, its cast, and a room that is nobody's of them."""

    def __init__(self, api: Api, cast: Cast, foreign: Place) -> None:
        self.api, self.cast, self.foreign = api, cast, foreign

    def client(self, role: str) -> httpx2.AsyncClient:
        """What somebody calls with."""
        return self.api.client(self.cast.tokens[role])


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One server for all cases; each has a room of its own. People see only those they share a conversation with."""
    folder: Path = tmp_path_factory.mktemp("roles")
    async with open_api(folder, directory="shared") as api:
        cast = await Cast.gather(api.parts)
        yield World(api, cast, await cast.foreign())


def whole(response: httpx2.Response) -> str:
    """Status, headers and body, without ids."""
    return blank(f"{response.status_code}\n{sorted(response.headers.items())}\n{response.text}")


async def test_every_route_is_in_the_table(world: World) -> None:
    """A new call without an expectation stops here."""
    routed = {
        f"{method} {route.path_format}"
        for route in world.api.app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
        if method != "OPTIONS"
    }
    assert routed == {case.route for case in CASES.values()} | PUBLIC.keys() | OPERATOR


@pytest.mark.parametrize("name", CASES)
async def test_who_may_call_what_where(world: World, name: str) -> None:
    """As the table says, and alike for what is foreign and what does not exist."""
    case, room = CASES[name], await world.cast.room()
    before = await _heads(world, room, world.foreign)
    for role in TURNED_AWAY:
        answers = [await case.request(world.client(role), place, role) for place in (room, Place.nowhere())]
        assert whole(answers[0]) == whole(answers[1])
        refused(answers[0], *REFUSALS[role])
    for role in EVERYBODY:
        client = world.client(role)
        foreign, missing = [await case.request(client, place, role) for place in (world.foreign, Place.nowhere())]
        assert not case.aimed or whole(foreign) == whole(missing), role
        here = await case.request(client, room, role)
        if role in case.allowed:
            assert here.is_success, (role, here.text)
        elif role in MEMBERS:
            refused(here, 403, "forbidden")
        if role in OUTSIDERS:
            assert not case.aimed or whole(here) == whole(missing), role
            assert await _heads(world, room, world.foreign) == before, role


@pytest.mark.parametrize("role", ROLES)
async def test_what_looks_after_itself(world: World, role: Role) -> None:
    """Public calls answer everybody the same, whatever token is shown; the operator's are for the operator."""
    for route, status in PUBLIC.items():
        method, _, path = route.partition(" ")
        if role == "anonymous" or "/logout" not in path:
            assert (await world.client(role).request(method, path)).status_code == status, route
    for route in OPERATOR:
        method, _, path = route.partition(" ")
        refused(await world.client(role).request(method, path), 403, "forbidden")


@pytest.mark.parametrize("name", ABOUT_MESSAGES)
async def test_a_message_of_elsewhere_is_no_message(world: World, name: str) -> None:
    """In one's own room, a message of a foreign room, one that does not exist, and one from before one joined: 404."""
    case, room = CASES[name], await world.cast.room()
    for role in MEMBERS:
        elsewhere = [world.foreign.message, new_id(), *([room.hidden] if role == "newcomer" else ())]
        answers = [await case.request(world.client(role), _aimed(room, message), role) for message in elsewhere]
        assert {whole(answer) for answer in answers} == {whole(answers[0])}, role
        refused(answers[0], 404, "not_found")


async def test_a_person_of_elsewhere_is_no_member(world: World) -> None:
    """Removing or promoting somebody who is not in the room answers alike for people there are and people there are not."""
    room = await world.cast.room()
    for name in ("change-a-role", "remove"):
        for role in EVERYBODY:
            answers = [
                whole(await CASES[name].request(world.client(role), _about(room, person), role))
                for person in (world.foreign.person, world.cast.ids["stranger"], new_id())
            ]
            assert len(set(answers)) == 1, (name, role)


async def test_history_begins_where_one_joined(world: World) -> None:
    """However it is asked for; a quote from before is blank, and what is hidden has no readers and no reactions."""
    room = await world.cast.room()
    newcomer = world.client("newcomer")
    path = f"/api/conversations/{room.conversation}"
    begin = (await newcomer.get(path)).json()["me"]["visibleFromSeq"]
    assert begin > 3
    quoting = {"content": "see above", "replyToId": room.hidden}
    assert (await world.client("author").post(f"{path}/messages", json=quoting)).status_code == 201
    for query in ("", "limit=200", "after=0", "around=2", "around=1", "at=2000-01-01T00:00:00Z", f"before={begin + 2}"):
        page = (await newcomer.get(f"{path}/messages?{query}")).json()
        assert page, query
        assert min(message["seq"] for message in page) >= begin, query
    assert (await newcomer.get(f"{path}/messages?before={begin}")).json() == []
    quote = (await newcomer.get(f"{path}/messages")).json()[-1]["replyTo"]
    assert (quote["content"], quote["senderId"]) == ("", None)


def _aimed(room: Place, message: str) -> Place:
    return Place(conversation=room.conversation, message=message, person=room.person)


def _about(room: Place, person: str) -> Place:
    return Place(conversation=room.conversation, message=room.message, person=person)


async def _heads(world: World, *places: Place) -> list[int]:
    """How much was ever written into these rooms."""
    heads = await world.api.parts.log.heads([place.conversation for place in places])
    return [heads[place.conversation].version for place in places]
