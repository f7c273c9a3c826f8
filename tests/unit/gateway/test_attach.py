"""Attach: from the list to live delivery, whatever happens while the store is being asked."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from madang.contract.limits import LIMITS
from madang.errors import ErrorCode, MadangError
from madang.gateway.live_log import RING_ENTRIES
from madang.ports.bus import LogAppended, MemberAdded
from tests.gateway_parts import GatewayParts, gateway_parts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayParts]:
    """A gateway on the store in memory."""
    async with gateway_parts(tmp_path) as parts:
        yield parts


async def test_what_is_said_between_the_list_and_the_bus_is_in_the_answer(world: GatewayParts) -> None:
    """The list is read before the bus is heard; a conversation that moved in between is shown as it stands after."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.phone(joon).connect()
    world.store.sync.after["page"] = lambda: world.send(mina, room, "in between")
    answer = await phone.ask("init", {})
    shown = next(summary for summary in answer["conversations"] if summary["id"] == room)
    assert (shown["version"], shown["lastMessage"]["content"], shown["unreadCount"]) == (2, "in between", 1)
    await world.send(mina, room, "after")
    await phone.got("message:new")
    assert phone.versions(room) == [3]


async def test_what_is_said_while_the_answer_is_on_its_way_follows_it(world: GatewayParts) -> None:
    """Entries applied for others while a socket attaches are replayed to it, right after the answer."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    await world.started(mina)  # the conversation is followed already
    phone = await world.phone(joon).connect()
    world.store.log.hold("heads")
    number = phone.emit("init", {}, ack=True)
    await world.store.log.was_asked("heads")
    for text in ("one", "two"):
        await world.send(mina, room, text)
    await world.settle()
    world.store.log.let_go("heads")
    await phone.got("message:new", lambda m: m["content"] == "two")
    assert phone.ack(number) is not None
    assert phone.versions(room) == [2, 3]


async def test_who_fell_behind_a_ring_is_shown_a_newer_state(world: GatewayParts) -> None:
    """More than the ring holds was applied while the list was read: it is read again, and nobody is sent away."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    await world.started(mina)
    phone = await world.phone(joon).connect()
    world.store.log.hold("heads")
    number = phone.emit("init", {}, ack=True)
    await world.store.log.was_asked("heads")
    for count in range(RING_ENTRIES + 5):
        await world.send(mina, room, f"{count}")
    await world.settle()
    world.store.log.let_go("heads")
    await phone.until(lambda: phone.ack(number))
    answer = phone.ack(number)
    assert answer is not None
    shown = next(summary for summary in answer["conversations"] if summary["id"] == room)
    assert shown["version"] == RING_ENTRIES + 6
    await world.send(mina, room, "after")
    await phone.got("message:new", lambda m: m["content"] == "after")
    assert phone.closed is None


async def test_who_is_removed_while_the_list_is_read_is_not_shown_it(world: GatewayParts) -> None:
    """The end of a membership between the list and the answer is in the answer, whether or not anybody follows."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    for moment in ("page", "heads"):
        part = world.store.sync if moment == "page" else world.store.log
        phone = await world.phone(joon).connect()
        part.after[moment] = lambda: world.remove(mina, room, joon)
        answer = await phone.ask("init", {})
        await world.send(mina, room, "secret")
        await world.settle(0.15)
        if moment == "page":
            assert room not in [summary["id"] for summary in answer["conversations"]]
            assert answer["removed"] == [room]
            assert phone.about(room) == []
        else:  # it was read before, and joined at that state: the removal follows
            assert phone.about(room) == [("conversation:removed", None)]
        await world.add(mina, room, joon)
        phone.hang_up()


async def test_who_is_removed_while_being_attached_hears_nothing_after(world: GatewayParts) -> None:
    """Added, and removed before the store has said what to: the conversation goes again, with nothing of it leaked."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina)
    for followed in (False, True):
        if followed:
            await world.started(mina)
        phone = await world.started(joon)
        world.store.conversations.hold("summaries")
        adding = asyncio.create_task(world.add(mina, room, joon))
        await world.store.conversations.was_asked("summaries")
        await world.remove(mina, room, joon)
        await world.send(mina, room, "secret")
        world.store.conversations.let_go("summaries")
        await adding
        await world.settle(0.05)
        assert "secret" not in phone.contents(room)
        names = [name for name, _ in phone.about(room)]
        assert names in ([], ["conversation:new", "conversation:removed"])


async def test_two_attaches_of_one_socket_leave_it_attached_once(world: GatewayParts) -> None:
    """Added, removed and added again while the first answer is on its way: whichever is first, the socket ends up with the
    present membership and gets each message once.
    """
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina)
    phone = await world.started(joon)
    world.store.conversations.hold("summaries")
    await world.add(mina, room, joon)
    await world.store.conversations.was_asked("summaries")
    await world.remove(mina, room, joon)
    await world.add(mina, room, joon)
    await world.store.conversations.was_asked("summaries", 2)
    world.store.conversations.let_go("summaries")
    await phone.got("conversation:new", lambda s: s["me"]["visibleFromSeq"] == 4)
    await world.settle()
    await world.send(mina, room, "hello")
    await phone.got("message:new", lambda m: m["content"] == "hello")
    assert phone.versions(room) == [5]
    assert phone.closed is None


async def test_being_told_twice_of_an_adding_shows_it_once(world: GatewayParts) -> None:
    """A doubled notice, and one for what the list has shown already, change nothing."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(joon)
    other = await world.group(mina, joon)
    await phone.got("conversation:new", lambda s: s["id"] == other)
    for conversation in (room, other, other):
        world.bus.publish(f"user:{joon}", MemberAdded(user_id=joon, conversation_id=conversation))
    await world.settle()
    assert [summary["id"] for summary in phone.all("conversation:new")] == [other]


async def test_two_inits_at_once_answer_both_and_deliver_once(world: GatewayParts) -> None:
    """A retry of `init` overtakes the first: both are answered with the page, and each message still comes once."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.phone(joon).connect()
    world.store.log.hold("heads")
    first, second = (phone.emit("init", {}, ack=True) for _ in range(2))
    await world.store.log.was_asked("heads", 2)
    world.store.log.let_go("heads")
    await phone.until(lambda: phone.ack(second) and phone.ack(first))
    for number in (first, second):
        answer = phone.ack(number)
        assert answer is not None
        assert room in [summary["id"] for summary in answer["conversations"]]
    await world.send(mina, room, "hello")
    await phone.got("message:new")
    await world.settle()
    assert phone.versions(room) == [2]


async def test_init_begins_from_the_top_each_time_and_goes_on_with_its_cursor(tmp_path: Path) -> None:
    """Without a cursor the first page is shown again, as a retry needs; with it only what was not shown since."""
    async with gateway_parts(tmp_path, limits=msgspec.structs.replace(LIMITS, inbox_page=2)) as world:
        mina = await world.person("mina")
        rooms = {await world.group(mina) for _ in range(5)}
        phone = await world.phone(mina).connect()
        for _ in range(2):
            shown: list[str] = []
            answer = await phone.ask("init", {})
            while True:
                assert len(answer["conversations"]) <= 2
                shown += [summary["id"] for summary in answer["conversations"]]
                if "next" not in answer:
                    break
                answer = await phone.ask("init", {"cursor": answer["next"]})
            assert len(shown) == len(set(shown)) == 6  # the notes to self are among them
            assert rooms < set(shown)


async def test_an_older_list_that_comes_late_is_followed_by_what_it_lacks(world: GatewayParts) -> None:
    """A second `init` whose list was read before messages that are delivered already brings them again after itself, as long as
    they are kept for somebody else who attaches.
    """
    mina, joon, sora = await world.person("mina"), await world.person("joon"), await world.person("sora")
    room = await world.group(mina, joon, sora)
    phone = await world.started(joon)
    await world.group(mina, sora)  # which nobody follows yet, so it is looked at twice
    world.store.log.hold("heads")
    tablet = await world.phone(sora).connect()
    tablet.emit("init", {}, ack=True)
    await world.store.log.was_asked("heads")
    world.store.sync.hold("page")
    number = phone.emit("init", {}, ack=True)
    await world.store.sync.was_asked("page")
    await world.send(mina, room, "meanwhile")
    await phone.got("message:new")
    world.store.sync.let_go("page")
    await phone.until(lambda: phone.ack(number))
    world.store.log.let_go("heads")
    await world.settle()
    answer = phone.ack(number)
    assert answer is not None
    shown = next(summary for summary in answer["conversations"] if summary["id"] == room)
    assert (shown["version"], phone.versions(room)) == (1, [2, 2])


async def test_an_older_list_that_comes_late_is_read_again(world: GatewayParts) -> None:
    """If what it lacks is not kept, it is read again: what is followed since before it was read is not asked for its head."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(joon)
    world.store.log.asked.clear()
    world.store.sync.hold("page")
    number = phone.emit("init", {}, ack=True)
    await world.store.sync.was_asked("page")
    await world.send(mina, room, "meanwhile")
    await phone.got("message:new")
    world.store.sync.let_go("page")
    await phone.until(lambda: phone.ack(number))
    await world.settle()
    answer = phone.ack(number)
    assert answer is not None
    shown = next(summary for summary in answer["conversations"] if summary["id"] == room)
    assert (shown["version"], phone.versions(room)) == (2, [2])
    assert "heads" not in world.store.log.asked


async def test_a_socket_that_goes_at_any_moment_leaves_nothing_behind(world: GatewayParts) -> None:
    """Disconnected after any number of steps of the loop, from CONNECT to the middle of attaching: no subscription, no
    connection, no live log and no task remains.
    """
    mina, joon = await world.person("mina"), await world.person("joon")
    for _ in range(3):
        await world.group(mina, joon)
    for steps in range(60):
        phone = world.phone(joon)
        phone.knock()
        initialised = False
        for _ in range(steps):
            await asyncio.sleep(0)
            if phone.connected and not initialised:
                initialised = True
                phone.emit("init", {}, ack=True)
        adding = asyncio.create_task(world.group(mina, joon)) if steps % 3 == 0 else None
        await asyncio.sleep(0)
        phone.hang_up()
        if adding is not None:
            await adding
        await world.settle(0.005)
        assert len(world.bus) == 0, f"after {steps} steps"
        assert len(world.gateway._connections) == 0, f"after {steps} steps"
    await world.settle()
    assert len(world.parts.tasks) == 0


async def test_a_head_the_bus_has_not_brought_is_waited_for_and_then_read(world: GatewayParts) -> None:
    """A socket that was shown more than this node has delivered joins where the others catch up, without a repetition."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    early = await world.started(mina)
    world.bus.fate = world.bus.lose
    for text in ("one", "two"):
        await world.send(mina, room, text)
    late = await world.started(joon)
    world.bus.fate = lambda news: [news]
    await early.got("conversation:version", lambda notice: notice["version"] == 3)
    await world.send(mina, room, "three")
    for phone, versions in ((early, [2, 3, 4]), (late, [4])):
        await phone.got("message:new", lambda m: m["content"] == "three")
        assert phone.versions(room) == versions


async def test_a_parked_socket_joins_in_the_middle_of_what_comes(world: GatewayParts) -> None:
    """News that come late reach the room whole, and the parked socket exactly from its head on."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    early = await world.started(mina)
    world.bus.fate = world.bus.lose
    for text in ("one", "two"):
        await world.send(mina, room, text)
    late = await world.started(joon)
    for text in ("three", "four"):
        await world.send(mina, room, text)
    world.bus.fate = lambda news: [news]
    entries = tuple(entry for news in world.bus.lost for entry in news.entries)
    world.bus.publish(f"conv:{room}", LogAppended(conversation_id=room, entries=entries))
    for phone, versions in ((early, [2, 3, 4, 5]), (late, [4, 5])):
        await phone.got("message:new", lambda m: m["content"] == "four")
        assert phone.versions(room) == versions
        assert all(before < after for before, after in pairwise(phone.versions(room)))
    assert "since" not in world.store.log.asked


async def test_a_store_that_fails_while_attaching_is_asked_again_then_the_client_sent_back(
    world: GatewayParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversation one was added to is never missing in silence, whatever the error was."""
    monkeypatch.setattr("madang.gateway.attach.RETRY_SECONDS", 0.01)
    mina, joon = await world.person("mina"), await world.person("joon")
    phone = await world.started(joon)
    world.store.conversations.failures["summaries"] = MadangError(ErrorCode.UNAVAILABLE, "gone")
    room = await world.group(mina, joon)
    await world.settle(0.02)
    world.store.conversations.failures["summaries"] = RuntimeError("a defect")
    await world.settle(0.01)
    del world.store.conversations.failures["summaries"]
    await phone.got("conversation:new", lambda s: s["id"] == room)
    world.store.conversations.failures["summaries"] = MadangError(ErrorCode.UNAVAILABLE, "gone")
    await world.group(mina, joon)
    await phone.until(lambda: phone.closed)
    assert phone.closed == (1013, "the store does not answer")


async def test_an_init_that_fails_says_so_and_the_next_one_starts_delivery(world: GatewayParts) -> None:
    """A retry after `unavailable` gets the list, live delivery, and its person shown as online."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.phone(joon).connect()
    for part, method in (
        (world.store.accounts, "users"),
        (world.store.sync, "page"),
        (world.store.log, "heads"),
    ):
        part.failures[method] = MadangError(ErrorCode.UNAVAILABLE, "gone")
        assert (await phone.ask("init", {}))["error"] == "unavailable"
        assert not [channel for channel in world.bus._channels if channel.startswith("conv:")]
        del part.failures[method]
    assert (await phone.ask("init", {}))["ok"]
    await world.send(mina, room, "hello")
    await phone.got("message:new")
    watcher = await world.started(mina)
    assert joon in watcher.init["online"]
