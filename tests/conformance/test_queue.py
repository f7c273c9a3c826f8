"""The queue of accepted messages, as nodes and workers may rely on it: in memory, and on a real Valkey."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from madang.cluster.queue import RedisQueue
from madang.ids import new_id
from madang.memory.queue import MemoryQueue
from madang.ports import queue as port
from madang.ports.log import NewMessage
from madang.ports.queue import SHARDS, LeaseLost, MessageQueue, Settled, shard_of
from madang.tasks import TaskSupervisor
from tests.server_parts import MovableClock

ENTRIES = 20
SIZE = 20_000
"""Most that a shard takes here."""


class Bench:
    """A queue, and words to speak of it."""

    def __init__(self, queue: MessageQueue, clock: MovableClock | None) -> None:
        self.queue = queue
        self._clock = clock

    async def pass_lease(self) -> None:
        """Let the time of a lease go by."""
        if self._clock is None:
            await asyncio.sleep(0.35)
        else:
            self._clock.added_ms += int(port.LEASE_SECONDS * 1_000) + 1

    async def append(self, room: str, *contents: str) -> list[bool]:
        """Messages of one room, in one batch."""
        return await self.queue.append([message(room, content) for content in contents])

    async def taken(self, lease: port.Lease, limit: int = 100) -> list[str]:
        """Contents of what comes next."""
        return [each.message.content for each in await self.queue.take(lease, limit) if each.message]


def message(room: str, content: str) -> NewMessage:
    """One message, with everything that a send may carry."""
    return NewMessage(
        conversation_id=room,
        id=new_id(),
        sender_id=new_id(),
        type="text",
        content=content,
        body_hash=b"\x00\xff" * 8,
        mentions=[new_id()],
        reply_to_id=new_id(),
        silent=True,
        keep_unread=True,
    )


@pytest.fixture(params=["memory", "valkey"])
async def bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """An empty queue with small limits."""
    if request.param == "memory":
        clock = MovableClock()
        yield Bench(MemoryQueue(clock, entries=ENTRIES, size=SIZE), clock)
        return
    monkeypatch.setattr("madang.cluster.queue.LEASE_MS", 300)
    tasks = TaskSupervisor()
    valkey: Any = request.getfixturevalue("valkey")
    queue = RedisQueue(valkey.url, installation=new_id(), tasks=tasks, entries=ENTRIES * SHARDS, size=SIZE * SHARDS)
    await queue.start()
    yield Bench(queue, None)
    await queue.close()
    assert (len(tasks), tasks.failures) == (0, 0)


async def owned(bench: Bench, room: str, worker: str = "w") -> port.Lease:
    """The lease of a room's shard."""
    lease = await bench.queue.acquire(shard_of(room), worker)
    assert lease is not None
    return lease


async def test_what_is_appended_is_taken_whole_and_in_order(bench: Bench) -> None:
    """Every field of a message comes back, batches after one another, each entry once."""
    room = new_id()
    sent = [message(room, str(number)) for number in range(5)]
    assert await bench.queue.append(sent[:3]) == [True] * 3
    assert await bench.queue.append(sent[3:]) == [True] * 2
    lease = await owned(bench, room)
    taken = await bench.queue.take(lease, 2) + await bench.queue.take(lease, 100)
    assert [each.message for each in taken] == sent
    assert await bench.queue.take(lease, 100) == []


async def test_what_was_not_settled_comes_first_to_the_next_owner(bench: Bench) -> None:
    """An owner that vanishes leaves what it has taken; the next one gets it again, in order, before what is new."""
    room = new_id()
    await bench.append(room, "1", "2", "3")
    lease = await owned(bench, room)
    taken = await bench.queue.take(lease, 3)
    await bench.queue.settle(lease, [Settled(taken[0])])
    await bench.append(room, "4")
    await bench.pass_lease()
    heir = await owned(bench, room, "heir")
    assert await bench.taken(heir, 1) == ["2"]
    assert await bench.taken(heir) + await bench.taken(heir) == ["3", "4"]
    assert await bench.taken(heir) == []


async def test_a_shard_has_one_owner(bench: Bench) -> None:
    """While a lease lasts nobody else gets it, the owner itself included; renewed, it lasts longer; given back, it ends."""
    room = new_id()
    lease = await owned(bench, room)
    for _ in range(3):
        assert await bench.queue.acquire(lease.shard, "other") is None
        assert await bench.queue.acquire(lease.shard, "w") is None
        assert await bench.queue.renew([lease]) == [True]
        await asyncio.sleep(0.15)
    await bench.queue.release(lease)
    assert (await owned(bench, room, "other")).token != lease.token
    assert await bench.queue.renew([lease]) == [False]
    await bench.queue.release(lease)
    assert await bench.queue.acquire(lease.shard, "w") is None


async def test_a_former_owner_changes_nothing(bench: Bench) -> None:
    """Its token is fenced off: it can neither take what is the heir's nor settle what the heir still has to store."""
    room = new_id()
    await bench.append(room, "1", "2")
    lease = await owned(bench, room)
    taken = await bench.queue.take(lease, 1)
    await bench.pass_lease()
    heir = await owned(bench, room, "heir")
    with pytest.raises(LeaseLost):
        await bench.queue.take(lease, 1)
    with pytest.raises(LeaseLost):
        await bench.queue.settle(lease, [Settled(taken[0])])
    assert await bench.taken(heir) + await bench.taken(heir) == ["1", "2"]


async def test_a_lease_that_has_lapsed_is_lost_though_nobody_took_it(bench: Bench) -> None:
    """Time alone ends it: its owner cannot know who comes next."""
    room = new_id()
    await bench.append(room, "1")
    lease = await owned(bench, room)
    await bench.pass_lease()
    with pytest.raises(LeaseLost):
        await bench.queue.take(lease, 1)
    assert await bench.queue.renew([lease]) == [False]


async def test_a_message_is_waiting_until_it_is_settled(bench: Bench) -> None:
    """Whoever asks for a message that is not stored yet learns that it is on its way."""
    room, sent = new_id(), message(new_id(), "x")
    assert not await bench.queue.waiting(sent.conversation_id, sent.id)
    await bench.queue.append([sent])
    assert await bench.queue.waiting(sent.conversation_id, sent.id)
    assert not await bench.queue.waiting(room, sent.id) or shard_of(room) == shard_of(sent.conversation_id)
    lease = await owned(bench, sent.conversation_id)
    (taken,) = await bench.queue.take(lease, 1)
    assert await bench.queue.waiting(sent.conversation_id, sent.id)
    await bench.queue.settle(lease, [Settled(taken)])
    assert not await bench.queue.waiting(sent.conversation_id, sent.id)


async def test_a_full_shard_refuses_the_rest_of_a_batch(bench: Bench) -> None:
    """By entries: what was accepted stays in front, and nothing passes what was refused; settling makes room."""
    room = new_id()
    contents = [str(number) for number in range(ENTRIES + 3)]
    assert await bench.append(room, *contents) == [True] * ENTRIES + [False] * 3
    assert await bench.append(room, "late") == [False]
    other = next(other for other in iter(new_id, "") if shard_of(other) != shard_of(room))
    assert await bench.append(other, "elsewhere") == [True]
    lease = await owned(bench, room)
    taken = await bench.queue.take(lease, 1)
    await bench.queue.settle(lease, [Settled(taken[0])])
    assert await bench.append(room, "room", "no room") == [True, False]


async def test_a_shard_is_full_by_bytes_too(bench: Bench) -> None:
    """A few long messages are as much as many short ones; a shorter one does not pass a longer one in a batch."""
    room, long = new_id(), "x" * (SIZE // 2 - 500)
    assert await bench.append(room, long, long, long, "short") == [True, True, False, False]
    lease = await owned(bench, room)
    taken = await bench.queue.take(lease, 10)
    await bench.queue.settle(lease, [Settled(each) for each in taken])
    assert await bench.append(room, long, long) == [True, True]


async def test_a_dead_letter_is_kept_and_gone_from_its_shard(bench: Bench) -> None:
    """What can never be stored makes room and is counted; nobody takes it again."""
    room = new_id()
    await bench.append(room, "bad", "good")
    lease = await owned(bench, room)
    bad, good = await bench.queue.take(lease, 10)
    await bench.queue.settle(lease, [Settled(bad, "not_a_member"), Settled(good)])
    await bench.queue.release(lease)
    assert await bench.taken(await owned(bench, room)) == []


async def test_an_empty_shard_that_gets_something_is_told_of(bench: Bench) -> None:
    """Once: while something waits there, its owner is at work anyway."""
    ready: list[int] = []
    bench.queue.listen(ready.append)
    await asyncio.sleep(0.2)
    room = new_id()
    await bench.append(room, "1")
    await bench.append(room, "2")
    await asyncio.sleep(0.2)
    assert ready == [shard_of(room)]


async def test_workers_are_counted_while_they_attend(bench: Bench) -> None:
    """Whoever does not say for the time of a lease that it is there, is not."""
    assert await bench.queue.attend("a") == 1
    assert await bench.queue.attend("b") == 2
    assert await bench.queue.attend("a") == 2
    await bench.pass_lease()
    assert await bench.queue.attend("b") == 1
