"""Conversations and members over HTTP."""

import re
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest

from madang.ids import new_id
from tests.integration.api.api_client import BASE, Api, refused


def link(response: httpx2.Response, relation: str) -> str | None:
    """Where the `Link` of an answer leads."""
    found = re.search(rf'<([^>]*)>; rel="{relation}"', response.headers.get("Link", ""))
    return urljoin(BASE, found.group(1)) if found else None


async def new_group(client: httpx2.AsyncClient, name: str, *member_ids: str) -> dict[str, Any]:
    """A group somebody has just made."""
    response = await client.post("/api/conversations", json={"type": "group", "name": name, "memberIds": member_ids})
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def test_notes_to_self_are_there_from_the_first_minute(api: Api) -> None:
    """A new person's list holds the conversation with oneself, and asking for it again finds it."""
    ann, client = await api.person("ann")
    (notes,) = (await client.get("/api/conversations")).json()
    assert (notes["type"], notes["memberCount"], notes["peer"]["id"]) == ("direct", 1, ann)
    again = await client.post("/api/conversations", json={"type": "direct", "memberIds": [ann]})
    assert (again.status_code, again.json()["id"]) == (200, notes["id"])


async def test_a_direct_conversation_exists_once(api: Api) -> None:
    """201 for the first, 200 for everybody after, from both sides."""
    (ann, hers), (bob, his) = await api.person("ann"), await api.person("bob")
    first = await hers.post("/api/conversations", json={"type": "direct", "memberIds": [bob]})
    second = await his.post("/api/conversations", json={"type": "direct", "memberIds": [ann]})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["peer"]["username"] == "bob"
    assert first.json()["me"]["unreadCount"] == first.json()["unreadCount"] == 0


async def test_the_list_pages_newest_first(api: Api) -> None:
    """`Link` leads through all of it, each once, and ends."""
    _, client = await api.person("ann")
    for number in range(6):
        await new_group(client, f"group {number}")
    seen: list[str | None] = []
    url: str | None = "/api/conversations?limit=3"
    while url:
        response = await client.get(url)
        seen += [summary["name"] for summary in response.json()]
        assert len(response.json()) <= 3
        url = link(response, "next")
    assert sorted(seen, key=str) == sorted([*(f"group {number}" for number in range(6)), None], key=str)
    assert link(await client.get("/api/conversations?limit=100"), "next") is None


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=1.5", "cursor=x", "cursor=", "cursor=WzEsMl0"]
)
async def test_impossible_pages_are_refused(api: Api, query: str) -> None:
    """A limit outside the bounds and a cursor nobody gave are 422, naming the parameter."""
    _, client = await api.person("ann")
    details = refused(await client.get(f"/api/conversations?{query}"), 422, "invalid")["details"]
    assert set(details) == {query.partition("=")[0]}


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"type": "channel"}, 422, "invalid"),
        ({}, 422, "invalid"),
        ({"type": "group", "memberIds": "ann"}, 422, "invalid"),
        ({"type": "group", "memberIds": ["ann"]}, 422, "invalid"),
        ({"type": "group", "memberIds": [new_id()]}, 422, "invalid"),
        ({"type": "group", "memberIds": [new_id()] * 101}, 413, "too_large"),
        ({"type": "group", "name": "x" * 101}, 413, "too_large"),
        ({"type": "group", "name": 7}, 422, "invalid"),
        ({"type": "direct", "memberIds": []}, 422, "invalid"),
        ({"type": "direct", "memberIds": [new_id(), new_id()]}, 422, "invalid"),
    ],
)
async def test_what_breaks_a_rule_is_refused(api: Api, body: dict[str, Any], status: int, error: str) -> None:
    """Shape, ids, counts and lengths are checked before anything is made."""
    _, client = await api.person("ann")
    refused(await client.post("/api/conversations", json=body), status, error)
    assert len((await client.get("/api/conversations")).json()) == 1


async def test_what_is_not_mine_does_not_exist(api: Api) -> None:
    """A stranger's conversation, an unknown one and garbage get the same answer, whatever is asked."""
    (_, hers), (eve, other) = await api.person("ann"), await api.person("eve")
    group = await new_group(hers, "ours")
    answers = []
    for conversation in (group["id"], new_id(), "garbage"):
        path = f"/api/conversations/{conversation}"
        answers += [
            await other.get(path),
            await other.get(f"{path}/members"),
            await other.get(f"{path}/messages"),
            await other.post(f"{path}/messages", json={"content": "hi"}),
            await other.post(f"{path}/members", json={"userIds": [eve]}),
            await other.delete(f"{path}/members/me"),
            await other.post(f"{path}/read", json={}),
        ]
    assert len({refused(answer, 404, "not_found")["reason"] for answer in answers}) == 1


async def test_members_come_and_go(api: Api) -> None:
    """Adding shows them, `query` finds them, removing and leaving end it, with the log's own word on who may."""
    (ann, hers), (bob, his), (eve, other) = [await api.person(name) for name in ("ann", "bob", "eve")]
    group = await new_group(hers, "ours", bob)
    path = f"/api/conversations/{group['id']}"
    added = await his.post(f"{path}/members", json={"userIds": [eve, ann]})
    assert (added.status_code, added.json()["memberCount"]) == (200, 3)
    people = (await other.get(f"{path}/members")).json()
    assert {person["user"]["id"]: person["role"] for person in people} == {ann: "owner", bob: "member", eve: "member"}
    assert [person["user"]["username"] for person in (await hers.get(f"{path}/members?query=ev")).json()] == ["eve"]
    refused(await his.delete(f"{path}/members/{eve}"), 403, "forbidden")
    assert (await hers.delete(f"{path}/members/{eve}")).status_code == 204
    refused(await other.get(path), 404, "not_found")
    assert (await his.delete(f"{path}/members/me")).status_code == 204
    refused(await his.get(path), 404, "not_found")
    assert (await hers.get(path)).json()["memberCount"] == 1
    refused(await hers.post(f"{path}/members", json={"userIds": []}), 422, "invalid")
    refused(await hers.post(f"{path}/members", json={}), 422, "invalid")
    refused(await hers.delete(f"{path}/members/garbage"), 422, "invalid")


async def test_members_page_by_id(api: Api) -> None:
    """`Link` leads through all members, each once."""
    people = [await api.person(f"user{number}") for number in range(5)]
    _, client = people[0]
    group = await new_group(client, "ours", *(user_id for user_id, _ in people[1:]))
    seen: list[str] = []
    url: str | None = f"/api/conversations/{group['id']}/members?limit=2"
    while url:
        response = await client.get(url)
        seen += [person["user"]["id"] for person in response.json()]
        url = link(response, "next")
    assert seen == sorted(user_id for user_id, _ in people)
