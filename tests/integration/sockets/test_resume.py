"""Coming back to a list: after hours, with memberships that changed, with a thousand conversations known."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from madang.ids import derived_id, new_id
from madang.ports.accounts import ExternalProfile
from madang.ports.log import CreateConversation, Entry, Outcome
from madang.storage.sqlite import SqliteStore
from tests.integration.sockets.coming_back import away, back, known_of, pages
from tests.people import Device, Person
from tests.server_process import ServerProcess

MakePerson = Callable[[], Awaitable[Person]]
GROUPS = 1_000


def _ids(answer: dict[str, Any]) -> list[str]:
    return [summary["id"] for summary in answer["conversations"]]


async def _member(person: Person, room: str, change: str, other: Person) -> None:
    """`POST` adds somebody, `DELETE` removes them."""
    path = f"/api/conversations/{room}/members"
    if change == "POST":
        answer = await person.http("POST", path, {"userIds": [other.id]})
    else:
        answer = await person.http("DELETE", f"{path}/{other.id}")
    assert answer.is_success, answer.text


async def test_memberships_that_changed_meanwhile(person: MakePerson) -> None:
    """Left, joined, left and joined again: the list says exactly that, and what one may not see is not in it."""
    mina, joon = await person(), await person()
    kept, lost, again = [await mina.group(joon) for _ in range(3)]
    sender = await mina.device()
    for room in (kept, lost, again):
        await sender.send(room, "before")
    last = await away(joon)
    await _member(mina, lost, "DELETE", joon)
    await sender.send(lost, "not for joon")
    await _member(mina, again, "DELETE", joon)
    await sender.send(again, "not for joon")
    await _member(mina, again, "POST", joon)
    joined = await mina.group(joon)
    device, answer = await back(joon, last)
    assert answer["removed"] == [lost]
    assert set(_ids(answer)) == {again, joined}
    assert {room: changes["status"] for room, changes in answer["changes"].items()} == {again: "reset"}
    assert "not for joon" not in str(answer)
    known = {"epoch": last["conversations"][0]["epoch"], "version": 2}
    told = await device.ask("conversation:sync", {"conversationId": again, **known})
    assert (told["status"], told["summary"]["me"]["visibleFromSeq"]) == ("reset", 5)
    told = await device.ask("conversation:sync", {"conversationId": lost, **known})
    assert told["error"] == "not_a_member"
    for room in (kept, again, joined, lost):
        await sender.send(room, "live")
    for room in (kept, again, joined):
        await device.got("message:new", lambda m, room=room: m["conversationId"] == room)
    await device.quiet()
    assert lost not in [message["conversationId"] for message in device.all("message:new")]


async def test_what_was_removed_is_named_without_being_known(person: MakePerson) -> None:
    """The number of the list is enough: what ended since is named from the rows that memberships leave behind."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    last = await away(joon)
    await _member(mina, room, "DELETE", joon)
    _, answer = await back(joon, last, known={})
    assert answer["removed"] == [room]
    _, answer = await back(joon, answer, known={})
    assert answer["removed"] == []


async def test_one_s_own_changes_on_another_device_are_shown(person: MakePerson) -> None:
    """Reading elsewhere changes no log but one's own list: the Summary comes, and no messages."""
    mina, joon = await person(), await person()
    room, other = await mina.group(joon), await mina.group(joon)
    sender = await mina.device()
    for _ in range(3):
        await sender.send(room, "hello")
    last = await away(joon)
    phone = await joon.device()
    await phone.ask("message:read", {"conversationId": room, "seq": 3})
    _, answer = await back(joon, last)
    assert (_ids(answer), answer["changes"]) == ([room], {})
    assert answer["conversations"][0]["me"]["unreadCount"] == 1
    assert other in known_of(*last["conversations"])


async def test_a_number_of_another_history_counts_for_nothing(person: MakePerson) -> None:
    """A list number above the list's own shows everything, as if none had been given."""
    mina = await person()
    await mina.group()
    last = await away(mina)
    _, answer = await back(mina, last, inbox=10**9)
    assert len(_ids(answer)) == 2


async def test_a_new_epoch_resets_everybody(tmp_path: Path) -> None:
    """After `doctor --new-epoch` whatever is known is void, the numbers of lists too; nothing else is lost."""
    async with ServerProcess(tmp_path) as server:
        mina, joon = await Person.of_host(server, "mina"), await Person.of_host(server, "joon")
        room = await mina.group(joon)
        sender = await mina.device()
        await sender.send(room, "hello")
        last = await away(joon)
        await sender.close()
        await server.stop()
        store = SqliteStore(tmp_path / "data" / "madang.sqlite3")
        await store.open()
        epoch = await store.new_epoch()
        await store.close()
        await server.start()
        device, answer = await back(joon, last)
        assert {changes["status"] for changes in answer["changes"].values()} == {"reset"}
        assert {summary["epoch"] for summary in answer["conversations"]} == {epoch}
        assert set(answer["changes"]) == set(_ids(answer)) == set(_ids(last))
        sent = await device.send(room, "still here")
        assert (sent["message"]["epoch"], sent["message"]["seq"]) == (epoch, 3)
        await device.close()


@pytest.fixture(scope="module")
async def busy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """A server on which mina and joon share a thousand groups."""
    folder = tmp_path_factory.mktemp("busy")
    (folder / "data").mkdir()
    store = SqliteStore(folder / "data" / "madang.sqlite3")
    await store.open()
    ids = [derived_id("host", name) for name in ("mina", "joon")]
    for user_id, name in zip(ids, ("mina", "joon"), strict=True):
        profile = ExternalProfile(id=user_id, issuer="host", subject=name, name=name, avatar_url=None, issued_at=1)
        await store.accounts.provision(profile, 1)
    entries: list[Entry] = [
        CreateConversation(
            conversation_id=new_id(), entry_id=new_id(), actor_id=ids[0], type="group", member_ids=ids, name=f"{number}"
        )
        for number in range(GROUPS)
    ]
    verdicts = await store.log.append(entries, int(time.time() * 1000) - 60_000)
    assert {verdict.outcome for verdict in verdicts} == {Outcome.STORED}
    await store.close()
    async with ServerProcess(folder) as running:
        yield running


async def test_a_thousand_conversations_that_are_known_cost_one_page(busy: ServerProcess) -> None:
    """Nothing is said of those that are as they were, and every one of them is live."""
    mina, joon = await Person.of_host(busy, "mina"), await Person.of_host(busy, "joon")
    last = await away(mina)
    assert len(_ids(last)) == GROUPS
    sender = await Device(joon).connect(start=False)
    missed = _ids(last)[10:13]
    for room in missed:
        await sender.send(room, "missed")
    device, answer = await back(mina, last)
    assert "next" not in answer
    assert set(_ids(answer)) == set(answer["changes"]) == set(missed)
    assert len(answer["removed"]) == 0
    for room in _ids(last)[::100]:
        await sender.send(room, "live")
        await device.got("message:new", lambda m, room=room: m["conversationId"] == room and m["content"] == "live")
    await sender.close()
    await mina.close()


async def test_paging_misses_nothing_that_moves_meanwhile(busy: ServerProcess) -> None:
    """Between two pages one conversation rises, one is left, one is joined: each is told once, rightly."""
    mina, joon = await Person.of_host(busy, "mina"), await Person.of_host(busy, "joon")
    last = await away(mina)
    sender = await Device(joon).connect(start=False)
    changed = _ids(last)[:250]
    for room in changed:
        await sender.send(room, "missed")
    device = await mina.device(start=False)
    first = await device.ask("init", {"inbox": last["inbox"], "known": known_of(*last["conversations"])}, seconds=10)
    assert len(_ids(first)) == 100
    rising, left = [room for room in changed if room not in _ids(first)][-2:]
    await sender.send(rising, "rises")
    assert (await mina.http("DELETE", f"/api/conversations/{left}/members/me")).is_success
    joined = await mina.group(joon)
    await device.got("conversation:new", lambda summary: summary["id"] == joined)
    rest = [first]
    while "next" in rest[-1]:
        rest.append(await device.ask("init", {"cursor": rest[-1]["next"]}, seconds=10))
    told = [room for page in rest for room in _ids(page)]
    assert len(told) == len(set(told))
    assert {*told} - {joined} == {*changed} - {left}
    assert left in {room for page in rest for room in page["removed"]}
    missed = {room: changes for page in rest for room, changes in page["changes"].items()}
    assert set(missed) == set(changed) - {left}
    assert len(missed[rising]["messages"]) == 2
    for room in (rising, joined, _ids(last)[-1]):
        await sender.send(room, "live")
        await device.got("message:new", lambda m, room=room: m["conversationId"] == room and m["content"] == "live")
    assert device.disconnects == []
    await sender.close()
    await mina.close()


async def test_a_cursor_on_a_new_connection_begins_from_the_top(busy: ServerProcess) -> None:
    """A connection lost between two pages loses nothing: the next one is shown all of the list."""
    mina = await Person.of_host(busy, "mina")
    one = await mina.device(start=False)
    first = await one.ask("init", {}, seconds=10)
    await one.close()
    other = await mina.device(start=False)
    answers = await pages(other, {"cursor": first["next"]})
    told = [room for page in answers for room in _ids(page)]
    assert len(told) == len(set(told))
    assert set(_ids(first)) <= set(told)
    await mina.close()
