"""Roles, one's own settings, group settings and the end of a group over HTTP."""

from typing import Any

import pytest

from madang.ids import new_id
from madang.ports.bus import UserNotice
from tests.integration.api.api_client import Api, refused
from tests.integration.api.test_conversations import new_group


async def test_roles_change_hands(api: Api) -> None:
    """The owner makes admins and passes the role on; what the table of permissions forbids is 403."""
    (ann, hers), (bob, his), (eve, other) = [await api.person(name) for name in ("ann", "bob", "eve")]
    path = f"/api/conversations/{(await new_group(hers, 'ours', bob, eve))['id']}"
    refused(await his.patch(f"{path}/members/{eve}", json={"role": "admin"}), 403, "forbidden")
    assert (await hers.patch(f"{path}/members/{bob}", json={"role": "admin"})).status_code == 200
    assert (await his.get(path)).json()["me"]["role"] == "admin"
    refused(await his.delete(f"{path}/members/{ann}"), 403, "forbidden")
    assert (await his.delete(f"{path}/members/{eve}")).status_code == 204
    refused(await hers.patch(f"{path}/members/{eve}", json={"role": "admin"}), 422, "invalid")
    assert (await hers.patch(f"{path}/members/{bob}", json={"role": "owner"})).json()["me"]["role"] == "admin"
    roles = {m["user"]["id"]: m["role"] for m in (await his.get(f"{path}/members")).json()}
    assert roles == {ann: "admin", bob: "owner"}
    for body in ({}, {"role": "king"}, {"role": None}):
        refused(await his.patch(f"{path}/members/{ann}", json=body), 422, "invalid")
    refused(await his.patch(f"{path}/members/garbage", json={"role": "admin"}), 422, "invalid")
    refused(await other.patch(f"{path}/members/{ann}", json={"role": "admin"}), 404, "not_found")


async def test_group_settings(api: Api) -> None:
    """Owners and admins change name, picture and own fields; each alone, or taken away with null."""
    (_, hers), (bob, his) = await api.person("ann"), await api.person("bob")
    path = f"/api/conversations/{(await new_group(hers, 'ours', bob))['id']}"
    body = {"name": " theirs ", "avatarUrl": "https://example.org/p.png", "custom": {"a": [1, None]}}
    changed = (await hers.patch(path, json=body)).json()
    assert (changed["name"], changed["avatarUrl"], changed["custom"]) == ("theirs", body["avatarUrl"], body["custom"])
    assert (await hers.patch(path, json=body)).json()["version"] == changed["version"] == 2
    cleared = (await hers.patch(path, json={"avatarUrl": None})).json()
    assert (cleared["name"], cleared["avatarUrl"], cleared["custom"]) == ("theirs", None, body["custom"])
    assert (await hers.patch(path, json={"name": None})).json()["name"] is None
    refused(await his.patch(path, json={"name": "mine"}), 403, "forbidden")


@pytest.mark.parametrize(
    ("body", "status", "error", "field"),
    [
        ({"name": ""}, 422, "invalid", "name"),
        ({"name": "a\nb"}, 422, "invalid", "name"),
        ({"name": "x" * 101}, 413, "too_large", "name"),
        ({"name": 1}, 422, "invalid", "name"),
        ({"avatarUrl": "javascript:alert(1)"}, 422, "invalid", "avatarUrl"),
        ({"avatarUrl": "//elsewhere/p.png"}, 422, "invalid", "avatarUrl"),
        ({"avatarUrl": "/\\elsewhere"}, 422, "invalid", "avatarUrl"),
        ({"avatarUrl": "data:image/png;base64,AA"}, 422, "invalid", "avatarUrl"),
        ({"avatarUrl": "https://[x"}, 422, "invalid", "avatarUrl"),
        ({"avatarUrl": "/" + "x" * 2_000}, 413, "too_large", "avatarUrl"),
        ({"custom": {"a": "x" * 5_000}}, 413, "too_large", "custom"),
        ({"custom": {"a": list(range(2_000))}}, 413, "too_large", "custom"),
        ({"custom": {"a": "\u0000"}}, 422, "invalid", "custom"),
        ({"custom": {"a": [[[[[[[[1]]]]]]]]}}, 422, "invalid", "custom"),
        ({"custom": None}, 422, "invalid", "custom"),
        ({"custom": []}, 422, "invalid", "custom"),
    ],
)
async def test_impossible_settings_are_refused(
    api: Api, body: dict[str, Any], status: int, error: str, field: str
) -> None:
    """Naming the field; in a change and, where it may stand, in a creation."""
    _, hers = await api.person("ann")
    path = f"/api/conversations/{(await new_group(hers, 'ours'))['id']}"
    assert set(refused(await hers.patch(path, json=body), status, error)["details"]) == {field}
    assert (await hers.get(path)).json()["version"] == 1
    if field != "avatarUrl":
        creation = {"type": "group", **body}
        assert set(refused(await hers.post("/api/conversations", json=creation), status, error)["details"]) == {field}


async def test_the_owner_ends_a_group(api: Api) -> None:
    """204, and for everybody it is as if it never was."""
    (_, hers), (bob, his) = await api.person("ann"), await api.person("bob")
    group = await new_group(hers, "ours", bob)
    path = f"/api/conversations/{group['id']}"
    refused(await his.delete(path), 403, "forbidden")
    assert (await hers.delete(path)).status_code == 204
    for client in (hers, his):
        refused(await client.get(path), 404, "not_found")
        refused(await client.get(f"{path}/messages"), 404, "not_found")
        assert group["id"] not in [summary["id"] for summary in (await client.get("/api/conversations")).json()]
    refused(await hers.delete(path), 404, "not_found")


async def test_a_key_makes_a_group_exist_once(api: Api) -> None:
    """201, then 200 with the first for its members; 409 for everybody else, who learns nothing of it."""
    (_, hers), (bob, his), (_, other) = [await api.person(name) for name in ("ann", "bob", "eve")]
    body = {"type": "group", "name": "order 7", "key": "order:7", "memberIds": [bob], "custom": {"order": 7}}
    first = await hers.post("/api/conversations", json=body)
    assert (first.status_code, first.json()["key"], first.json()["custom"]) == (201, "order:7", {"order": 7})
    again = await his.post("/api/conversations", json={"type": "group", "key": "order:7"})
    assert (again.status_code, again.json()["id"], again.json()["memberCount"]) == (200, first.json()["id"], 2)
    taken = refused(await other.post("/api/conversations", json=body | {"memberIds": []}), 409, "conflict")
    assert first.json()["id"] not in str(taken)
    details = refused(
        await hers.post("/api/conversations", json={"type": "direct", "memberIds": [bob], "key": "k"}), 422, "invalid"
    )["details"]
    assert set(details) == {"key"}
    for key, status, error in (("", 422, "invalid"), ("x" * 201, 413, "too_large")):
        refused(await hers.post("/api/conversations", json={"type": "group", "key": key}), status, error)


async def test_own_settings(api: Api) -> None:
    """What is left out stays; one's devices are told once; nobody else is."""
    (ann, hers), (bob, his) = await api.person("ann"), await api.person("bob")
    path = f"/api/conversations/{(await new_group(hers, 'ours', bob))['id']}"
    await hers.patch(f"{path}/members/me", json={"pinned": True})
    for body in ({"mutedUntil": "2030-01-01T09:00:00+09:00"}, {"pinned": True}):
        await hers.patch(f"{path}/members/me", json=body)
    me = (await hers.patch(f"{path}/members/me", json={})).json()["me"]
    assert (me["mutedUntil"], me["pinnedAt"] is None, me["notificationEnabled"]) == (
        "2030-01-01T00:00:00.000Z",
        False,
        True,
    )
    told = [m for m in api.parts.heard if isinstance(m, UserNotice) and m.event == "conversation:updated"]
    assert [notice.user_id for notice in told] == [ann, ann]
    assert (await his.get(path)).json()["me"]["mutedUntil"] is None
    assert (await hers.patch(f"{path}/members/me", json={"mutedUntil": None})).json()["me"]["mutedUntil"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mutedUntil": "soon"}, "mutedUntil"),
        ({"mutedUntil": "1969-01-01T00:00:00Z"}, "mutedUntil"),
        ({"mutedUntil": 5}, "mutedUntil"),
        ({"pinned": "yes"}, "pinned"),
        ({"notificationEnabled": None}, "notificationEnabled"),
        ({"markedUnread": 1}, "markedUnread"),
    ],
)
async def test_impossible_own_settings_are_refused(api: Api, body: dict[str, Any], field: str) -> None:
    """422, naming the field; and 404 where one is no member."""
    _, hers = await api.person("ann")
    path = f"/api/conversations/{(await new_group(hers, 'ours'))['id']}/members/me"
    assert set(refused(await hers.patch(path, json=body), 422, "invalid")["details"]) == {field}
    for conversation in (new_id(), "garbage"):
        address = f"/api/conversations/{conversation}/members/me"
        refused(await hers.patch(address, json={"pinned": True}), 404, "not_found")
