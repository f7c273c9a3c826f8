"""Coming back to a conversation: every status, exactly what was missed, then live, each once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from madang.domain.sync import MOST_MISSED
from madang.ids import new_id
from madang.services.sync import ANSWER_BYTES, LIST_ROWS, PAGE_ROWS, SYNC_ROWS
from tests.integration.sockets.coming_back import Replica, away, back, history
from tests.people import Device, Person

MakePerson = Callable[[], Awaitable[Person]]


async def _talk(device: Device, room: str, count: int, text: str = "hello") -> None:
    """Send so many messages, in order."""
    for start in range(0, count, 200):
        acks = await asyncio.gather(
            *(device.send(room, f"{text} {number}") for number in range(start, min(count, start + 200)))
        )
        assert all(ack["ok"] for ack in acks)


async def _keep_talking(device: Device, room: str, count: int) -> None:
    """Send so many messages, each when the one before is stored."""
    for number in range(count):
        assert (await device.send(room, f"meanwhile {number}"))["ok"]


def _in_list(answer: dict[str, Any], room: str) -> dict[str, Any]:
    return next(summary for summary in answer["conversations"] if summary["id"] == room)


async def _sync(device: Device, room: str, summary: dict[str, Any] | None) -> list[dict[str, Any]]:
    """`conversation:sync` until there is no more."""
    ask: dict[str, Any] = {"conversationId": room}
    if summary is not None:
        ask |= {"epoch": summary["epoch"], "version": summary["version"]}
    answers = []
    while True:
        answers.append(await device.ask("conversation:sync", ask))
        assert answers[-1]["ok"], answers[-1]
        if not answers[-1].get("more"):
            return answers
        ask["version"] = answers[-1]["version"]


async def test_what_is_known_as_it_is_needs_no_words_and_is_live(person: MakePerson) -> None:
    """Nothing happened: nothing is shown, nothing is missed, and the next message comes."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    sender = await joon.device()
    last = await away(mina)
    device, answer = await back(mina, last)
    assert (answer["conversations"], answer["changes"], answer["removed"]) == ([], {}, [])
    sent = (await sender.send(room, "now"))["message"]
    (live,) = await device.got("message:new", lambda m: m["conversationId"] == room)
    assert (live["id"], live["version"]) == (sent["id"], _in_list(last, room)["version"] + 1)


async def test_a_delta_is_what_was_missed_and_live_goes_on_from_it(person: MakePerson) -> None:
    """The changes of an absence, and what comes while one returns, make what a fresh client is shown: each once."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    sender = await joon.device()
    await _talk(sender, room, 20, "before")
    last = await away(mina)
    known = _in_list(last, room)
    replica = Replica(known, await history(mina, room))
    await _talk(sender, room, 30, "missed")
    sending = asyncio.create_task(_keep_talking(sender, room, 60))
    device, answer = await back(mina, last)
    await sending
    await sender.send(room, "the last")
    await device.got("message:new", lambda m: m["content"] == "the last")
    changes = answer["changes"][room]
    assert changes["status"] == "delta"
    missed = [message["version"] for message in changes["messages"]]
    assert missed == list(range(known["version"] + 1, changes["version"] + 1))
    assert _in_list(answer, room)["version"] == changes["version"]
    live = [message["version"] for message in device.all("message:new")]
    assert live == list(range(changes["version"] + 1, 113))
    replica.apply(changes)
    replica.hear(device, room)
    assert replica.shown() == await history(mina, room)


async def test_marks_of_an_absence_come_with_what_was_missed(person: MakePerson) -> None:
    """`reads` has every member's mark as it is now."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    sender = await joon.device()
    await sender.send(room, "one")
    last = await away(mina)
    await sender.send(room, "two")
    _, answer = await back(mina, last)
    assert dict(map(tuple, answer["changes"][room]["reads"])) == {mina.id: 1, joon.id: 3}


async def test_too_much_missed_is_a_gap(person: MakePerson) -> None:
    """Above a number of versions the newest page stands for all of it; one less is a delta in pages."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    sender = await joon.device()
    last = await away(mina)
    known = _in_list(last, room)
    await _talk(sender, room, MOST_MISSED)
    device = await mina.device()
    answers = await _sync(device, room, known)
    assert {answer["status"] for answer in answers} == {"delta"}
    assert len(answers) == MOST_MISSED // SYNC_ROWS
    await sender.send(room, "one more")
    (gap,) = await _sync(device, room, known)
    assert (gap["status"], gap["version"], len(gap["messages"])) == ("gap", MOST_MISSED + 2, PAGE_ROWS)
    assert gap["messages"] == (await history(mina, room))[-PAGE_ROWS:]
    _, answer = await back(mina, last)
    assert answer["changes"][room]["status"] == "gap"
    assert answer["changes"][room]["messages"] == gap["messages"]


async def test_pages_of_a_delta_make_the_present(person: MakePerson) -> None:
    """Page after page, and a Summary with the last of them, equals a fresh load."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    sender = await joon.device()
    known = _in_list(await away(mina), room)
    await _talk(sender, room, SYNC_ROWS + 30)
    device = await mina.device()
    answers = await _sync(device, room, known)
    assert [len(answer["messages"]) for answer in answers] == [SYNC_ROWS, 30]
    assert "summary" not in answers[0]
    fresh = (await mina.http("GET", f"/api/conversations/{room}")).json()
    assert answers[-1]["summary"] == fresh
    assert dict(map(tuple, answers[-1]["reads"]))[joon.id] == fresh["lastSeq"]


@pytest.mark.parametrize("version", [10**6, -1, 2**70])
async def test_another_history_is_a_reset(person: MakePerson, version: int) -> None:
    """An unknown epoch, or a version beyond the head, voids what is known: the Summary is the truth."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    sender = await joon.device()
    last = await away(mina)
    await sender.send(room, "hello")
    epoch = last["conversations"][0]["epoch"]
    device, answer = await back(mina, last, known={room: [epoch, version]})
    assert (answer["changes"][room]["status"], answer["changes"][room]["messages"]) == ("reset", [])
    assert _in_list(answer, room)["version"] == answer["changes"][room]["version"]
    other, answer = await back(mina, last, known={room: [new_id(), 1]})
    assert answer["changes"][room]["status"] == "reset"
    assert len(answer["conversations"]) == 2, "the number of the list is void as well"
    for ask in ({"epoch": epoch, "version": version}, {"epoch": new_id(), "version": 1}, {"version": 1}):
        told = await device.ask("conversation:sync", {"conversationId": room, **ask})
        assert (told["status"], told["messages"], told["summary"]["id"]) == ("reset", [], room)
    await sender.send(room, "live")
    for each in (device, other):
        await each.got("message:new", lambda m: m["content"] == "live")


async def test_a_conversation_nobody_knew_is_its_newest_page(person: MakePerson) -> None:
    """`conversation:sync` without a version is how a client without any store begins."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    device = await joon.device()
    await device.send(room, "hello")
    (gap,) = await _sync(device, room, None)
    assert (gap["status"], gap["messages"]) == ("gap", await history(joon, room))


async def test_strangers_learn_nothing(person: MakePerson) -> None:
    """What is no conversation of one's own, and what is none at all, get one answer."""
    mina, stranger = await person(), await person()
    room = await mina.group()
    device = await stranger.device()
    for named in (room, new_id(), "no id"):
        answer = await device.ask("conversation:sync", {"conversationId": named, "epoch": new_id(), "version": 0})
        assert (answer["ok"], answer["error"]) == (False, "not_a_member")


async def test_what_does_not_fit_is_behind(person: MakePerson) -> None:
    """Above the rows of one answer the rest is named and nothing is left out in silence; asking for it brings it."""
    mina, joon = await person(), await person()
    sender = await joon.device()
    rooms = [await mina.group(joon) for _ in range(2)]
    last = await away(mina)
    for room in rooms:
        await _talk(sender, room, LIST_ROWS // 2 + 10)
    device, answer = await back(mina, last)
    assert [answer["changes"][room]["status"] for room in rooms[::-1]] == ["delta", "behind"]
    assert answer["changes"][rooms[0]]["messages"] == []
    replica = Replica(_in_list(last, rooms[0]), [])
    await sender.send(rooms[0], "live")
    await device.got("message:new", lambda m: m["content"] == "live")
    for part in await _sync(device, rooms[0], _in_list(last, rooms[0])):
        replica.apply(part)
    assert replica.shown()[-200:] == await history(mina, rooms[0])
    assert len(replica.rows) == LIST_ROWS // 2 + 11


async def test_an_answer_is_bounded_in_bytes(person: MakePerson) -> None:
    """Long messages fill an answer before the number of rows does."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    sender = await joon.device()
    last = await away(mina)
    await _talk(sender, room, 60, "긴 글" * 3_000)
    device, answer = await back(mina, last)
    assert answer["changes"][room]["status"] == "behind"
    answers = await _sync(device, room, _in_list(last, room))
    assert len(answers) > 1
    assert all(len(str(part["messages"]).encode()) < ANSWER_BYTES * 1.1 for part in answers)
    seqs = [message["seq"] for part in answers for message in part["messages"]]
    assert seqs == list(range(2, 62))


async def test_a_hole_that_is_filled_goes_on_live(person: MakePerson) -> None:
    """A socket that asks in the middle of traffic has everything in the end, and nothing twice as another message."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    sender, device = await joon.device(), await mina.device()
    known = _in_list(device.init, room)
    replica = Replica(known, await history(mina, room))
    sending = asyncio.create_task(_keep_talking(sender, room, 300))
    while not sending.done():
        for part in await _sync(device, room, known):
            assert part["status"] == "delta"
    await sending
    await device.got("message:new", lambda m: m["seq"] == 301)
    replica.hear(device, room)
    assert len(replica.rows) == 301


async def test_before_init_it_only_answers(person: MakePerson) -> None:
    """Delivery starts with `init`, not by asking for a conversation."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    sender = await joon.device()
    device = await mina.device(start=False)
    (answer,) = await _sync(device, room, None)
    assert answer["status"] == "gap"
    await sender.send(room, "hello")
    await device.quiet()
    assert device.events == []


async def test_more_than_may_be_known_is_refused(person: MakePerson) -> None:
    """A thousand conversations may be named, one more is `invalid`; those one is not in come back as removed."""
    mina = await person()
    device = await mina.device(start=False)
    known = {new_id(): [new_id(), 1] for _ in range(1_000)}
    answer = await device.ask("init", {"inbox": 0, "known": known})
    assert answer["removed"] == sorted(known)
    answer = await device.ask("init", {"known": {**known, new_id(): [new_id(), 1]}})
    assert (answer["error"], list(answer["details"])) == ("invalid", ["known"])
