"""Changes through sockets: edits, deletions, reactions, roles, group settings and one's own, to every device."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from madang.ids import new_id
from tests.people import Device, Person
from tests.server_process import ServerProcess

MakePerson = Callable[[], Awaitable[Person]]
HEART = "❤\ufe0f"
VERSIONED = ("message:new", "message:updated", "message:deleted", "message:reaction")


def versions(device: Device, room: str) -> list[int]:
    """The versions of a room that a device was handed, in the order in which it was."""
    return [
        args[0]["version"]
        for name, args in device.events
        if name in (*VERSIONED, "conversation:version") and args[0]["conversationId"] == room
    ]


async def test_an_edit_reaches_every_device(person: MakePerson) -> None:
    """`message:updated` is the acknowledged message; asking again changes nothing and tells nobody."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, desk, other = await mina.device(), await mina.device(transport="polling"), await joon.device()
    sent = (await phone.send(room, "helo"))["message"]
    edit = {"conversationId": room, "messageId": sent["id"], "content": "hello"}
    ack = await phone.ask("message:edit", edit)
    assert (ack["ok"], set(ack)) == (True, {"ok", "message"})
    assert (ack["message"]["content"], ack["message"]["seq"], ack["message"]["version"]) == ("hello", 2, 3)
    assert ack["message"]["editedAt"]
    for device in (phone, desk, other):
        (told,) = await device.got("message:updated")
        assert told == ack["message"]
    again = await phone.ask("message:edit", edit | {"messageId": sent["id"].upper()})
    assert again["message"] == ack["message"]
    await other.quiet()
    assert len(other.all("message:updated")) == 1
    assert (await joon.http("GET", f"/api/conversations/{room}/messages?limit=1")).json()[0]["content"] == "hello"


async def test_a_deletion_leaves_a_tombstone(person: MakePerson) -> None:
    """On every screen, in history, in quotes; the owner may delete what others wrote."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, other = await mina.device(), await joon.device()
    sent = (await other.send(room, "secret"))["message"]
    await phone.send(room, "what?", replyToId=sent["id"])
    refused = await other.ask("message:delete", {"conversationId": room, "messageId": new_id()})
    assert (refused["ok"], refused["error"]) == (False, "not_found")
    ack = await phone.ask("message:delete", {"conversationId": room, "messageId": sent["id"]})
    assert ack["message"]["deletedAt"]
    for device in (phone, other):
        (gone,) = await device.got("message:deleted")
        assert gone == ack["message"]
        assert (gone["content"], gone["attachments"], gone["reactions"], gone["seq"]) == ("", [], [], 2)
    assert (await other.ask("message:delete", {"conversationId": room, "messageId": sent["id"]}))["ok"]
    page = (await joon.http("GET", f"/api/conversations/{room}/messages")).json()
    assert "secret" not in str(page)
    assert page[2]["replyTo"]["senderId"] is None
    await other.quiet()
    assert len(other.all("message:deleted")) == 1


async def test_a_reaction_has_an_event_of_its_own(person: MakePerson) -> None:
    """Small for the room, whole for who asked; both forms of an emoji are one; taking it back says so."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, other = await mina.device(), await joon.device()
    sent = (await phone.send(room, "hi"))["message"]
    react = {"conversationId": room, "messageId": sent["id"], "emoji": "❤"}
    ack = await other.ask("message:react", react)
    assert ack["message"]["reactions"] == [{"emoji": HEART, "count": 1, "userIds": [joon.id]}]
    for device in (phone, other):
        (told,) = await device.got("message:reaction")
        assert told == {
            "conversationId": room,
            "messageId": sent["id"],
            "seq": 2,
            "version": 3,
            "epoch": ack["message"]["epoch"],
            "userId": joon.id,
            "emoji": HEART,
            "removed": False,
            "count": 1,
        }
    same = await other.ask("message:react", react | {"emoji": HEART})
    assert same["message"] == ack["message"]
    back = await other.ask("message:react", react | {"remove": True})
    assert back["message"]["reactions"] == []
    (told,) = await phone.got("message:reaction", lambda r: r["removed"])
    assert (told["version"], told["count"]) == (4, 0)
    await phone.quiet()
    assert versions(phone, room) == [2, 3, 4]


async def test_changes_and_sends_keep_the_order_of_the_socket(person: MakePerson) -> None:
    """Sent without waiting: each change finds what was sent before it, and every device gets every version once."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, other = await mina.device(), await joon.device()
    ids = [new_id() for _ in range(20)]
    calls: list[Awaitable[Any]] = []
    for number, message_id in enumerate(ids):
        target = {"conversationId": room, "messageId": message_id}
        calls.append(phone.send(room, f"{number}", id=message_id))
        calls.append(phone.ask("message:edit", target | {"content": f"{number}!"}))
        calls.append(phone.ask("message:react", target | {"emoji": "👍"}))
        if number % 5 == 0:
            calls.append(phone.ask("message:delete", target))
    acks = await asyncio.gather(*calls)
    assert all(ack["ok"] for ack in acks)
    await other.got("message:reaction", lambda r: r["messageId"] == ids[-1])
    assert versions(other, room) == list(range(2, 66))
    page = (await joon.http("GET", f"/api/conversations/{room}/messages?after=1")).json()
    assert [entry["content"] for entry in page] == [f"{n}!" if n % 5 else "" for n in range(20)]


@pytest.mark.parametrize(
    ("event", "fields", "error"),
    [
        ("message:edit", {"content": ""}, "invalid"),
        ("message:edit", {"content": "x" * 10_001}, "too_large"),
        ("message:edit", {"content": "a\x00"}, "invalid"),
        ("message:edit", {}, "invalid"),
        ("message:react", {"emoji": "thumbs up"}, "invalid"),
        ("message:react", {"emoji": "👍👍"}, "invalid"),
        ("message:react", {"emoji": ""}, "invalid"),
        ("message:react", {"emoji": "👍", "remove": "no"}, "invalid"),
        ("message:delete", {"messageId": "1"}, "not_found"),
        ("message:delete", {"messageId": 1}, "invalid"),
        ("message:edit", {"content": "x", "conversationId": "garbage"}, "not_a_member"),
    ],
)
async def test_what_breaks_a_rule_is_refused(
    person: MakePerson, event: str, fields: dict[str, object], error: str
) -> None:
    """With the code of the table; nothing changes and the socket stays."""
    mina = await person()
    room = await mina.group()
    phone = await mina.device()
    sent = (await phone.send(room, "hi"))["message"]
    ack = await phone.ask(event, {"conversationId": room, "messageId": sent["id"], **fields})
    assert (ack["ok"], ack["error"]) == (False, error)
    assert (await phone.send(room, "still here"))["message"]["version"] == 3


async def test_only_members_and_only_the_sender(person: MakePerson) -> None:
    """A stranger learns nothing, a member may not touch what others wrote, before `init` as after it."""
    mina, joon, eve = await person(), await person(), await person()
    room = await mina.group(joon)
    phone, other, outside = await mina.device(), await joon.device(start=False), await eve.device(start=False)
    sent = (await phone.send(room, "mine"))["message"]
    target = {"conversationId": room, "messageId": sent["id"]}
    for event, fields in (
        ("message:edit", {"content": "x"}),
        ("message:delete", {}),
        ("message:react", {"emoji": "👍"}),
    ):
        assert (await outside.ask(event, target | fields))["error"] == "not_a_member"
    assert (await other.ask("message:edit", target | {"content": "x"}))["error"] == "forbidden"
    assert (await other.ask("message:delete", target))["error"] == "forbidden"
    assert (await other.ask("message:react", target | {"emoji": "👍"}))["ok"]


async def test_who_joined_later_hears_nothing_of_what_is_hidden(person: MakePerson) -> None:
    """A change of an older message is only a version to them, and they can neither see nor touch it."""
    mina, joon = await person(), await person()
    room = await mina.group()
    phone, other = await mina.device(), await joon.device()
    sent = (await phone.send(room, "secret"))["message"]
    await mina.http("POST", f"/api/conversations/{room}/members", {"userIds": [joon.id]})
    await other.got("conversation:new", lambda s: s["id"] == room)
    target = {"conversationId": room, "messageId": sent["id"]}
    await phone.ask("message:edit", target | {"content": "secret 2"})
    await phone.ask("message:react", target | {"emoji": "👍"})
    await phone.ask("message:delete", target)
    assert (await other.ask("message:react", target | {"emoji": "👍"}))["error"] == "not_found"
    await phone.send(room, "hello")
    await other.got("message:new", lambda m: m["content"] == "hello")
    assert versions(other, room) == [4, 5, 6, 7]
    assert [name for name, _ in other.events if name in VERSIONED[1:]] == []
    assert "secret" not in str(other.events)


async def test_a_group_is_renamed_and_led_by_others(person: MakePerson) -> None:
    """Told as messages of the log, with everything that changed in them."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    other = await joon.device()
    path = f"/api/conversations/{room}"
    renamed = await mina.http("PATCH", path, {"name": "저녁", "custom": {"floor": 3}})
    assert (renamed.status_code, renamed.json()["name"], renamed.json()["custom"]) == (200, "저녁", {"floor": 3})
    (told,) = await other.got("message:new", lambda m: m["type"] == "system")
    assert told["system"] == {"kind": "renamed", "actorId": mina.id, "name": "저녁", "custom": {"floor": 3}}
    passed = await mina.http("PATCH", f"{path}/members/{joon.id}", {"role": "owner"})
    assert (passed.status_code, passed.json()["me"]["role"]) == (200, "admin")
    await other.got("message:new", lambda m: m["version"] == 4)
    roles = [(m["system"]["userIds"], m["system"]["role"]) for m in other.all("message:new")[1:]]
    assert roles == [([joon.id], "owner"), ([mina.id], "admin")]


async def test_an_ended_group_is_gone_from_every_device(person: MakePerson) -> None:
    """`conversation:removed` with `ended` is the last anybody hears; every door answers as if it never was."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, other = await mina.device(), await joon.device()
    await phone.send(room, "last")
    await other.got("message:new")
    ended = await mina.http("DELETE", f"/api/conversations/{room}")
    assert ended.status_code == 204, ended.text
    for device in (phone, other):
        (notice,) = await device.got("conversation:removed")
        assert notice == {"conversationId": room, "reason": "ended"}
        await device.quiet()
        assert versions(device, room) == [2]
        assert (await device.send(room, "?"))["error"] == "not_a_member"
    assert (await joon.http("GET", f"/api/conversations/{room}")).status_code == 404
    assert (await joon.http("GET", f"/api/conversations/{room}/messages")).status_code == 404


async def test_own_settings_reach_ones_other_devices_only(person: MakePerson) -> None:
    """`conversation:updated` with the Summary, unversioned; what is so already tells nobody."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, desk, other = await mina.device(), await mina.device(), await joon.device()
    path = f"/api/conversations/{room}/members/me"
    body = {"pinned": True, "mutedUntil": "2030-01-01T00:00:00Z", "markedUnread": True, "notificationEnabled": False}
    answer = await mina.http("PATCH", path, body)
    assert answer.status_code == 200, answer.text
    me = answer.json()["me"]
    assert (me["mutedUntil"], me["markedUnread"], me["notificationEnabled"]) == (
        "2030-01-01T00:00:00.000Z",
        True,
        False,
    )
    assert me["pinnedAt"]
    for device in (phone, desk):
        (summary,) = await device.got("conversation:updated")
        assert summary == answer.json()
    await mina.http("PATCH", path, body)
    read = await phone.ask("message:read", {"conversationId": room})
    assert read["ok"]
    await desk.got("message:read", lambda r: r["userId"] == mina.id)
    await other.quiet()
    assert len(desk.all("conversation:updated")) == 1
    assert other.all("conversation:updated") == []
    assert (await mina.http("GET", f"/api/conversations/{room}")).json()["me"]["markedUnread"] is False


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server on which messages harden after a second."""
    async with ServerProcess(tmp_path, {"edit_window": "1", "delete_window": "1"}) as running:
        yield running


async def test_the_operator_bounds_how_long(strict: ServerProcess) -> None:
    """Clients find the windows among the limits; after them one's own message is as it is, but for the group's leaders."""
    mina, joon = await Person.of_host(strict, "mina"), await Person.of_host(strict, "joon")
    room = await mina.group(joon)
    phone, other = await mina.device(), await joon.device()
    limits = phone.init["server"]["limits"]
    assert (limits["editSeconds"], limits["deleteSeconds"]) == (1.0, 1.0)
    sent = (await other.send(room, "hot"))["message"]
    target = {"conversationId": room, "messageId": sent["id"]}
    assert (await other.ask("message:edit", target | {"content": "warm"}))["ok"]
    await other.quiet(1.1)
    for event in ("message:edit", "message:delete"):
        refused = await other.ask(event, target | {"content": "cold"})
        assert (refused["error"], "too old" in refused["reason"]) == ("forbidden", True)
    assert (await phone.ask("message:delete", target))["ok"]
    await mina.close()
    await joon.close()
