"""The committer: order, batches, bounds, answers before news, and nothing published that is not stored."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from madang.contract.client_events import MessageSend
from madang.contract.rest import CreateConversation
from madang.contract.shapes import Message
from madang.domain.message import body_hash
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.bus import LogAppended, MemberAdded
from madang.ports.log import ConversationLog, Entry, NewMessage, Outcome, Verdict
from madang.services import committer as committing
from madang.services.commit_queue import CONVERSATION_ENTRIES
from tests.server_parts import ServerParts, server_parts


class _GatedLog:
    """The real log behind a gate, with a record of its batches."""

    def __init__(self, log: ConversationLog) -> None:
        self._log = log
        self.open = asyncio.Event()
        self.open.set()
        self.batches: list[list[Entry]] = []
        self.failure: Exception | None = None

    async def append(self, entries: Sequence[Entry], now: int, *, wait: bool = True) -> list[Verdict]:
        self.batches.append(list(entries))
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return await self._log.append(entries, now, wait=wait)

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)


def _entry(conversation_id: str, sender_id: str, content: str, message_id: str | None = None) -> NewMessage:
    digest = body_hash(kind="text", content=content, reply_to_id=None, attachments=(), mentions=(), silent=False)
    return NewMessage(
        conversation_id=conversation_id,
        id=message_id or new_id(),
        sender_id=sender_id,
        type="text",
        content=content,
        body_hash=digest,
    )


def _gate(parts: ServerParts) -> _GatedLog:
    log = parts.log
    assert isinstance(log, _GatedLog)
    return log


def _news(parts: ServerParts, conversation_id: str) -> list[LogAppended]:
    return [
        message
        for message in parts.heard
        if isinstance(message, LogAppended) and message.conversation_id == conversation_id
    ]


async def test_one_socket_keeps_its_order_and_is_published_in_version_order(tmp_path: Path) -> None:
    """Messages submitted one after another get rising seqs, and the news of them has no hole."""
    async with server_parts(tmp_path, log=_GatedLog) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        parts.heard.clear()
        answers: list[Verdict] = []
        for number in range(200):
            parts.committer.submit(
                _entry(room, mina, f"{number}"),
                lambda outcome, _: answers.append(outcome),  # type: ignore[arg-type]  # no error can come here
            )
        await parts.committer.close()
        assert [answer.message.content for answer in answers if answer.message] == [str(n) for n in range(200)]
        seqs = [answer.message.seq for answer in answers if answer.message]
        assert seqs == list(range(2, 202))
        published = [entry for news in _news(parts, room) for entry in news.entries]
        assert [entry.version for entry in published] == seqs
        assert len(_gate(parts).batches) < 20


async def test_answers_come_before_news_and_both_after_the_commit(tmp_path: Path) -> None:
    """Nothing is acknowledged or published while the store has not returned."""
    async with server_parts(tmp_path, log=_GatedLog) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        parts.heard.clear()
        order: list[str] = []
        parts.bus.listen(lambda _channel, message: order.append(type(message).__name__))
        gate = _gate(parts)
        gate.open.clear()
        parts.committer.submit(_entry(room, mina, "hi"), lambda *_: order.append("answer"))
        await asyncio.sleep(0.05)
        assert order == []
        gate.open.set()
        await parts.committer.close()
        assert order == ["answer", "LogAppended"]


async def test_the_payload_of_the_answer_is_the_message_that_is_published(tmp_path: Path) -> None:
    """A message is encoded once; ack and event cannot differ."""
    async with server_parts(tmp_path) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        parts.heard.clear()
        payloads: list[bytes] = []
        parts.committer.submit(_entry(room, mina, "안녕"), lambda _, payload: payloads.append(payload))
        await parts.committer.close()
        message = msgspec.json.decode(payloads[0], type=Message)
        assert message.content == "안녕"
        assert message.epoch == parts.store.epoch
        assert _news(parts, room)[0].entries[0].payload == payloads[0]


async def test_a_batch_mixes_conversations_but_a_change_travels_alone(tmp_path: Path) -> None:
    """Per conversation a batch has a run of sends or exactly one other change, whole and in order."""
    async with server_parts(tmp_path, log=_GatedLog) as parts:
        mina, joon = await parts.user("mina"), await parts.user("joon")
        rooms = [await parts.group(mina) for _ in range(2)]
        gate = _gate(parts)
        gate.batches.clear()
        gate.open.clear()
        parts.committer.submit(_entry(rooms[0], mina, "first"), lambda *_: None)
        await asyncio.sleep(0.01)
        for content in ("a", "b"):
            for room in rooms:
                parts.committer.submit(_entry(room, mina, content), lambda *_: None)
        adding = asyncio.ensure_future(parts.conversations.add_members(mina, rooms[0], [joon]))
        await asyncio.sleep(0)
        parts.committer.submit(_entry(rooms[0], mina, "c"), lambda *_: None)
        gate.open.set()
        await adding
        await parts.committer.close()
        kinds = [[type(entry).__name__ for entry in batch] for batch in gate.batches]
        assert kinds == [["NewMessage"], ["NewMessage"] * 4, ["AddMembers"], ["NewMessage"]]


async def test_a_hot_conversation_does_not_fill_the_batch(tmp_path: Path) -> None:
    """The quota per conversation leaves room for others in the same batch."""
    async with server_parts(tmp_path, log=_GatedLog) as parts:
        mina = await parts.user("mina")
        hot, quiet = await parts.group(mina), await parts.group(mina)
        gate = _gate(parts)
        gate.batches.clear()
        gate.open.clear()
        parts.committer.submit(_entry(hot, mina, "first"), lambda *_: None)
        await asyncio.sleep(0.01)
        for number in range(400):
            parts.committer.submit(_entry(hot, mina, str(number)), lambda *_: None)
        parts.committer.submit(_entry(quiet, mina, "me too"), lambda *_: None)
        gate.open.set()
        await parts.committer.close()
        second = gate.batches[1]
        assert len([entry for entry in second if entry.conversation_id == hot]) == CONVERSATION_ENTRIES
        assert any(entry.conversation_id == quiet for entry in second)


async def test_a_full_queue_refuses_at_once_and_says_when_to_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than the queue holds is refused with `try_again`, and nothing of it is stored."""
    monkeypatch.setattr(committing, "QUEUE_ENTRIES", 3)
    async with server_parts(tmp_path, log=_GatedLog) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        gate = _gate(parts)
        gate.open.clear()
        for number in range(4):  # one in flight, three waiting
            parts.committer.submit(_entry(room, mina, str(number)), lambda *_: None)
            await asyncio.sleep(0)
        with pytest.raises(MadangError) as refused:
            parts.committer.submit(_entry(room, mina, "too much"), lambda *_: None)
        gate.open.set()
        await parts.committer.close()
        assert refused.value.code is ErrorCode.TRY_AGAIN
        assert refused.value.retry_after_ms
        assert (await parts.store.log.heads([room]))[room].seq == 5


async def test_a_silent_store_is_answered_as_unknown_and_the_commit_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the limit callers hear `try_again`; the message is stored all the same, and retrying finds it."""
    monkeypatch.setattr(committing, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(committing, "SWEEP_SECONDS", 0.05)
    async with server_parts(tmp_path, log=_GatedLog) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        gate = _gate(parts)
        gate.open.clear()
        entry = _entry(room, mina, "did it arrive?")
        with pytest.raises(MadangError) as unknown:
            await parts.committer.commit(entry)
        assert unknown.value.code is ErrorCode.TRY_AGAIN
        gate.open.set()
        again = await parts.committer.commit(entry)
        assert again.outcome is Outcome.DUPLICATE


async def test_cancelling_whoever_waits_does_not_cancel_the_commit(tmp_path: Path) -> None:
    """A disconnect in the middle of a send leaves the message stored and published."""
    async with server_parts(tmp_path, log=_GatedLog) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        parts.heard.clear()
        gate = _gate(parts)
        gate.open.clear()
        sending = asyncio.ensure_future(parts.committer.commit(_entry(room, mina, "bye")))
        await asyncio.sleep(0.01)
        sending.cancel()
        gate.open.set()
        await parts.committer.close()
        assert [len(news.entries) for news in _news(parts, room)] == [1]


async def test_an_unreachable_store_makes_every_answer_unknown(tmp_path: Path) -> None:
    """When a batch fails as a whole nobody is told more than is known."""
    async with server_parts(tmp_path, log=_GatedLog) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        gate = _gate(parts)
        gate.failure = MadangError(ErrorCode.UNAVAILABLE, "gone")
        with pytest.raises(MadangError) as unknown:
            await parts.committer.commit(_entry(room, mina, "hm"))
        gate.failure = None
        assert unknown.value.code is ErrorCode.TRY_AGAIN
        assert (await parts.committer.commit(_entry(room, mina, "hm"))).outcome is Outcome.STORED


async def test_a_closing_committer_refuses_and_finishes(tmp_path: Path) -> None:
    """What was taken before the close is stored; what comes after is refused as `unavailable`."""
    async with server_parts(tmp_path) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        answers: list[object] = []
        parts.committer.submit(_entry(room, mina, "last"), lambda outcome, _: answers.append(outcome))
        await parts.committer.close()
        assert isinstance(answers[0], Verdict)
        with pytest.raises(MadangError) as refused:
            parts.committer.submit(_entry(room, mina, "later"), lambda *_: None)
        assert refused.value.code is ErrorCode.UNAVAILABLE


async def test_new_members_are_told_to_their_devices(tmp_path: Path) -> None:
    """Whoever becomes a member hears of it on their own channel, with the version from which they are one."""
    async with server_parts(tmp_path) as parts:
        mina, joon = await parts.user("mina"), await parts.user("joon")
        await parts.hear(joon)
        room = await parts.group(mina)
        await parts.conversations.add_members(mina, room, [joon])
        added = [message for message in parts.heard if isinstance(message, MemberAdded)]
        assert added == [MemberAdded(user_id=joon, conversation_id=room)]


async def test_direct_conversations_exist_once_whoever_asks_first(tmp_path: Path) -> None:
    """Two people who open the same chat at the same moment meet in one."""
    async with server_parts(tmp_path) as parts:
        mina, joon = await parts.user("mina"), await parts.user("joon")
        results = await asyncio.gather(
            *(
                parts.conversations.create(actor, CreateConversation(type="direct", member_ids=[other]))
                for actor, other in ((mina, joon), (joon, mina)) * 5
            )
        )
        assert len({summary.id for summary, _ in results}) == 1
        assert sum(made for _, made in results) == 1


async def test_sending_is_limited_per_person(tmp_path: Path) -> None:
    """A burst is let through, then `rate_limited` says how long to wait; others are not affected."""
    async with server_parts(tmp_path, send_rate=10.0) as parts:
        mina, joon = await parts.user("mina"), await parts.user("joon")
        room = await parts.group(mina, joon)
        draft = MessageSend(conversation_id=room, content="x")
        for _ in range(30):
            parts.messages.submit(mina, room, draft, lambda *_: None)
        with pytest.raises(MadangError) as refused:
            parts.messages.submit(mina, room, draft, lambda *_: None)
        assert refused.value.code is ErrorCode.RATE_LIMITED
        assert 0 < (refused.value.retry_after_ms or 0) <= 100
        parts.messages.submit(joon, room, draft, lambda *_: None)


async def test_a_burst_after_a_quiet_hour_is_taken(tmp_path: Path) -> None:
    """Commits of one entry say nothing of what an entry costs: a thousand at once wait for two commits, not a thousand."""
    async with server_parts(tmp_path, log=_SleepyLog, store_kind="memory") as parts:
        mina = await parts.user("mina")
        rooms = [await parts.group(mina) for _ in range(10)]
        for number in range(30):
            await parts.committer.commit(_entry(rooms[0], mina, f"{number}"))
        answers: list[object] = []
        for number in range(2_000):
            parts.committer.submit(
                _entry(rooms[number % 10], mina, "burst"), lambda outcome, _: answers.append(outcome)
            )
        await parts.committer.close()
        assert {answer.outcome for answer in answers if isinstance(answer, Verdict)} == {Outcome.STORED}
        assert len(answers) == 2_000


class _SleepyLog:
    """A log on a slow disk: each commit takes its time, whatever it carries."""

    def __init__(self, log: ConversationLog) -> None:
        self._log = log

    async def append(self, entries: Sequence[Entry], now: int, *, wait: bool = True) -> list[Verdict]:
        await asyncio.sleep(0.005)
        return await self._log.append(entries, now, wait=wait)

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)


async def test_a_conversation_that_has_waited_too_long_is_refused_and_no_other(tmp_path: Path) -> None:
    """One hot room answers `try_again` by itself; a message to a quiet one is taken meanwhile."""
    async with server_parts(tmp_path, log=_GatedLog) as parts:
        mina = await parts.user("mina")
        hot, quiet = await parts.group(mina), await parts.group(mina)
        gate = _gate(parts)
        gate.open.clear()
        parts.committer.submit(_entry(hot, mina, "in flight"), lambda *_: None)
        await asyncio.sleep(0.01)
        parts.committer.submit(_entry(hot, mina, "waits"), lambda *_: None)
        parts.clock.added_ms += int(committing.QUEUE_SECONDS * 1_000) + 500
        with pytest.raises(MadangError) as refused:
            parts.committer.submit(_entry(hot, mina, "too late"), lambda *_: None)
        parts.committer.submit(_entry(quiet, mina, "taken"), lambda *_: None)
        gate.open.set()
        await parts.committer.close()
        assert refused.value.code is ErrorCode.TRY_AGAIN
        assert (refused.value.retry_after_ms or 0) >= committing.QUEUE_SECONDS * 1_000
        heads = await parts.store.log.heads([hot, quiet])
        assert (heads[hot].seq, heads[quiet].seq) == (3, 2)


async def test_what_waits_is_bounded_by_its_content_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large messages fill the queue before their number does, and leave room again when they are stored."""
    monkeypatch.setattr(committing, "QUEUE_BYTES", 30_000)
    async with server_parts(tmp_path, log=_GatedLog) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        gate = _gate(parts)
        gate.open.clear()
        parts.committer.submit(_entry(room, mina, "in flight"), lambda *_: None)
        await asyncio.sleep(0.01)
        parts.committer.submit(_entry(room, mina, "가" * 10_000), lambda *_: None)
        with pytest.raises(MadangError) as refused:
            parts.committer.submit(_entry(room, mina, "one more"), lambda *_: None)
        gate.open.set()
        await parts.committer.close()
        assert refused.value.code is ErrorCode.TRY_AGAIN


async def test_an_answer_that_fails_keeps_nothing_from_the_others(tmp_path: Path) -> None:
    """A defect in whoever is told must not cost the rest of the batch its answers, nor the world its news."""
    async with server_parts(tmp_path, log=_GatedLog) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        parts.heard.clear()
        answers: list[object] = []

        def fail(*_: object) -> None:
            raise RuntimeError("a defect")

        parts.committer.submit(_entry(room, mina, "one"), fail)
        parts.committer.submit(_entry(room, mina, "two"), lambda outcome, _: answers.append(outcome))
        await parts.committer.commit(_entry(room, mina, "three"))
        assert len(answers) == 1
        published = [entry.version for news in _news(parts, room) for entry in news.entries]
        assert published == [2, 3, 4]


async def test_entries_say_what_they_quote(tmp_path: Path) -> None:
    """The news carry the seq of a quoted message, for those who may not see that far back."""
    async with server_parts(tmp_path) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        first = _entry(room, mina, "first")
        await parts.committer.commit(first)
        parts.heard.clear()
        await parts.committer.commit(msgspec.structs.replace(_entry(room, mina, "reply"), reply_to_id=first.id))
        (news,) = _news(parts, room)
        assert news.entries[0].quotes == 2
