"""The worker: stores what was accepted, once and in order, whatever fails; tells of it; and shares the shards."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from madang.contract.rest import AcceptedMessage, SendBody
from madang.errors import outcome_unknown
from madang.ids import new_id
from madang.memory.queue import MemoryQueue
from madang.ports.bus import LogAppended, UserNotice
from madang.ports.log import ConversationLog, Entry, Outcome, PageWindow, Verdict
from madang.ports.queue import SHARDS, Lease, Settled
from madang.services import queue_worker as working
from madang.services.queue_worker import QueueWorker
from tests.server_parts import MovableClock, ServerParts, server_parts


class ShakyLog:
    """The real log, which fails first as often and in the way that a test says, before or after it has stored."""

    def __init__(self, log: ConversationLog) -> None:
        self._log = log
        self.failures: list[Exception | Outcome] = []
        self.after = False
        self.poison = ""
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, entries: Sequence[Entry], now: int, *, wait: bool = True) -> list[Verdict]:
        await self.gate.wait()
        if any(getattr(entry, "content", None) == self.poison for entry in entries if self.poison):
            raise RuntimeError("a defect")
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, Outcome):
            return [Verdict(outcome=failure, conversation_id=entry.conversation_id) for entry in entries]
        if failure is not None and self.after:
            await self._log.append(entries, now, wait=wait)
        if failure is not None:
            raise failure
        return await self._log.append(entries, now, wait=wait)

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)


class Works:
    """A server that accepts, and workers that store."""

    def __init__(self, parts: ServerParts, queue: MemoryQueue, stack: AsyncExitStack) -> None:
        self.parts = parts
        self.queue = queue
        self._stack = stack
        assert isinstance(parts.log, ShakyLog)
        self.log: ShakyLog = parts.log

    def worker(self, log: Any = None) -> QueueWorker:
        """One more, at work."""
        parts = self.parts
        worker = QueueWorker(self.queue, log or parts.log, parts.bus, parts.clock, parts.tasks, lanes=2)
        worker.start()
        self._stack.push_async_callback(worker.close)
        return worker

    async def person(self, username: str) -> str:
        """Somebody whose devices are heard of; their id."""
        user = await self.parts.user(username)
        await self.parts.hear(user)
        return user

    async def send(self, sender: str, room: str, *contents: str) -> list[str]:
        """Accepted messages; their ids."""
        sent = [await self.parts.messages.send(sender, room, SendBody(content=content)) for content in contents]
        return [each.temp_id for each in sent if isinstance(each, AcceptedMessage)]

    async def stored(self, sender: str, room: str) -> list[str]:
        """What the log has, without the entry of its creation."""
        page = await self.parts.messages.page(sender, room, PageWindow(limit=200))
        return [message.content for message in page.messages if message.sender_id]

    async def settled(self) -> None:
        """Wait until nothing waits."""
        await until(lambda: self.queue.stats().entries == 0)

    def told(self, event: str) -> list[dict[str, Any]]:
        """Payloads of what senders were told."""
        notices = [notice for notice in self.parts.heard if isinstance(notice, UserNotice) and notice.event == event]
        return [msgspec.json.decode(notice.payload) for notice in notices]


async def until(holds: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)


@pytest.fixture
async def works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Works]:
    """A server with a queue and no worker yet, with shorter pauses."""
    monkeypatch.setattr(working, "TEND_SECONDS", 0.02)
    monkeypatch.setattr(working, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(working, "LAST_PAUSE", 0.002)
    queues: list[MemoryQueue] = []

    def queue(clock: MovableClock) -> MemoryQueue:
        queues.append(MemoryQueue(clock))
        return queues[0]

    async with server_parts(tmp_path, queue=queue, log=ShakyLog) as parts, AsyncExitStack() as stack:
        works = Works(parts, queues[0], stack)
        yield works
        works.log.gate.set()
        await stack.aclose()
        assert not parts.tasks.failures


async def test_what_was_accepted_is_stored_told_once_and_gone_from_the_queue(works: Works) -> None:
    """In order; the room hears each once, at its version, and its sender that it is stored."""
    mina = await works.person("mina")
    room = await works.parts.group(mina)
    works.parts.heard.clear()
    worker = works.worker()
    contents = [str(number) for number in range(300)]
    ids = await works.send(mina, room, *contents)
    await works.settled()
    assert (await works.stored(mina, room))[-200:] == contents[-200:]
    news = [entry for each in works.parts.heard if isinstance(each, LogAppended) for entry in each.entries]
    assert [entry.version for entry in news] == list(range(2, 302))
    persisted = works.told("message:persisted")
    assert [each["tempId"] for each in persisted] == ids
    assert [each["message"]["id"] for each in persisted] == ids
    assert worker.stats().stored == 300


async def test_what_can_never_be_stored_is_told_to_its_sender_and_kept_as_a_dead_letter(works: Works) -> None:
    """Somebody removed meanwhile, an id that is another message's, a quote of nothing: the others pass."""
    mina, joon = await works.person("mina"), await works.person("joon")
    room, other = await works.parts.group(mina, joon), new_id()
    (removed,) = await works.send(joon, room, "too late")
    for content in ("first", "another body"):
        await works.parts.messages.send(mina, room, SendBody(content=content, id=other))
    quoting = SendBody(content="a quote", reply_to_id=new_id(), id=new_id())
    await works.parts.messages.send(mina, room, quoting)
    await works.send(mina, room, "good")
    await works.parts.conversations.remove_member(mina, room, joon)
    worker = works.worker()
    await works.settled()
    assert await works.stored(mina, room) == ["first", "good"]
    rejected = {each["tempId"]: each["error"] for each in works.told("message:rejected")}
    assert rejected == {removed: "not_a_member", other: "conflict", quoting.id: "invalid"}
    assert all(each["conversationId"] == room and each["reason"] for each in works.told("message:rejected"))
    assert [letter.reason for letter in works.queue.dead_letters] == ["not_a_member", "conflict", "invalid"]
    assert (worker.stats().stored, worker.stats().rejected) == (2, 3)


@pytest.mark.parametrize("after", [False, True])
async def test_a_store_that_fails_changes_neither_order_nor_number(works: Works, *, after: bool) -> None:
    """Away, full, or held, before or after it has stored: the same batch again, and nothing passes it."""
    mina = await works.parts.user("mina")
    room = await works.parts.group(mina)
    contents = [str(number) for number in range(20)]
    await works.send(mina, room, *contents)
    works.log.after = after
    works.log.failures = [outcome_unknown("away"), Outcome.STORAGE_FULL, outcome_unknown("away"), Outcome.BUSY]
    works.worker()
    await works.settled()
    assert await works.stored(mina, room) == contents
    assert works.queue.dead_letters == []


async def test_a_message_that_meets_a_defect_lets_the_others_pass(works: Works) -> None:
    """It is tried for a while, alone, then rejected: one message must not stop its shard for ever."""
    mina = await works.person("mina")
    room = await works.parts.group(mina)
    works.log.poison = "poison"
    ids = await works.send(mina, room, "before", "poison", "after")
    works.worker()
    await works.settled()
    assert await works.stored(mina, room) == ["before", "after"]
    assert [each["tempId"] for each in works.told("message:rejected")] == [ids[1]]
    assert [letter.reason for letter in works.queue.dead_letters] == ["unavailable"]


async def test_nothing_leaves_the_queue_before_it_is_stored_and_told(works: Works) -> None:
    """While the store has not answered everything waits in the queue, and nobody was told."""
    mina = await works.person("mina")
    room = await works.parts.group(mina)
    works.log.gate.clear()
    works.parts.heard.clear()
    works.worker()
    await works.send(mina, room, "a", "b")
    await asyncio.sleep(0.1)
    assert works.queue.stats().entries == 2
    assert works.parts.heard == []
    works.log.gate.set()
    await works.settled()
    assert len(works.told("message:persisted")) == 2


async def test_another_worker_goes_on_where_one_vanished(works: Works) -> None:
    """Stored or not when it vanished: each once, in order, and the one that comes back late does no harm."""
    mina = await works.parts.user("mina")
    room = await works.parts.group(mina)
    stuck = ShakyLog(works.parts.store.log)
    stuck.gate.clear()
    works.worker(stuck)
    await asyncio.sleep(0.05)
    contents = [str(number) for number in range(10)]
    await works.send(mina, room, *contents[:5])
    await asyncio.sleep(0.05)
    await works.send(mina, room, *contents[5:])
    works.parts.clock.added_ms += 6_000  # its leases have lapsed
    works.worker()
    await works.settled()
    stuck.gate.set()
    await asyncio.sleep(0.1)
    assert await works.stored(mina, room) == contents


async def test_workers_share_the_shards(works: Works) -> None:
    """One has all; two have half each, three at most six; what one leaves the others take."""
    workers = [works.worker()]
    await until(lambda: workers[0].stats().shards == SHARDS)
    workers.append(works.worker())
    await until(lambda: [worker.stats().shards for worker in workers] == [SHARDS // 2] * 2)
    workers.append(works.worker())
    await until(lambda: sorted(worker.stats().shards for worker in workers) in ([4, 6, 6], [5, 5, 6]))
    await workers.pop().close()
    works.parts.clock.added_ms += 6_000  # it is not counted any more
    await until(lambda: sum(worker.stats().shards for worker in workers) == SHARDS)


async def test_closing_stores_what_was_taken_and_gives_the_shards_back(works: Works) -> None:
    """Whoever comes next need not wait for leases to lapse."""
    mina = await works.parts.user("mina")
    room = await works.parts.group(mina)
    worker = works.worker()
    await until(lambda: worker.stats().shards == SHARDS)
    works.log.gate.clear()
    await works.send(mina, room, "taken")
    await asyncio.sleep(0.05)
    closing = asyncio.ensure_future(worker.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    works.log.gate.set()
    await closing
    assert await works.stored(mina, room) == ["taken"]
    assert isinstance(await works.queue.acquire(0, "next"), Lease)


async def test_closing_does_not_wait_for_a_store_that_is_away(works: Works) -> None:
    """What it cannot store it leaves in the queue, in order, for whoever comes next."""
    mina = await works.parts.user("mina")
    room = await works.parts.group(mina)
    works.log.failures = [outcome_unknown("away")] * 1_000_000
    worker = works.worker()
    await works.send(mina, room, "a", "b")
    await until(lambda: len(works.log.failures) < 999_990)
    async with asyncio.timeout(2):
        await worker.close()
    assert works.queue.stats().entries == 2
    works.log.failures.clear()
    works.worker()
    await works.settled()
    assert await works.stored(mina, room) == ["a", "b"]


async def test_an_answer_of_the_queue_that_was_lost_is_asked_for_again(works: Works) -> None:
    """Settling is repeated until it holds, so nothing stays behind as if it were not stored."""
    failures = [outcome_unknown("away")] * 3
    settle = works.queue.settle

    async def shaky(lease: Lease, settled: Sequence[Settled]) -> None:
        if failures:
            raise failures.pop()
        await settle(lease, settled)

    vars(works.queue)["settle"] = shaky
    mina = await works.parts.user("mina")
    room = await works.parts.group(mina)
    await works.send(mina, room, "a", "b")
    works.worker()
    await works.settled()
    assert not failures
    assert await works.stored(mina, room) == ["a", "b"]
