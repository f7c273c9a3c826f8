"""The feed, over a bus that loses, doubles and swaps what it should bring."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from madang.clock import SystemClock
from madang.errors import ErrorCode, MadangError
from madang.gateway import feed as feeding
from madang.gateway.delivery import Delivery
from madang.gateway.feed import Feed
from madang.gateway.live_log import LiveLog
from madang.memory.bus import MemoryBus
from madang.ports.bus import LogAppended, LogEntry
from madang.tasks import TaskSupervisor
from tests.gateway_parts import GatewayParts, gateway_parts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayParts]:
    """A gateway on the store in memory."""
    async with gateway_parts(tmp_path) as parts:
        yield parts


async def test_everybody_gets_every_version_once_and_in_order(world: GatewayParts) -> None:
    """A hundred messages reach both sides as one ascending run, the sender's socket included."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phones = [await world.started(mina), await world.started(joon)]
    for number in range(100):
        await world.send(mina if number % 2 else joon, room, f"{number}")
    for phone in phones:
        await phone.got("message:new", lambda m: m["content"] == "99")
        assert phone.versions(room) == list(range(2, 102))


async def test_what_comes_twice_or_swapped_is_handed_out_once_and_in_order(world: GatewayParts) -> None:
    """News that overtake each other wait for those before them; doubles are dropped; the store is not asked."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(joon)
    kept: list[LogAppended] = []

    def swapped_in_threes(news: LogAppended) -> Sequence[LogAppended]:
        kept.append(news)
        if len(kept) < 3:
            return []
        out = [kept[2], kept[1], kept[2], kept[0], kept[1]]
        kept.clear()
        return out

    world.bus.fate = swapped_in_threes
    for number in range(30):
        await world.send(mina, room, f"{number}")
    await phone.got("message:new", lambda m: m["content"] == "29")
    assert phone.versions(room) == list(range(2, 32))
    assert "since" not in world.store.log.asked


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_the_bus_does_each_member_ends_with_the_whole_log(world: GatewayParts, seed: int) -> None:
    """News lost, doubled and swapped at random, with people coming and going meanwhile: who stays gets each version once,
    ascending, and nobody is handed anything from a time in which they were no member.
    """
    chance = random.Random(seed)
    mina, joon, sora = [await world.person(name) for name in ("mina", "joon", "sora")]
    room = await world.group(mina, joon)
    stays, comes_and_goes = await world.started(joon), await world.started(sora)
    late: list[LogAppended] = []

    def careless(news: LogAppended) -> Sequence[LogAppended]:
        match chance.randrange(5):
            case 0:
                return []
            case 1:
                return [news, news]
            case 2:
                late.append(news)
                return []
            case _:
                held, late[:] = late[:], []
                return [news, *held]

    world.bus.fate = careless
    inside = False
    for number in range(60):
        if chance.random() < 0.2:
            inside = not inside
            await (world.add if inside else world.remove)(mina, room, sora)
        await world.send(mina, room, f"{'in' if inside else 'out'} {number}")
        if chance.random() < 0.2:
            await world.settle(0.03)
    world.bus.fate = lambda news: [news]
    last = await world.send(mina, room, "last")
    await stays.got("message:new", lambda m: m["id"] == last.id)
    versions = stays.versions(room)
    assert versions == list(range(2, last.version + 1))
    assert not [said for said in comes_and_goes.contents(room) if said.startswith("out")]


async def test_a_lost_message_is_read_from_the_store_and_said_to_be_all(world: GatewayParts) -> None:
    """A hole is filled by a repair up to the head, and `conversation:version` says that there is nothing more."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(joon)
    world.bus.fate = world.bus.lose
    await world.send(mina, room, "lost")
    world.bus.fate = lambda news: [news]
    await world.send(mina, room, "heard")
    notice = await phone.got("conversation:version")
    assert notice == {"conversationId": room, "epoch": world.store.epoch, "version": 3}
    assert phone.contents(room) == ["lost", "heard"]
    await world.send(mina, room, "after")
    await phone.got("message:new", lambda m: m["content"] == "after")
    assert phone.versions(room) == [2, 3, 4]


async def test_who_was_removed_while_the_news_were_lost_gets_nothing_after(world: GatewayParts) -> None:
    """A repair takes people out before it hands out rows, and says why they are gone."""
    mina, joon, sora = [await world.person(name) for name in ("mina", "joon", "sora")]
    room = await world.group(mina, joon, sora)
    removed, left, stays = await world.started(joon), await world.started(sora), await world.started(mina)
    world.bus.fate = world.bus.lose
    await world.send(mina, room, "before")
    await world.remove(mina, room, joon)
    await world.remove(sora, room, sora)
    await world.send(mina, room, "secret")
    world.bus.fate = lambda news: [news]
    await world.send(mina, room, "more secrets")
    await stays.got("message:new", lambda m: m["content"] == "more secrets")
    assert removed.all("conversation:removed") == [{"conversationId": room, "reason": "removed"}]
    assert left.all("conversation:removed") == [{"conversationId": room, "reason": "left"}]
    for phone in (removed, left):
        assert [name for name, _ in phone.about(room)][-1] == "conversation:removed"
        assert not [said for said in phone.contents(room) if "secret" in said]


async def test_what_was_said_while_somebody_was_gone_stays_hidden_from_them(world: GatewayParts) -> None:
    """Removed and added again while the news were lost: the socket does not get the messages between."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone, stays = await world.started(joon), await world.started(mina)
    world.bus.fate = world.bus.lose
    await world.remove(mina, room, joon)
    await world.send(mina, room, "secret")
    world.store.conversations.hold("summaries")  # the way back is slower than the repair
    await world.add(mina, room, joon)
    world.bus.fate = lambda news: [news]
    await world.send(mina, room, "welcome back")
    await stays.got("conversation:version")
    world.store.conversations.let_go("summaries")
    await world.settle()
    assert "secret" not in phone.contents(room)
    if phone.closed is None:
        await phone.got("message:new", lambda m: m["content"] == "welcome back")
    else:  # it was sent back to be shown the present state
        again = await world.started(joon)
        (summary,) = [shown for shown in again.init["conversations"] if shown["id"] == room]
        assert summary["me"]["visibleFromSeq"] == 4
    assert stays.versions(room) == [2, 3, 4, 5]


async def test_a_thousand_missed_rows_come_in_pages_once_and_in_order(world: GatewayParts) -> None:
    """More than two pages were lost, and messages go on meanwhile: nobody gets one twice or out of order."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(joon)
    world.bus.fate = world.bus.lose
    for number in range(1_150):
        await world.send(mina, room, f"{number}")
    world.bus.fate = lambda news: [news]
    world.store.log.after["since"] = lambda: world.send(mina, room, "during the first page")
    await world.send(mina, room, "heard")
    await phone.got("message:new", lambda m: m["content"] == "during the first page")
    assert world.store.log.asked["since"] >= 3
    assert phone.versions(room) == list(range(2, 1_154))


async def test_a_store_that_does_not_answer_is_asked_until_it_does(
    world: GatewayParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repair outlives errors, expected and not, and nothing is lost."""
    monkeypatch.setattr("madang.gateway.repair.RETRY_SECONDS", 0.02)
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(joon)
    world.bus.fate = world.bus.lose
    await world.send(mina, room, "lost")
    world.bus.fate = lambda news: [news]
    world.store.log.failures["since"] = MadangError(ErrorCode.UNAVAILABLE, "gone")
    await world.send(mina, room, "heard")
    await world.settle(0.2)
    world.store.log.failures["since"] = RuntimeError("a defect")
    await world.settle(0.1)
    assert phone.versions(room) == []
    del world.store.log.failures["since"]
    await phone.got("conversation:version")
    assert phone.versions(room) == [2, 3]


async def test_nobody_repairs_what_nobody_wants(world: GatewayParts, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the last socket has gone, a repair that cannot succeed gives up, and the conversation is not followed."""
    monkeypatch.setattr("madang.gateway.repair.RETRY_SECONDS", 0.02)
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(joon)
    world.bus.fate = world.bus.lose
    await world.send(mina, room, "lost")
    world.bus.fate = lambda news: [news]
    world.store.log.failures["since"] = MadangError(ErrorCode.UNAVAILABLE, "gone")
    await world.send(mina, room, "heard")
    await world.settle(0.15)
    phone.hang_up()
    await world.settle(0.1)
    assert len(world.bus) == 0
    assert len(world.parts.tasks) == 0


async def test_removal_in_the_middle_of_a_batch_is_exact(world: GatewayParts) -> None:
    """Entries before the removal in the same piece of news are delivered to who is removed, those after it are not."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(joon)
    world.bus.fate = world.bus.lose
    await world.send(mina, room, "before")
    await world.remove(mina, room, joon)
    await world.send(mina, room, "after")
    entries = tuple(entry for news in world.bus.lost for entry in news.entries)
    world.bus.fate = lambda news: [LogAppended(conversation_id=room, entries=(*entries, *news.entries))]
    await world.send(mina, room, "last")
    await phone.got("conversation:removed")
    await world.settle()
    assert phone.about(room) == [("message:new", 2), ("conversation:removed", None)]


async def test_an_older_removal_does_not_touch_a_later_membership(world: GatewayParts) -> None:
    """A socket that was shown the list after its person came back stays, when the news of the removal come late."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    await world.started(mina)  # this node follows the conversation
    world.bus.fate = world.bus.lose
    await world.remove(mina, room, joon)
    await world.add(mina, room, joon)
    phone = await world.started(joon)
    for news in world.bus.lost:
        world.bus.fate = lambda _, news=news: [news]  # type: ignore[misc]  # bound now
        world.bus.publish(f"conv:{room}", news)
    world.bus.fate = lambda news: [news]
    await world.send(mina, room, "hello again")
    await phone.got("message:new", lambda m: m["content"] == "hello again")
    assert phone.all("conversation:removed") == []
    assert phone.versions(room) == [4]


async def test_who_comes_back_before_their_removal_is_delivered_is_attached_again(world: GatewayParts) -> None:
    """Removal and return in one breath: the socket is told of both, in this order, and gets what follows."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(joon)
    world.bus.fate = world.bus.lose
    await world.remove(mina, room, joon)
    world.bus.fate = lambda news: [*world.bus.lost, news]
    await world.add(mina, room, joon)
    world.bus.fate = lambda news: [news]
    summary = await phone.got("conversation:new", lambda s: s["id"] == room)
    assert summary["me"]["visibleFromSeq"] == 3
    await world.send(mina, room, "welcome back")
    await phone.got("message:new", lambda m: m["content"] == "welcome back")
    names = [name for name, _ in phone.about(room)]
    assert names == ["conversation:removed", "conversation:new", "message:new"]


async def test_one_conversation_that_cannot_be_delivered_stops_no_other(
    world: GatewayParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect in one conversation sends its sockets back; the others go on getting theirs."""
    mina, joon, sora = [await world.person(name) for name in ("mina", "joon", "sora")]
    broken, sound = await world.group(mina, joon), await world.group(mina, sora)
    theirs, other = await world.started(joon), await world.started(sora)
    original = Delivery.hand_out

    def hand_out(self: Delivery, live: LiveLog, entries: Sequence[LogEntry]) -> None:
        if live.conversation_id == broken:
            raise RuntimeError("a defect")
        original(self, live, entries)

    monkeypatch.setattr(Delivery, "hand_out", hand_out)
    await world.send(mina, broken, "never")
    await world.send(mina, sound, "hello")
    await other.got("message:new", lambda m: m["content"] == "hello")
    assert theirs.closed == (1013, "delivery failed")
    assert other.closed is None


async def test_reading_without_a_seq_means_what_this_socket_was_shown(world: GatewayParts) -> None:
    """`message:read` alone marks up to what was delivered here, not up to what was stored meanwhile; the id's case is
    no matter.
    """
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(joon)
    await world.send(mina, room, "seen")
    await phone.got("message:new")
    world.bus.fate = world.bus.lose
    await world.send(mina, room, "not seen yet")
    for spelling in (room, room.upper()):
        answer = await phone.ask("message:read", {"conversationId": spelling})
        assert (answer["lastReadSeq"], answer["unreadCount"]) == (2, 1)


async def test_a_room_of_many_turns_is_served_in_turn(world: GatewayParts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A conversation with a lot to deliver stands in line again after each chunk, so a quiet one is not kept waiting."""
    monkeypatch.setattr(feeding, "CHUNK_BYTES", 2_000)
    mina, joon = await world.person("mina"), await world.person("joon")
    hot, quiet = await world.group(mina, joon), await world.group(mina, joon)
    phone = await world.started(joon)
    world.bus.fate = world.bus.lose
    for number in range(30):
        await world.send(mina, hot, f"{number}")
    await world.send(mina, quiet, "me too")
    world.bus.fate = lambda news: [news]
    for news in world.bus.lost:
        world.bus.publish(f"conv:{news.conversation_id}", news)
    await phone.got("message:new", lambda m: m["content"] == "29")
    order = [m["conversationId"] for m in phone.all("message:new")]
    assert order.index(quiet) < 10
    assert all(before < after for before, after in pairwise(phone.versions(hot)))


class _SlowBus(MemoryBus):
    """A bus on a network: subscribing takes a while, and may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.failure: MadangError | None = None

    async def subscribe(self, channels: list[str]) -> None:
        await self.gate.wait()
        await super().subscribe(channels)
        if self.failure is not None:
            raise self.failure


def _feed(bus: MemoryBus, tasks: TaskSupervisor) -> Feed:
    """A feed that nobody is attached to."""
    nobody = cast("Any", None)
    return Feed(delivery=nobody, bus=bus, repair=nobody, clock=SystemClock(), tasks=tasks)


async def test_who_gives_up_following_leaves_no_subscription() -> None:
    """Cancelled before, while and after the bus is subscribed to; others who wait for the same are not disturbed."""
    bus, tasks = _SlowBus(), TaskSupervisor()
    feed = _feed(bus, tasks)

    async def follow() -> None:
        try:
            await feed.hold(["a", "b"])
            await asyncio.sleep(10)
        finally:
            feed.release(["a", "b"])

    first, second = asyncio.create_task(follow()), asyncio.create_task(follow())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0.01)
    assert len(feed) == 2
    second.cancel()
    await asyncio.sleep(0.01)
    assert len(feed) == 0
    bus.gate.set()
    await asyncio.sleep(0.01)
    assert (len(bus), len(tasks)) == (0, 0)


async def test_a_bus_that_cannot_be_heard_is_no_following() -> None:
    """Everybody who asked gets the error, also who comes before it has been cleared away; the next attempt is a new one."""
    bus, tasks = _SlowBus(), TaskSupervisor()
    feed = _feed(bus, tasks)
    bus.failure = MadangError(ErrorCode.UNAVAILABLE, "gone")
    bus.gate.set()
    outcomes = await asyncio.gather(*(feed.hold(["a"]) for _ in range(2)), return_exceptions=True)
    with pytest.raises(MadangError):
        await feed.hold(["a"])  # the first two have not given theirs back yet
    assert [type(outcome) for outcome in outcomes] == [MadangError] * 2
    feed.release(["a", "a", "a"])
    assert (len(feed), len(bus)) == (0, 0)
    bus.failure = None
    await feed.hold(["a"])
    assert len(bus) == 1
    feed.release(["a"])
    assert len(bus) == 0
