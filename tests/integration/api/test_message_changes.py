"""Edits, deletions, reactions and readers over HTTP."""

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from madang.ids import new_id
from tests.integration.api.api_client import Api, refused
from tests.integration.api.test_conversations import link
from tests.integration.api.test_messages import talk

HEART = "❤\ufe0f"


async def sent(client: httpx2.AsyncClient, path: str, content: str = "helo") -> str:
    """The address of a message somebody has just written."""
    response = await client.post(f"{path}/messages", json={"content": content})
    return f"{path}/messages/{response.json()['message']['id']}"


async def test_editing(api: Api) -> None:
    """200 with the message as it is now, as often as it is asked for; others may not."""
    path, hers, his = await talk(api, 0)
    message = await sent(hers, path)
    first = await hers.patch(message, json={"content": "hello \u1112\u1161\u11ab"})
    assert first.status_code == 200
    assert set(first.json()) == {"message"}
    assert (first.json()["message"]["content"], first.json()["message"]["version"]) == ("hello 한", 3)
    assert (await hers.patch(message, json={"content": "hello 한"})).json() == first.json()
    refused(await his.patch(message, json={"content": "mine"}), 403, "forbidden")
    assert (await his.get(f"{path}/messages?limit=1")).json()[0]["content"] == "hello 한"


async def test_deleting(api: Api) -> None:
    """200 with the tombstone, twice; it can be neither edited nor reacted to: 409."""
    path, hers, his = await talk(api, 0)
    message = await sent(hers, path)
    refused(await his.delete(message), 403, "forbidden")
    first = await hers.delete(message)
    assert (first.status_code, first.json()["message"]["content"]) == (200, "")
    assert first.json()["message"]["deletedAt"]
    assert (await hers.delete(message)).json() == first.json()
    refused(await hers.patch(message, json={"content": "x"}), 409, "conflict")
    refused(await his.put(f"{message}/reactions/{quote(HEART)}"), 409, "conflict")


@pytest.mark.parametrize("emoji", ["👍", "❤", "👩\u200d👩\u200d👧", "🇰🇷", "#\ufe0f\u20e3", "🏴\u200d☠\ufe0f"])
async def test_reacting(api: Api, emoji: str) -> None:
    """Any emoji travels in an address; both forms of one are the same; taking back what is not there changes nothing."""
    path, hers, his = await talk(api, 0)
    message = await sent(hers, path)
    address = f"{message}/reactions/{quote(emoji)}"
    first = await his.put(address)
    assert first.status_code == 200, first.text
    (reaction,) = first.json()["message"]["reactions"]
    assert reaction["emoji"].replace("\ufe0f", "") == emoji.replace("\ufe0f", "")
    assert (await his.put(address)).json() == first.json()
    assert [user["username"] for user in (await hers.get(address)).json()] == ["bob"]
    gone = await his.delete(address)
    assert (gone.status_code, gone.json()["message"]["reactions"]) == (200, [])
    assert (await his.delete(address)).json() == gone.json()


async def test_the_people_behind_an_emoji_page(api: Api) -> None:
    """`Link` leads through all of them, each once."""
    path, hers, his = await talk(api, 0)
    message = await sent(hers, path)
    address = f"{message}/reactions/{quote('👍')}"
    for client in (hers, his):
        await client.put(address)
    seen: list[str] = []
    url: str | None = f"{address}?limit=1"
    while url:
        response = await hers.get(url)
        seen += [user["username"] for user in response.json()]
        url = link(response, "next")
    assert sorted(seen) == ["ann", "bob"]


async def test_readers(api: Api) -> None:
    """Who has read it, without its sender, and only for who sees it."""
    path, hers, his = await talk(api, 0)
    message = await sent(hers, path)
    assert (await hers.get(f"{message}/readers")).json() == []
    await his.post(f"{path}/read", json={})
    response = await hers.get(f"{message}/readers?limit=1")
    assert [user["username"] for user in response.json()] == ["bob"]
    last = link(response, "next")
    assert last is not None
    assert (await hers.get(last)).json() == []
    _, other = await api.person("eve")
    refused(await other.get(f"{message}/readers"), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "tail", "body", "status", "error"),
    [
        ("PATCH", "", {}, 422, "invalid"),
        ("PATCH", "", {"content": 1}, 422, "invalid"),
        ("PATCH", "", {"content": " "}, 422, "invalid"),
        ("PATCH", "", {"content": "a\u0000"}, 422, "invalid"),
        ("PATCH", "", {"content": "x" * 10_001}, 413, "too_large"),
        ("PUT", "/reactions/x", None, 422, "invalid"),
        ("PUT", f"/reactions/{quote('👍👎')}", None, 422, "invalid"),
        ("PUT", "/reactions/%F0", None, 422, "invalid"),
        ("DELETE", "/reactions/1", None, 422, "invalid"),
        ("GET", "/reactions/x", None, 422, "invalid"),
        ("GET", "/readers?limit=0", None, 422, "invalid"),
        ("GET", "/readers?limit=201", None, 422, "invalid"),
        ("GET", "/readers?after=x", None, 422, "invalid"),
    ],
)
async def test_what_breaks_a_rule_is_refused(
    api: Api, *, method: str, tail: str, body: dict[str, Any] | None, status: int, error: str
) -> None:
    """And changes nothing."""
    path, hers, _ = await talk(api, 0)
    message = await sent(hers, path)
    refused(await hers.request(method, message + tail, json=body), status, error)
    assert (await hers.get(path)).json()["version"] == 2


async def test_what_one_may_not_see_does_not_exist(api: Api) -> None:
    """A stranger, an unknown message and one from before joining: 404, whatever is asked."""
    path, hers, _ = await talk(api, 0)
    message = await sent(hers, path)
    eve, other = await api.person("eve")
    reaction = f"/reactions/{quote('👍')}"

    async def answers(address: str, client: httpx2.AsyncClient) -> set[str]:
        calls = [
            await client.patch(address, json={"content": "x"}),
            await client.delete(address),
            await client.put(address + reaction),
            await client.delete(address + reaction),
            await client.get(address + reaction),
            await client.get(f"{address}/readers"),
        ]
        return {refused(call, 404, "not_found")["reason"] for call in calls}

    stranger = await answers(message, other)
    assert stranger == await answers(f"/api/conversations/{new_id()}/messages/{new_id()}", other)
    await hers.post(f"{path}/members", json={"userIds": [eve]})
    hidden = await answers(message, other)
    assert hidden == await answers(f"{path}/messages/{new_id()}", other) == await answers(f"{path}/messages/x", hers)
    assert len(stranger) == len(hidden) == 1
