"""Messages and read marks over HTTP."""

from typing import Any

import httpx2
import pytest

from madang.ids import new_id
from tests.integration.api.api_client import Api, refused
from tests.integration.api.test_conversations import link, new_group


async def talk(api: Api, messages: int) -> tuple[str, httpx2.AsyncClient, httpx2.AsyncClient]:
    """Ann's group with Bob, in which she has written so often; its path and their clients."""
    (_, hers), (bob, his) = await api.person("ann"), await api.person("bob")
    path = f"/api/conversations/{(await new_group(hers, 'ours', bob))['id']}"
    for number in range(messages):
        assert (await hers.post(f"{path}/messages", json={"content": f"m{number}"})).status_code == 201
    return path, hers, his


async def test_sending(api: Api) -> None:
    """201 with the stored message; sent again with its id it is the same one, and says so; another body conflicts."""
    path, hers, his = await talk(api, 0)
    body = {"id": new_id(), "content": "안녕 \u1112\u1161\u11ab"}
    first = await hers.post(f"{path}/messages", json=body)
    assert first.status_code == 201
    assert first.json()["level"] == "stored"
    message = first.json()["message"]
    assert (message["id"], message["content"], message["seq"]) == (body["id"], "안녕 한", 2)
    assert message["sender"]["name"] == "Ann"
    again = (await hers.post(f"{path}/messages", json=body)).json()
    assert again["duplicate"] is True
    assert again["message"] == message
    refused(await hers.post(f"{path}/messages", json=body | {"content": "other"}), 409, "conflict")
    refused(await his.post(f"{path}/messages", json=body), 409, "conflict")
    assert [entry["content"] for entry in (await his.get(f"{path}/messages?after=1")).json()] == ["안녕 한"]


@pytest.mark.parametrize(
    ("body", "status", "error", "field"),
    [
        ({}, 422, "invalid", "content"),
        ({"content": None}, 422, "invalid", "content"),
        ({"content": 7}, 422, "invalid", "content"),
        ({"content": " "}, 422, "invalid", "content"),
        ({"content": "a\u0000b"}, 422, "invalid", "content"),
        ({"content": "x" * 10_001}, 413, "too_large", "content"),
        ({"content": "😀" * 5_001}, 413, "too_large", "content"),
        ({"content": "x", "id": "1"}, 422, "invalid", "id"),
        ({"content": "x", "type": "system"}, 422, "invalid", "type"),
        ({"content": "x", "silent": "true"}, 422, "invalid", "silent"),
        ({"content": "x", "silent": 1}, 422, "invalid", "silent"),
        ({"content": "x", "replyToId": "1"}, 422, "invalid", "replyToId"),
        ({"content": "x", "mentions": ["bob"]}, 422, "invalid", "mentions"),
        ({"content": "x", "mentions": [1]}, 422, "invalid", "mentions[0]"),
    ],
)
async def test_what_breaks_a_rule_is_refused(
    api: Api, body: dict[str, Any], status: int, error: str, field: str
) -> None:
    """The answer names the field; nothing of it is in the log; a boolean in words is no boolean."""
    path, hers, _ = await talk(api, 0)
    details = refused(await hers.post(f"{path}/messages", json=body), status, error).get("details", {})
    assert set(details) == {field}
    assert len((await hers.get(f"{path}/messages")).json()) == 1


async def test_a_lone_surrogate_is_refused(api: Api) -> None:
    """JSON can spell half a character that no store keeps."""
    path, hers, _ = await talk(api, 0)
    headers = {"Content-Type": "application/json"}
    response = await hers.post(f"{path}/messages", content=rb'{"content": "\ud800"}', headers=headers)
    refused(response, 422, "invalid")


async def test_history_pages_both_ways(api: Api) -> None:
    """Oldest first whatever the bound; bounds exclusive, `around` included; `Link` leads to the neighbours."""
    path, hers, _ = await talk(api, 9)

    async def seqs(query: str) -> list[int]:
        response = await hers.get(f"{path}/messages?{query}")
        assert response.status_code == 200, response.text
        return [entry["seq"] for entry in response.json()]

    assert await seqs("") == list(range(1, 11))
    assert await seqs("limit=3") == [8, 9, 10]
    assert await seqs("limit=3&before=8") == [5, 6, 7]
    assert await seqs("limit=3&after=5") == [6, 7, 8]
    assert await seqs("limit=3&around=5") == [4, 5, 6]
    assert await seqs("after=10") == []
    assert (await seqs("limit=4&at=2000-01-01T00:00:00Z"))[0] == 1
    assert (await seqs("limit=4&at=2100-01-01T00:00:00Z"))[-1:] in ([10], [])


async def test_links_lead_through_everything(api: Api) -> None:
    """From the newest page back to the first entry, and from an old one forward to the newest, each entry once."""
    path, hers, _ = await talk(api, 9)
    for start, relation in ((f"{path}/messages?limit=4", "prev"), (f"{path}/messages?limit=4&after=0", "next")):
        seen: list[int] = []
        url: str | None = start
        pages = 0
        while url:
            response = await hers.get(url)
            seen += [entry["seq"] for entry in response.json()]
            url = link(response, relation)
            pages += 1
            assert pages <= 5
        assert sorted(seen) == list(range(1, 11))
    newest = await hers.get(f"{path}/messages?limit=4")
    assert link(newest, "next") is None
    middle = await hers.get(f"{path}/messages?limit=3&around=5")
    assert link(middle, "prev")
    assert link(middle, "next")


@pytest.mark.parametrize("joins_late", [False, True])
async def test_links_name_only_what_there_is(api: Api, joins_late: bool) -> None:
    """Whatever the bound: the neighbours that exist and may be seen are named, no page behind a link is empty."""
    path, hers, his = await talk(api, 9)
    first, reader = 1, hers
    if joins_late:
        bob = (await his.get("/api/me")).json()["id"]
        assert (await hers.delete(f"{path}/members/{bob}")).status_code == 204
        assert (await hers.post(f"{path}/members", json={"userIds": [bob]})).status_code == 200
        for number in range(4):
            await hers.post(f"{path}/messages", json={"content": f"n{number}"})
        first, reader = 12, his
    last = (await hers.get(path)).json()["lastSeq"]
    bounds = [f"{bound}={seq}" for bound in ("before", "after", "around") for seq in range(last + 3)]
    times = ["at=2000-01-01T00:00:00Z", "at=2100-01-01T00:00:00Z"]
    for query in ("", *bounds, *times):
        for limit in (1, 4, 50):
            response = await reader.get(f"{path}/messages?limit={limit}&{query}")
            seqs = [entry["seq"] for entry in response.json()]
            older, newer = link(response, "prev"), link(response, "next")
            assert (older is not None, newer is not None) == (
                bool(seqs) and seqs[0] > first,
                bool(seqs) and seqs[-1] < last,
            ), (query, limit)
            for neighbour in (older, newer):
                assert neighbour is None or (await reader.get(neighbour)).json()


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "before=x",
        "before=-1",
        "after=99999999999999999999",
        "around=1.5",
        "at=yesterday",
        "at=",
    ],
)
async def test_impossible_windows_are_refused(api: Api, query: str) -> None:
    """Each names its parameter; two bounds at once are refused as well."""
    path, hers, _ = await talk(api, 0)
    details = refused(await hers.get(f"{path}/messages?{query}"), 422, "invalid")["details"]
    assert set(details) == {query.partition("=")[0]}
    refused(await hers.get(f"{path}/messages?before=5&after=1"), 422, "invalid")


async def test_reading(api: Api) -> None:
    """The mark moves forward only; unread follows; without a seq everything is read; above the head is refused."""
    path, hers, his = await talk(api, 3)
    assert (await his.get(path)).json()["unreadCount"] == 3
    first = await his.post(f"{path}/read", json={"seq": 2})
    assert first.json() == {"ok": True, "lastReadSeq": 2, "unreadCount": 2}
    assert (await his.post(f"{path}/read", json={"seq": 1})).json()["lastReadSeq"] == 2
    for body in ({"seq": 5}, {"seq": -1}, {"seq": "2"}, {"seq": 10**30}):
        refused(await his.post(f"{path}/read", json=body), 422, "invalid")
    assert (await his.post(f"{path}/read")).json() == {"ok": True, "lastReadSeq": 4, "unreadCount": 0}
    assert (await hers.get(path)).json()["unreadCount"] == 0
