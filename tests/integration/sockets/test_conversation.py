"""Talking through sockets: sending, delivery, membership, marks, typing, presence."""

import asyncio
from collections.abc import Awaitable, Callable

from madang.ids import new_id
from tests.people import Person

MakePerson = Callable[[], Awaitable[Person]]


async def test_a_message_is_acknowledged_and_reaches_every_device(person: MakePerson) -> None:
    """Sender, the sender's other device and the other person all get the one message."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, desk, other = await mina.device(), await mina.device(transport="polling"), await joon.device()
    ack = await phone.send(room, "안녕하세요")
    assert ack["level"] == "stored"
    assert ack["message"]["seq"] == 2
    assert ack["message"]["sender"] == {"id": mina.id, "name": mina.user["name"], "avatarUrl": None}
    for device in (phone, desk, other):
        (message,) = await device.got("message:new", lambda m: m["id"] == ack["message"]["id"])
        assert message == ack["message"]


async def test_sending_again_finds_the_first_message(person: MakePerson) -> None:
    """The same id and body is a duplicate, another body a conflict; nobody gets it twice."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, other = await mina.device(), await joon.device()
    message_id = new_id()
    first = await phone.send(room, "once", id=message_id)
    again = await phone.send(room, "once", id=message_id.upper())
    assert again["duplicate"] is True
    assert again["message"] == first["message"]
    conflict = await phone.send(room, "twice", id=message_id)
    assert (conflict["ok"], conflict["error"], conflict["id"]) == (False, "conflict", message_id)
    stolen = await other.send(room, "once", id=message_id)
    assert stolen["error"] == "conflict"
    await other.quiet()
    assert len(other.all("message:new")) == 1


async def test_sending_again_after_being_removed_shows_no_quote(person: MakePerson) -> None:
    """The retry of somebody who was removed, and of who came back, finds their message, over sockets and over HTTP, without
    what it quotes.
    """
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, other = await mina.device(), await joon.device()
    secret = (await phone.send(room, "secret"))["message"]
    reply = {"id": new_id(), "content": "hm", "replyToId": secret["id"]}
    draft = {"conversationId": room, **reply}
    assert (await other.ask("message:send", draft))["message"]["replyTo"]["content"] == "secret"
    members = f"/api/conversations/{room}/members"
    assert (await mina.http("DELETE", f"{members}/{joon.id}")).status_code == 204
    for _ in range(2):
        socket = await other.ask("message:send", draft)
        http = (await joon.http("POST", f"/api/conversations/{room}/messages", reply)).json()
        assert socket["duplicate"]
        for found in (socket["message"], http["message"]):
            assert (found["content"], found["replyTo"]["senderId"], found["replyTo"]["content"]) == ("hm", None, "")
        assert (await mina.http("POST", members, {"userIds": [joon.id]})).status_code == 200


async def test_messages_sent_without_waiting_keep_their_order(person: MakePerson) -> None:
    """A burst on one socket is stored and delivered in the order of sending; a bad one holds nothing back."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, other = await mina.device(), await joon.device()
    contents = [f"{number}" if number != 50 else "" for number in range(100)]
    acks = await asyncio.gather(*(phone.send(room, content) for content in contents))
    assert [ack["ok"] for ack in acks] == [content != "" for content in contents]
    assert acks[50]["error"] == "invalid"
    assert "content" in acks[50]["details"]
    await other.got("message:new", lambda m: m["content"] == "99")
    got = other.all("message:new")
    assert [message["content"] for message in got] == [content for content in contents if content]
    assert [message["seq"] for message in got] == list(range(2, 101))
    assert [message["version"] for message in got] == list(range(2, 101))


async def test_nothing_is_delivered_before_init_and_init_shows_the_rest(person: MakePerson) -> None:
    """A socket that has only connected hears nothing; its `init` shows the head from which live events go on."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, other = await mina.device(), await joon.device(start=False)
    await phone.send(room, "before")
    await other.quiet()
    assert other.events == []
    init = await other.ask("init", {})
    (summary,) = (shown for shown in init["conversations"] if shown["id"] == room)
    assert (summary["version"], summary["lastSeq"], summary["unreadCount"]) == (2, 2, 1)
    assert summary["lastMessage"]["content"] == "before"
    await phone.send(room, "after")
    (message,) = await other.got("message:new")
    assert message["version"] == summary["version"] + 1


async def test_events_work_before_init(person: MakePerson) -> None:
    """Sending, reading and typing need no `init`, only membership."""
    mina, joon, stranger = await person(), await person(), await person()
    room = await mina.group(joon)
    phone = await mina.device(start=False)
    assert (await phone.send(room, "hi"))["ok"]
    assert (await phone.ask("message:read", {"conversationId": room}))["lastReadSeq"] == 2
    assert (await phone.ask("typing:start", {"conversationId": room}))["ok"]
    outside = await stranger.device(start=False)
    for event in ("typing:start", "typing:stop", "message:read"):
        assert (await outside.ask(event, {"conversationId": room}))["error"] == "not_a_member"
    assert (await outside.send(room, "let me in"))["error"] == "not_a_member"


async def test_who_is_added_sees_the_log_from_there_and_is_live_at_once(person: MakePerson) -> None:
    """`conversation:new` comes first, then what follows; nothing of before."""
    mina, joon = await person(), await person()
    room = await mina.group()
    phone, other = await mina.device(), await joon.device()
    await phone.send(room, "secret of before")
    added = await mina.http("POST", f"/api/conversations/{room}/members", {"userIds": [joon.id]})
    assert added.status_code == 200, added.text
    (summary,) = await other.got("conversation:new", lambda s: s["id"] == room)
    assert summary["me"]["visibleFromSeq"] == 3
    assert summary["unreadCount"] == 0
    await phone.send(room, "welcome")
    (message,) = await other.got("message:new", lambda m: m["conversationId"] == room and m["type"] == "text")
    assert (message["content"], message["seq"]) == ("welcome", 4)
    page = (await joon.http("GET", f"/api/conversations/{room}/messages")).json()
    assert [entry["seq"] for entry in page] == [3, 4]
    assert page[0]["system"] == {"kind": "members_added", "actorId": mina.id, "userIds": [joon.id]}


async def test_who_is_removed_hears_nothing_of_it_and_nothing_after(person: MakePerson) -> None:
    """Removal is exact: the entry that removes them is not theirs any more, on any device, and all doors close."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, one, two = await mina.device(), await joon.device(), await joon.device()
    await phone.send(room, "last")
    gone = await mina.http("DELETE", f"/api/conversations/{room}/members/{joon.id}")
    assert gone.status_code == 204, gone.text
    await phone.send(room, "without you")
    for device in (one, two):
        (notice,) = await device.got("conversation:removed")
        assert notice == {"conversationId": room, "reason": "removed"}
        await device.quiet()
        seen = [message["seq"] for message in device.all("message:new")]
        assert seen == [2]
        order = [name for name, _ in device.events if name in ("message:new", "conversation:removed")]
        assert order == ["message:new", "conversation:removed"]
    assert (await one.send(room, "hello?"))["error"] == "not_a_member"
    assert (await joon.http("GET", f"/api/conversations/{room}/messages")).status_code == 404


async def test_leaving_and_coming_back_hides_what_happened_between(person: MakePerson) -> None:
    """Who rejoins sees the log from the new entry on, live and in history, and is attached again."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, other = await mina.device(), await joon.device()
    left = await joon.http("DELETE", f"/api/conversations/{room}/members/me")
    assert left.status_code == 204, left.text
    (notice,) = await other.got("conversation:removed")
    assert notice["reason"] == "left"
    await phone.send(room, "they have gone")
    await mina.http("POST", f"/api/conversations/{room}/members", {"userIds": [joon.id]})
    (summary,) = await other.got("conversation:new", lambda s: s["id"] == room and s["me"]["visibleFromSeq"] > 1)
    await phone.send(room, "they are back")
    await other.got("message:new", lambda m: m["content"] == "they are back")
    assert "they have gone" not in [message["content"] for message in other.all("message:new")]
    page = (await joon.http("GET", f"/api/conversations/{room}/messages")).json()
    assert page[0]["seq"] == summary["me"]["visibleFromSeq"]


async def test_marks_move_forward_everywhere(person: MakePerson) -> None:
    """Reading is told to the room and to one's own devices, never backwards, and unread follows by arithmetic."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, desk, other = await joon.device(), await joon.device(), await mina.device()
    for number in range(5):
        await other.send(room, f"{number}")
    await phone.got("message:new", lambda m: m["content"] == "4")
    half = await phone.ask("message:read", {"conversationId": room, "seq": 4})
    assert (half["lastReadSeq"], half["unreadCount"]) == (4, 2)
    (own,) = await desk.got("message:read", lambda r: r["userId"] == joon.id)
    assert (own["lastReadSeq"], own["unreadCount"]) == (4, 2)
    (told,) = await other.got("message:read", lambda r: r["userId"] == joon.id)
    assert "unreadCount" not in told
    back = await phone.ask("message:read", {"conversationId": room, "seq": 2})
    assert back["lastReadSeq"] == 4
    above = await phone.ask("message:read", {"conversationId": room, "seq": 99})
    assert above["error"] == "invalid"
    newest = await phone.ask("message:read", {"conversationId": room})
    assert (newest["lastReadSeq"], newest["unreadCount"]) == (6, 0)
    await phone.send(room, "mine")
    summary = (await joon.http("GET", f"/api/conversations/{room}")).json()
    assert (summary["me"]["lastReadSeq"], summary["unreadCount"]) == (7, 0)


async def test_typing_goes_to_the_others_only_and_not_too_often(person: MakePerson) -> None:
    """The typist's own devices hear nothing, repeats within two seconds are dropped, a stop without a start too."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    phone, desk, other = await mina.device(), await mina.device(), await joon.device()
    for _ in range(3):
        assert (await phone.ask("typing:start", {"conversationId": room}))["ok"]
    (typing,) = await other.got("typing:start")
    assert typing == {"userId": mina.id, "conversationId": room}
    for _ in range(2):
        await phone.ask("typing:stop", {"conversationId": room})
    await other.got("typing:stop")
    await other.quiet()
    assert len(other.all("typing:start")) == 1
    assert len(other.all("typing:stop")) == 1
    assert not [name for name, _ in phone.events + desk.events if name.startswith("typing")]


async def test_presence_counts_devices(person: MakePerson) -> None:
    """Somebody is online from their first device to their last, and a quick return goes unnoticed."""
    mina, joon = await person(), await person()
    await mina.group(joon)
    watcher = await mina.device()
    one = await joon.device()
    await watcher.got("user:online", lambda user, _: user == joon.id)
    two = await joon.device()
    assert mina.id in two.init["online"]
    await one.close()
    await watcher.quiet(1.5)
    await two.close()
    three = await joon.device()
    await watcher.quiet(6.5)
    assert watcher.all("user:offline") == []
    assert watcher.all("user:online").count(joon.id) == 1
    await three.close()
    user, at = await watcher.got("user:offline", seconds=9)
    assert user == joon.id
    assert at["at"].endswith("Z")


async def test_watching_is_for_people_of_shared_conversations(person: MakePerson) -> None:
    """Whoever shares nothing with me cannot watch me."""
    mina, joon, stranger = await person(), await person(), await person()
    await mina.group(joon)
    phone = await joon.device()
    device, outside = await mina.device(), await stranger.device()
    assert (await device.ask("presence:watch", {"userIds": [joon.id]}))["online"] == [joon.id]
    assert (await outside.ask("presence:watch", {"userIds": [joon.id]}))["online"] == []
    await phone.close()
    await device.got("user:offline", lambda user, _: user == joon.id, seconds=9)
    await outside.quiet()
    assert outside.all("user:offline") == []


async def test_notes_to_self_are_ready_from_the_first_minute(person: MakePerson) -> None:
    """A new account has its notes, can write to them, and nothing there is ever unread."""
    mina = await person()
    phone = await mina.device()
    (notes,) = phone.init["conversations"]
    assert notes["type"] == "direct"
    assert notes["peer"]["id"] == mina.id
    assert (await phone.send(notes["id"], "사과 사기"))["ok"]
    body = {"type": "direct", "memberIds": [mina.id]}
    found = await mina.http("POST", "/api/conversations", body)
    assert (found.status_code, found.json()["id"], found.json()["unreadCount"]) == (200, notes["id"], 0)
