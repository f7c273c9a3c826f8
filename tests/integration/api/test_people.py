"""One's own profile and other people over HTTP."""

from pathlib import Path

import pytest

from madang.ids import new_id
from tests.integration.api.api_client import Api, open_api, refused


async def test_changing_oneself(api: Api) -> None:
    """What is given changes, what is left out stays, and everybody sees it."""
    ann, client = await api.person("ann")
    changed = await client.patch("/api/me", json={"name": "안나"})
    assert changed.json()["name"] == "안나"
    await client.patch("/api/me", json={"custom": {"team": 1}, "username": "root", "unknown": True})
    me = (await client.get("/api/me")).json()
    assert (me["name"], me["username"], me["custom"]) == ("안나", "ann", {"team": 1})
    _, other = await api.person("bob")
    assert (await other.get(f"/api/users/{ann}")).json() == me


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"name": ""}, 422, "invalid"),
        ({"name": None}, 422, "invalid"),
        ({"name": "x" * 101}, 413, "too_large"),
        ({"custom": []}, 422, "invalid"),
        ({"custom": {"a": "x" * 5_000}}, 413, "too_large"),
    ],
)
async def test_what_breaks_a_rule_is_refused(api: Api, body: dict[str, object], status: int, error: str) -> None:
    """The answer names the field, and nothing changes."""
    _, client = await api.person("ann")
    assert set(refused(await client.patch("/api/me", json=body), status, error)["details"]) == set(body)
    assert (await client.get("/api/me")).json()["name"] == "Ann"


async def test_finding_people(api: Api) -> None:
    """By part of a name, by ids in the order asked, by one id; never a password, never an issuer."""
    ann, client = await api.person("ann")
    bob, _ = await api.person("bob")
    found = await client.get("/api/users", params={"query": "bo"})
    assert [user["id"] for user in found.json()] == [bob]
    assert set(found.json()[0]) == {"id", "username", "name", "avatarUrl", "bot", "custom", "deletedAt"}
    both = await client.get("/api/users", params={"ids": f"{bob}, {ann},{new_id()},x"})
    assert [user["id"] for user in both.json()] == [bob, ann]
    assert (await client.get("/api/users", params={"ids": ""})).json() == []
    refused(await client.get(f"/api/users/{new_id()}"), 404, "not_found")
    refused(await client.get("/api/users/garbage"), 404, "not_found")
    refused(await client.get("/api/users?limit=51"), 422, "invalid")
    refused(await client.get("/api/users?query=" + "x" * 101), 413, "too_large")
    refused(await client.get("/api/users?ids=" + ",".join([ann] * 101)), 413, "too_large")


async def test_a_closed_directory(tmp_path: Path) -> None:
    """Nobody is found, and nobody is seen whom one does not talk to; oneself always."""
    async with open_api(tmp_path, directory="closed") as api:
        ann, client = await api.person("ann")
        bob, _ = await api.person("bob")
        assert (await client.get("/api/users?query=bob")).json() == []
        refused(await client.get(f"/api/users/{bob}"), 404, "not_found")
        assert (await client.get(f"/api/users/{ann}")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/me"),
        ("PATCH", "/api/me"),
        ("GET", "/api/users"),
        ("GET", "/api/users/x"),
        ("GET", "/api/conversations"),
        ("POST", "/api/conversations"),
        ("GET", "/api/conversations/x"),
        ("GET", "/api/conversations/x/members"),
        ("POST", "/api/conversations/x/members"),
        ("DELETE", "/api/conversations/x/members/me"),
        ("GET", "/api/conversations/x/messages"),
        ("POST", "/api/conversations/x/messages"),
        ("POST", "/api/conversations/x/read"),
    ],
)
async def test_nobody_gets_in_without_a_token(api: Api, method: str, path: str) -> None:
    """Whoever is not signed in is told so before anything of the request is looked at."""
    refused(await api.client().request(method, path, content=b"{broken"), 401, "unauthenticated")
    refused(await api.client("forged").request(method, path, content=b"{broken"), 401, "token_invalid")
