"""The enqueuer: a message that is to be accepted now and stored later.

Owns the way from a checked message to the queue, in batches that form by themselves, and its first answer: `accepted`. What
becomes of it is the workers' to say. Must never look into the log's rules, nor answer before the queue has.

Invariants:
1. `submit` does not await, so messages of one socket reach the queue in the order they were received.
2. Batches are appended one after another: what a batch holds comes before everything in the next.
3. Whoever is no member according to the store is decided by the log at once, as without a queue: a message of theirs may
   have been stored before they were removed, and only the log knows.
4. What waits for the queue is bounded, by number and by content.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog

from madang.errors import ErrorCode, MadangError
from madang.ports.conversations import Conversations
from madang.ports.log import NewMessage, Verdict
from madang.ports.queue import Accepted, MessageQueue
from madang.services.committer import Committer
from madang.services.lane import Lane
from madang.tasks import TaskSupervisor

__all__ = ["Enqueuer", "SettleSend", "not_stored_yet"]

BATCH_ENTRIES: Final = 1_000
WAITING_ENTRIES: Final = 20_000
WAITING_BYTES: Final = 64 * 1024 * 1024
"""Content of everything that waits for its batch."""
NOT_YET_RETRY_MS: Final = 500
FULL_RETRY_MS: Final = 2_000
"""When a sender may ask again whom the queue had no room for: workers need time, more than the network does."""

SettleSend = Callable[[Verdict | Accepted | MadangError, bytes], None]
"""Gets what became of a send; with a verdict also its message's JSON."""

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


def not_stored_yet() -> MadangError:
    """Somebody asks for a message that has been accepted."""
    return MadangError(ErrorCode.TRY_AGAIN, "the message is not stored yet", retry_after_ms=NOT_YET_RETRY_MS)


class _Sent:
    """A message on its way to the queue, and who waits for it."""

    __slots__ = ("is_member", "message", "settle")

    def __init__(self, message: NewMessage, settle: SettleSend, *, is_member: bool) -> None:
        self.message = message
        self.settle = settle
        self.is_member = is_member


class Enqueuer:
    """Takes messages, appends them to the queue and answers."""

    def __init__(
        self, queue: MessageQueue, conversations: Conversations, committer: Committer, tasks: TaskSupervisor
    ) -> None:
        self._queue = queue
        self._conversations = conversations
        self._committer = committer
        self._sent: list[_Sent] = []
        self._on_their_way: set[tuple[str, str]] = set()
        """Conversation and id of what was submitted and is not answered."""
        self._size = 0
        self._closing = False
        self._lane = Lane("queue", take=self._take, commit=self._append, settle=self._settle, tasks=tasks)

    def submit(self, message: NewMessage, settle: SettleSend, *, is_member: bool) -> None:
        """Take a message; `settle` is called exactly once, later, on the loop.

        Args:
            message: checked, as for the log.
            settle: who waits.
            is_member: the sender is known to be one, as the live log has it; else the store is asked.

        Raises:
            MadangError: `try_again` if too much waits, `unavailable` while shutting down; `settle` is then not called.
        """
        if self._closing:
            raise MadangError(ErrorCode.UNAVAILABLE, "the server is shutting down", retry_after_ms=1_000)
        if len(self._sent) >= WAITING_ENTRIES or self._size >= WAITING_BYTES:
            raise _full()
        self._sent.append(_Sent(message, settle, is_member=is_member))
        self._on_their_way.add((message.conversation_id, message.id))
        self._size += len(message.content)
        self._lane.wake()

    async def waiting(self, conversation_id: str, message_id: str) -> bool:
        """Whether a message is accepted, or about to be, and not stored yet."""
        if (conversation_id, message_id) in self._on_their_way:
            return True
        return await self._queue.waiting(conversation_id, message_id)

    async def close(self) -> None:
        """Refuse new messages and wait until every one taken is answered."""
        self._closing = True
        await self._lane.idle()

    def _take(self) -> list[_Sent]:
        batch, self._sent = self._sent[:BATCH_ENTRIES], self._sent[BATCH_ENTRIES:]
        self._size -= sum(len(sent.message.content) for sent in batch)
        return batch

    async def _append(self, batch: list[_Sent]) -> list[Verdict | Accepted | MadangError]:
        await self._ask_members(batch)
        accepted = iter(await self._queue.append([sent.message for sent in batch if sent.is_member]))
        decided = iter(await asyncio.gather(*(self._decide(sent.message) for sent in batch if not sent.is_member)))
        return [
            next(decided) if not sent.is_member else Accepted(sent.message.id) if next(accepted) else _full()
            for sent in batch
        ]

    async def _ask_members(self, batch: Sequence[_Sent]) -> None:
        asked: defaultdict[str, set[str]] = defaultdict(set)
        for sent in batch:
            if not sent.is_member:
                asked[sent.message.conversation_id].add(sent.message.sender_id)
        if not asked:
            return
        members = await asyncio.gather(*(self._conversations.memberships(*each) for each in asked.items()))
        known = dict(zip(asked, members, strict=True))
        for sent in batch:
            sent.is_member = sent.is_member or sent.message.sender_id in known[sent.message.conversation_id]

    async def _decide(self, message: NewMessage) -> Verdict | MadangError:
        try:
            return await self._committer.commit(message)
        except MadangError as error:
            return error

    async def _settle(
        self, batch: list[_Sent], outcome: Sequence[Verdict | Accepted | MadangError] | MadangError
    ) -> None:
        answers = [outcome] * len(batch) if isinstance(outcome, MadangError) else outcome
        for sent, answer in zip(batch, answers, strict=True):
            self._on_their_way.discard((sent.message.conversation_id, sent.message.id))
            try:
                sent.settle(answer, _encode(answer.message) if isinstance(answer, Verdict) else b"")
            except Exception:  # noqa: BLE001  # one answer that fails must not keep the others from going out
                _log.exception("an answer failed", conversation_id=sent.message.conversation_id)


def _full() -> MadangError:
    return MadangError(ErrorCode.TRY_AGAIN, "too much is waiting to be stored", retry_after_ms=FULL_RETRY_MS)
