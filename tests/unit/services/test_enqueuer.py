"""The enqueuer: what is accepted, in which order, by whom, and what is said of a message that is not stored yet."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from madang.contract.rest import AcceptedMessage, SendBody, SentMessage
from madang.errors import ErrorCode, MadangError, outcome_unknown
from madang.ids import new_id
from madang.memory.queue import MemoryQueue
from madang.ports.log import MessageChange, NewMessage, Verdict
from madang.ports.queue import Accepted, Taken, shard_of
from madang.services import enqueuer as enqueuing
from tests.server_parts import MovableClock, ServerParts, server_parts


class GatedQueue(MemoryQueue):
    """A queue behind a gate, with a record of its batches."""

    def __init__(self, clock: MovableClock) -> None:
        super().__init__(clock, entries=50)
        self.open = asyncio.Event()
        self.open.set()
        self.batches: list[list[str]] = []
        self.failure: MadangError | None = None

    async def append(self, messages: Sequence[NewMessage]) -> list[bool]:
        self.batches.append([message.content for message in messages])
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return await super().append(messages)

    async def kept(self, room: str) -> list[Taken]:
        """What waits of a room's shard."""
        lease = await self.acquire(shard_of(room), "test")
        assert lease is not None
        found = await self.take(lease, 1_000)
        await self.release(lease)
        return found


class Queued:
    """A server's parts with a queue in front of the log."""

    def __init__(self, parts: ServerParts, queue: GatedQueue) -> None:
        self.parts = parts
        self.queue = queue
        self.answers: list[Verdict | Accepted | MadangError] = []

    def submit(self, sender: str, room: str, content: str, *, is_member: bool = True) -> None:
        """A send through a socket."""
        body = SendBody(content=content, id=new_id())
        self.parts.messages.submit(
            sender, room, body, lambda outcome, _: self.answers.append(outcome), member_of=(room,) if is_member else ()
        )

    async def answered(self, count: int) -> list[Verdict | Accepted | MadangError]:
        """The answers, when there are so many."""
        async with asyncio.timeout(5):
            while len(self.answers) < count:  # noqa: ASYNC110 - nothing tells of them
                await asyncio.sleep(0.001)
        return self.answers


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Queued]:
    """A server that accepts before it stores; nobody stores."""
    queues: list[GatedQueue] = []

    def queue(clock: MovableClock) -> GatedQueue:
        queues.append(GatedQueue(clock))
        return queues[0]

    async with server_parts(tmp_path, queue=queue) as parts:
        yield Queued(parts, queues[0])
        assert not parts.tasks.failures


async def test_messages_are_accepted_in_the_order_of_the_socket_and_in_batches(here: Queued) -> None:
    """Nothing is answered before the queue has it; what came meanwhile is the next batch; the log knows of none."""
    mina = await here.parts.user("mina")
    room = await here.parts.group(mina)
    here.queue.open.clear()
    here.submit(mina, room, "0")
    await asyncio.sleep(0.01)
    for number in range(1, 40):
        here.submit(mina, room, str(number))
    await asyncio.sleep(0.01)
    assert here.answers == []
    here.queue.open.set()
    answers = await here.answered(40)
    assert [len(batch) for batch in here.queue.batches] == [1, 39]
    kept = [taken.message for taken in await here.queue.kept(room) if taken.message is not None]
    assert [message.content for message in kept] == [str(number) for number in range(40)]
    assert answers == [Accepted(message.id) for message in kept]
    assert (await here.parts.store.log.heads([room]))[room].seq == 1


async def test_whoever_is_not_known_to_be_a_member_is_asked_about(here: Queued) -> None:
    """Over HTTP, or before `init`, the store says who is a member: once for a batch; strangers are refused at once."""
    mina, joon = await here.parts.user("mina"), await here.parts.user("joon")
    room = await here.parts.group(mina)
    sent = await here.parts.messages.send(mina, room, SendBody(content="mine"))
    assert isinstance(sent, AcceptedMessage)
    for stranger_in in (room, new_id()):
        with pytest.raises(MadangError) as refused:
            await here.parts.messages.send(joon, stranger_in, SendBody(content="not mine"))
        assert refused.value.code is ErrorCode.NOT_A_MEMBER
    assert [taken.message.id for taken in await here.queue.kept(room) if taken.message] == [sent.temp_id]


async def test_a_retry_of_somebody_removed_meanwhile_finds_what_is_stored(here: Queued) -> None:
    """The log decides about those who are no members: what was stored before the removal is a duplicate, not a refusal."""
    mina, joon = await here.parts.user("mina"), await here.parts.user("joon")
    room, body = await here.parts.group(mina, joon), SendBody(content="once", id=new_id())
    await here.parts.messages.send(joon, room, body)
    (taken,) = await here.queue.kept(room)
    assert taken.message is not None
    await here.parts.committer.commit(taken.message)
    await here.parts.conversations.remove_member(mina, room, joon)
    again = await here.parts.messages.send(joon, room, body)
    assert isinstance(again, SentMessage)
    assert (again.message.id, again.duplicate) == (body.id, True)


async def test_a_full_queue_says_when_to_try_again(here: Queued) -> None:
    """What it has no room for is refused and not kept, and those before it are accepted all the same."""
    mina = await here.parts.user("mina")
    room = await here.parts.group(mina)
    for number in range(60):
        here.submit(mina, room, str(number))
    answers = await here.answered(60)
    assert all(isinstance(answer, Accepted) for answer in answers[:50])
    for answer in answers[50:]:
        assert isinstance(answer, MadangError)
        assert (answer.code, answer.retry_after_ms) == (ErrorCode.TRY_AGAIN, enqueuing.FULL_RETRY_MS)
    assert len(await here.queue.kept(room)) == 50


async def test_what_waits_for_a_queue_that_does_not_answer_is_bounded(
    here: Queued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By number and by content; refused early, with when to try again."""
    monkeypatch.setattr(enqueuing, "WAITING_ENTRIES", 3)
    monkeypatch.setattr(enqueuing, "WAITING_BYTES", 1_000)
    mina = await here.parts.user("mina")
    room = await here.parts.group(mina)
    here.queue.open.clear()
    here.submit(mina, room, "in flight")
    await asyncio.sleep(0.01)
    for _ in range(3):
        here.submit(mina, room, "waits")
    with pytest.raises(MadangError, match="too much is waiting"):
        here.submit(mina, room, "one more")
    here.queue.open.set()
    await here.answered(4)
    here.queue.open.clear()
    here.submit(mina, room, "in flight")
    await asyncio.sleep(0.01)
    here.submit(mina, room, "x" * 1_000)
    with pytest.raises(MadangError, match="too much is waiting"):
        here.submit(mina, room, "long ones count too")
    here.queue.open.set()


async def test_a_queue_that_is_away_is_told_to_everybody_in_the_batch(here: Queued) -> None:
    """The outcome is unknown, and the same id finds out; nobody else of the server is concerned."""
    mina = await here.parts.user("mina")
    room = await here.parts.group(mina)
    here.queue.failure = outcome_unknown("away")
    here.submit(mina, room, "a")
    (answer,) = await here.answered(1)
    assert isinstance(answer, MadangError)
    assert answer.code is ErrorCode.TRY_AGAIN
    here.queue.failure = None
    assert isinstance(await here.parts.messages.send(mina, room, SendBody(content="b")), AcceptedMessage)


async def test_what_is_not_stored_yet_cannot_be_changed_yet(here: Queued) -> None:
    """Edits, deletions, reactions and questions about its readers are told to come again, by both doors, and find it then."""
    mina = await here.parts.user("mina")
    room = await here.parts.group(mina)
    sent = await here.parts.messages.send(mina, room, SendBody(content="early", id=new_id()))
    assert isinstance(sent, AcceptedMessage)
    changes = here.parts.changes
    wanted: list[MessageChange] = [
        changes.edit(mina, room, sent.temp_id, "later"),
        changes.react(mina, room, sent.temp_id, "👍", remove=False),
        changes.delete(mina, room, sent.temp_id),
    ]
    told: list[Verdict | MadangError] = []
    for change in wanted:
        with pytest.raises(MadangError) as refused:
            await changes.commit(change)
        assert (refused.value.code, refused.value.retry_after_ms) == (ErrorCode.TRY_AGAIN, 500)
        changes.submit(change, lambda outcome, _: told.append(outcome))
    with pytest.raises(MadangError, match="not stored yet"):
        await here.parts.services.message_people.readers(mina, room, sent.temp_id, limit=10)
    while len(told) < len(wanted):  # noqa: ASYNC110 - nothing tells of them
        await asyncio.sleep(0.001)
    assert {outcome.code for outcome in told if isinstance(outcome, MadangError)} == {ErrorCode.TRY_AGAIN}
    (taken,) = await here.queue.kept(room)
    assert taken.message is not None
    await here.parts.committer.commit(taken.message)
    assert (await changes.commit(wanted[0])).content == "later"
    with pytest.raises(MadangError) as refused:
        await changes.commit(changes.edit(mina, room, new_id(), "never"))
    assert refused.value.code is ErrorCode.NOT_FOUND


async def test_what_is_on_its_way_to_the_queue_is_not_stored_yet_either(here: Queued) -> None:
    """Between a send and its ack the message is known on its node: a change behind it on the same socket is told to wait."""
    mina = await here.parts.user("mina")
    room, body = await here.parts.group(mina), SendBody(content="x", id=new_id())
    here.queue.open.clear()
    here.parts.messages.submit(mina, room, body, lambda *_: None, member_of=(room,))
    with pytest.raises(MadangError, match="not stored yet"):
        await here.parts.changes.commit(here.parts.changes.delete(mina, room, str(body.id)))
    here.queue.open.set()


async def test_closing_answers_everybody_and_takes_no_more(here: Queued) -> None:
    """What was taken is accepted; what comes then is told that the server stops."""
    mina = await here.parts.user("mina")
    room = await here.parts.group(mina)
    here.submit(mina, room, "last")
    enqueuer = here.parts.enqueuer
    assert enqueuer is not None
    await enqueuer.close()
    assert len(here.answers) == 1
    with pytest.raises(MadangError) as refused:
        here.submit(mina, room, "late")
    assert refused.value.code is ErrorCode.UNAVAILABLE
