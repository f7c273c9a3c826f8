"""The committer: the batching heart. Every change of a conversation's log goes through here.

Owns the queues in front of the log, what may share a batch, the answer when there is too much, and what happens
between a commit and the world: answers first, in order, then one publication per conversation. Must never look into a
conversation's rules (the log decides under its lock) and never wait for a client.

Invariants:
1. `submit` does not await, so entries of one socket reach the log in the order they were received.
2. A conversation belongs to one lane; its commits are published in version order.
3. Nothing is published, and nobody is answered "stored", before the commit has returned.
4. Queues are bounded: by entries, by their content, and by how long the last one would wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final
from zlib import crc32

import msgspec
import structlog

from madang.clock import Clock
from madang.contract.shapes import Message, Quote
from madang.errors import ErrorCode, MadangError
from madang.ports.bus import Bus, LogAppended, LogEntry, MemberAdded, conversation_channel, user_channel
from madang.ports.log import ConversationLog, EditMessage, Entry, NewMessage, Verdict
from madang.services.lane import Lane
from madang.tasks import TaskSupervisor

__all__ = ["Committer", "Settle"]

BATCH_ENTRIES: Final = 1_000
CONVERSATION_ENTRIES: Final = 256
CONVERSATION_BYTES: Final = 128 * 1024
"""Content of one conversation in one batch; the frames of a batch are joined into one object per room."""
QUEUE_ENTRIES: Final = 20_000
QUEUE_BYTES: Final = 64 * 1024 * 1024
"""Content of everything that waits for a lane."""
QUEUE_SECONDS: Final = 2.0
"""Wait above which new entries are refused: estimated for the lane, measured for the conversation."""
ANSWER_SECONDS: Final = 5.0
"""After this a caller is told that the outcome is unknown; the commit goes on."""
SWEEP_SECONDS: Final = 0.5
TURN_SECONDS: Final = 0.005
"""How long answering and publishing may keep the loop before others get a turn."""

Settle = Callable[[Verdict | MadangError, bytes], None]
"""Gets the verdict and its message's JSON (else empty): encoded once for the ack and, where it is the same, for everybody
else.
"""

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


def _size(entry: Entry) -> int:
    """Bytes of a message's content; nothing for other changes."""
    if not isinstance(entry, NewMessage | EditMessage):
        return 0
    return len(entry.content) if entry.content.isascii() else len(entry.content.encode())


class _Queued:
    """An entry on its way, and who waits for it."""

    __slots__ = ("entry", "settle", "since", "size")

    def __init__(self, entry: Entry, settle: Settle | None, since: float) -> None:
        self.entry = entry
        self.settle = settle
        self.since = since
        self.size = _size(entry)

    def answer(self, outcome: Verdict | MadangError, payload: bytes) -> None:
        if self.settle is None:
            return
        settle, self.settle = self.settle, None
        try:
            settle(outcome, payload)
        except Exception:  # noqa: BLE001  # one answer that fails must not keep the others, and the news, from going out
            _log.exception("an answer failed", conversation_id=self.entry.conversation_id)


class _Queue:
    """What waits for one lane: a run of entries per conversation, served in turn."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[_Queued]] = {}
        self.entries = 0
        self.size = 0

    def put(self, queued: _Queued) -> None:
        self._waiting.setdefault(queued.entry.conversation_id, deque()).append(queued)
        self.entries += 1
        self.size += queued.size

    def oldest(self, conversation_id: str) -> float | None:
        """Since when the first entry of a conversation waits."""
        run = self._waiting.get(conversation_id)
        return run[0].since if run else None

    def take(self) -> list[_Queued]:
        """A batch: from each conversation the longest run of plain sends, or exactly one other change."""
        batch: list[_Queued] = []
        for conversation_id in list(self._waiting):
            run = self._waiting.pop(conversation_id)
            self._take_run(run, batch)
            if run:
                self._waiting[conversation_id] = run  # goes to the back: round robin
            if len(batch) >= BATCH_ENTRIES:
                break
        self.entries -= len(batch)
        self.size -= sum(queued.size for queued in batch)
        return batch

    @staticmethod
    def _take_run(run: deque[_Queued], batch: list[_Queued]) -> None:
        first = run.popleft()
        batch.append(first)
        if not isinstance(first.entry, NewMessage):
            return
        size, taken = first.size, 1
        while run and taken < CONVERSATION_ENTRIES and len(batch) < BATCH_ENTRIES:
            if not isinstance(run[0].entry, NewMessage):
                return
            size += run[0].size
            if size > CONVERSATION_BYTES:
                return
            batch.append(run.popleft())
            taken += 1


class Committer:
    """Takes entries, commits them in batches, answers and publishes.

    Args:
        lanes: commits in flight at once; 1 for a store with one writer.
    """

    def __init__(self, log: ConversationLog, bus: Bus, clock: Clock, tasks: TaskSupervisor, *, lanes: int = 1) -> None:
        self._log = log
        self._bus = bus
        self._clock = clock
        self._queues = [_Queue() for _ in range(lanes)]
        self._lanes = [
            Lane(f"log {number}", take=queue.take, commit=self._commit, settle=self._settle, tasks=tasks)
            for number, queue in enumerate(self._queues)
        ]
        self._outstanding: deque[_Queued] = deque()
        self._sweeping: asyncio.TimerHandle | None = None
        self._seconds_per_commit = 0.01
        self._closing = False

    def submit(self, entry: Entry, settle: Settle) -> None:
        """Queue an entry; `settle` is called exactly once, later, on the loop.

        Raises:
            MadangError: `try_again` with `retry_after_ms` if too much waits, `unavailable` while shutting down. The
                entry is then not queued and `settle` is not called.
        """
        if self._closing:
            raise MadangError(ErrorCode.UNAVAILABLE, "the server is shutting down", retry_after_ms=1_000)
        number = crc32(entry.conversation_id.encode()) % len(self._queues) if len(self._queues) > 1 else 0
        queue, now = self._queues[number], self._clock.monotonic()
        self._check_room(queue, entry.conversation_id, now)
        queued = _Queued(entry, settle, now)
        queue.put(queued)
        self._outstanding.append(queued)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)
        self._lanes[number].wake()

    async def commit(self, entry: Entry) -> Verdict:
        """Queue an entry and wait for its verdict. Cancelling gives up waiting only; the entry may still be stored.

        Raises:
            MadangError: as `submit`, or `try_again` when the outcome is unknown.
        """
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()

        def settle(outcome: Verdict | MadangError, _payload: bytes) -> None:
            if answer.cancelled():
                return
            if isinstance(outcome, MadangError):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

        self.submit(entry, settle)
        return await answer

    def waiting(self) -> int:
        """Entries queued, not yet in a batch."""
        return sum(queue.entries for queue in self._queues)

    async def close(self) -> None:
        """Refuse new entries and wait until every one taken is answered and published."""
        self._closing = True
        for lane in self._lanes:
            await lane.idle()
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def _check_room(self, queue: _Queue, conversation_id: str, now: float) -> None:
        """A commit costs much the same however much it carries, so the wait is a number of commits; one hot
        conversation that gets only its quota of each is measured by itself, and does not stop others.
        """
        wait = queue.entries / BATCH_ENTRIES * self._seconds_per_commit
        oldest = queue.oldest(conversation_id)
        if oldest is not None:
            wait = max(wait, now - oldest)
        if wait > QUEUE_SECONDS or queue.entries >= QUEUE_ENTRIES or queue.size >= QUEUE_BYTES:
            raise MadangError(ErrorCode.TRY_AGAIN, "too much is waiting", retry_after_ms=max(500, int(wait * 1_000)))

    async def _commit(self, batch: list[_Queued]) -> list[Verdict]:
        started = self._clock.monotonic()
        verdicts = await self._log.append([queued.entry for queued in batch], self._clock.now())
        spent = self._clock.monotonic() - started
        self._seconds_per_commit += (spent - self._seconds_per_commit) * 0.2
        return verdicts

    async def _settle(self, batch: list[_Queued], outcome: list[Verdict] | MadangError) -> None:
        if isinstance(outcome, MadangError):
            unknown = MadangError(ErrorCode.TRY_AGAIN, outcome.reason, retry_after_ms=outcome.retry_after_ms or 1_000)
            for queued in batch:
                queued.answer(unknown, b"")
            return
        turn_ends = self._clock.monotonic() + TURN_SECONDS
        news: dict[str, list[LogEntry]] = {}
        for queued, verdict in zip(batch, outcome, strict=True):
            self._settle_one(queued, verdict, news)
            if self._clock.monotonic() > turn_ends:
                self._publish(news)
                news = {}
                await asyncio.sleep(0)
                turn_ends = self._clock.monotonic() + TURN_SECONDS
        self._publish(news)

    def _settle_one(self, queued: _Queued, verdict: Verdict, news: dict[str, list[LogEntry]]) -> None:
        answer = b""
        for commit in verdict.commits:
            told = commit.message if commit.reaction is None else commit.reaction
            payload = _encode(told)
            if told is verdict.message:
                answer = payload
            news.setdefault(commit.conversation_id, []).append(
                LogEntry(
                    version=commit.message.version,
                    seq=commit.message.seq,
                    epoch=commit.message.epoch or "",
                    event=commit.event,
                    payload=payload,
                    quotes=told.reply_to.seq
                    if isinstance(told, Message) and isinstance(told.reply_to, Quote)
                    else None,
                    added=commit.added,
                    removed=commit.removed,
                    removed_reason=commit.removed_reason,
                )
            )
        if verdict.message is not None and not answer:
            answer = _encode(verdict.message)
        queued.answer(verdict, answer)

    def _publish(self, news: dict[str, list[LogEntry]]) -> None:
        for conversation_id, entries in news.items():
            self._bus.publish(
                conversation_channel(conversation_id),
                LogAppended(conversation_id=conversation_id, entries=tuple(entries)),
            )
            self._tell_added(conversation_id, entries)

    def _tell_added(self, conversation_id: str, entries: Sequence[LogEntry]) -> None:
        for entry in entries:
            for user_id in entry.added:
                self._bus.publish(
                    user_channel(user_id),
                    MemberAdded(user_id=user_id, conversation_id=conversation_id),
                )

    def _sweep(self) -> None:
        """Tell callers who have waited too long that the outcome is unknown."""
        oldest = self._clock.monotonic() - ANSWER_SECONDS
        waiting = self._outstanding
        while waiting and (waiting[0].settle is None or waiting[0].since < oldest):
            waiting.popleft().answer(
                MadangError(ErrorCode.TRY_AGAIN, "no answer from the store yet: send it again with the same id"), b""
            )
        self._sweeping = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep) if waiting else None
