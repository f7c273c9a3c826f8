"""The committer: the batching heart. Every change of a conversation's log goes through here.

Owns the lanes in front of the log (what may share a batch is `commit_queue`'s), the answer when there is too much, and what
happens between a commit and the world: answers first, in order, then one publication per conversation. Must never look
into a conversation's rules (the log decides under its lock) and never wait for a client.

Invariants:
1. `submit` does not await, so entries of one socket reach the log in the order they were received.
2. A conversation belongs to one lane; its commits are published in version order.
3. Nothing is published, and nobody is answered "stored", before the commit has returned.
4. Queues are bounded: by entries, by their content, and by how long the last one would wait.
5. A conversation that another writer holds keeps nobody else waiting: it is left for later batches, whole and in order,
   and then waits alone, beside its lane.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Final
from zlib import crc32

import structlog

from madang.clock import Clock
from madang.errors import ErrorCode, MadangError, outcome_unknown
from madang.ports.bus import Bus
from madang.ports.log import ConversationLog, Entry, Outcome, Verdict
from madang.services.commit_queue import BATCH_ENTRIES, CommitQueue, Queued, Settle
from madang.services.lane import Lane
from madang.services.news import News
from madang.tasks import TaskSupervisor

__all__ = ["Committer", "Settle"]

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

_log = structlog.get_logger(__name__)


class Committer:
    """Takes entries, commits them in batches, answers and publishes.

    Args:
        lanes: commits in flight at once; 1 for a store with one writer.
    """

    def __init__(self, log: ConversationLog, bus: Bus, clock: Clock, tasks: TaskSupervisor, *, lanes: int = 1) -> None:
        self._log = log
        self._bus = bus
        self._clock = clock
        self._queues = [CommitQueue() for _ in range(lanes)]
        self._lanes = [
            Lane(
                f"log {number}",
                take=queue.take,
                commit=partial(self._commit, queue),
                settle=partial(self._settle_batch, number),
                tasks=tasks,
            )
            for number, queue in enumerate(self._queues)
        ]
        self._tasks = tasks
        self._alone: set[asyncio.Task[None]] = set()
        self._outstanding: deque[Queued] = deque()
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
        queued = Queued(entry, settle, now)
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
        await self._idle()
        while self._alone:
            await asyncio.wait(self._alone)
            await self._idle()
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    async def _idle(self) -> None:
        for lane in self._lanes:
            await lane.idle()

    def _check_room(self, queue: CommitQueue, conversation_id: str, now: float) -> None:
        """A commit costs much the same however much it carries, so the wait is a number of commits; one hot
        conversation that gets only its quota of each is measured by itself, and does not stop others.
        """
        wait = queue.entries / BATCH_ENTRIES * self._seconds_per_commit
        oldest = queue.oldest(conversation_id)
        if oldest is not None:
            wait = max(wait, now - oldest)
        if wait > QUEUE_SECONDS or queue.entries >= QUEUE_ENTRIES or queue.size >= QUEUE_BYTES:
            raise MadangError(ErrorCode.TRY_AGAIN, "too much is waiting", retry_after_ms=max(500, int(wait * 1_000)))

    async def _commit(self, queue: CommitQueue, batch: list[Queued]) -> list[Verdict | None]:
        """None for what was left undecided: it is back in the queue before the next batch is taken."""
        started = self._clock.monotonic()
        verdicts = await self._log.append([queued.entry for queued in batch], self._clock.now(), wait=False)
        spent = self._clock.monotonic() - started
        self._seconds_per_commit += (spent - self._seconds_per_commit) * 0.2
        held: dict[str, list[Queued]] = {}
        for queued, verdict in zip(batch, verdicts, strict=True):
            if verdict.outcome is Outcome.BUSY:
                held.setdefault(verdict.conversation_id, []).append(queued)
            else:
                queue.decided(verdict.conversation_id)
        for run in held.values():
            queue.put_back(run)
        return [None if verdict.outcome is Outcome.BUSY else verdict for verdict in verdicts]

    async def _settle_batch(
        self, number: int, batch: list[Queued], outcome: list[Verdict | None] | MadangError
    ) -> None:
        await self._settle(batch, outcome)
        # Only now: whatever these conversations had in earlier batches has been published.
        for run in self._queues[number].set_aside():
            waiting = self._tasks.start(self._wait_alone(number, run), "a held conversation")
            self._alone.add(waiting)
            waiting.add_done_callback(self._alone.discard)

    async def _wait_alone(self, number: int, run: list[Queued]) -> None:
        """Commit what belongs to one conversation that another writer holds, while its lane goes on with others."""
        outcome: list[Verdict] | MadangError
        try:
            outcome = await self._log.append([queued.entry for queued in run], self._clock.now(), wait=True)
        except MadangError as error:
            outcome = error
        except Exception:  # noqa: BLE001  # as in a lane: it is logged and answered, and the conversation must go on
            _log.exception("a held conversation failed", items=len(run))
            outcome = outcome_unknown("the outcome is unknown: send it again with the same id")
        try:
            await self._settle(run, outcome)
        finally:
            self._queues[number].released(run[0].entry.conversation_id)
            self._lanes[number].wake()

    async def _settle(self, batch: list[Queued], outcome: Sequence[Verdict | None] | MadangError) -> None:
        if isinstance(outcome, MadangError):
            for queued in batch:
                queued.answer(outcome_unknown(outcome.reason), b"")
            return
        turn_ends = self._clock.monotonic() + TURN_SECONDS
        news = News(self._bus)
        for queued, verdict in zip(batch, outcome, strict=True):
            if verdict is not None:
                queued.answer(verdict, news.add(verdict))
            if self._clock.monotonic() > turn_ends:
                news.publish()
                await asyncio.sleep(0)
                turn_ends = self._clock.monotonic() + TURN_SECONDS
        news.publish()

    def _sweep(self) -> None:
        """Tell callers who have waited too long that the outcome is unknown."""
        oldest = self._clock.monotonic() - ANSWER_SECONDS
        waiting = self._outstanding
        while waiting and (waiting[0].settle is None or waiting[0].since < oldest):
            queued = waiting.popleft()
            if queued.settle is not None:  # nearly all were answered long ago, and an error costs as much as a decode
                queued.answer(outcome_unknown("no answer from the store yet: send it again with the same id"), b"")
        self._sweeping = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep) if waiting else None
