"""Read marks: how far everybody has read.

Owns batching them (one message in a busy room brings a mark from everybody) and telling others: in large rooms only that
something has moved, once for all batches of `GATHER_SECONDS`, and whoever looks is told how many have read what. A mark is
forwarded, never lowered. Equal marks of one person that wait together are one; different ones are decided one by one, so that
a mark that is refused does not spoil another.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from madang.clock import Clock, to_iso
from madang.contract.server_events import ReadMoved
from madang.domain.conversation import LARGE_ROOM
from madang.errors import ErrorCode, MadangError, invalid, outcome_unknown
from madang.ids import parse_id
from madang.ports.bus import Bus, ReadsMoved, RoomNotice, UserNotice, conversation_channel, user_channel
from madang.ports.log import ConversationLog, Mark, MarkVerdict, Outcome
from madang.services.access import not_a_member
from madang.services.lane import Lane
from madang.tasks import TaskSupervisor

__all__ = ["ReadingService"]

BATCH_READERS: Final = 500
QUEUE_MARKS: Final = 20_000
ANSWER_SECONDS: Final = 5.0
"""After this a caller is told that the outcome is unknown; the mark may still move."""
GATHER_SECONDS: Final = 0.25
"""Over which the marks of a large room are gathered before its nodes hear that some have moved."""

_encode = msgspec.json.Encoder().encode


class _Reader:
    """One person's marks in one conversation that wait together, and who asked for which."""

    __slots__ = ("answers", "conversation_id", "user_id")

    def __init__(self, conversation_id: str, user_id: str) -> None:
        self.conversation_id = conversation_id
        self.user_id = user_id
        self.answers: dict[int | None, list[asyncio.Future[MarkVerdict]]] = {}

    def marks(self) -> list[Mark]:
        """Ascending, "to the head" last."""
        seqs = sorted(seq for seq in self.answers if seq is not None)
        return [
            Mark(conversation_id=self.conversation_id, user_id=self.user_id, seq=seq)
            for seq in (*seqs, *((None,) if None in self.answers else ()))
        ]


class ReadingService:
    """Moves read marks."""

    def __init__(self, log: ConversationLog, bus: Bus, clock: Clock, tasks: TaskSupervisor) -> None:
        self._log = log
        self._bus = bus
        self._clock = clock
        self._waiting: dict[tuple[str, str], _Reader] = {}
        self._marks = 0
        self._moved: set[str] = set()
        """Large rooms in which marks have moved that was not told yet."""
        self._gathering: asyncio.TimerHandle | None = None
        self._lane = Lane("marks", take=self._take, commit=self._commit, settle=self._settle, tasks=tasks)

    async def mark(self, user_id: str, conversation_id: str, seq: int | None) -> MarkVerdict:
        """Mark everything up to `seq` (None: to the head) as read. Cancelling gives up waiting only.

        Raises:
            MadangError: `not_a_member`, `invalid` above the head, `try_again` if too much waits or the outcome is unknown.
        """
        conversation = parse_id(conversation_id)
        if conversation is None:
            raise not_a_member()
        if seq is not None and seq < 0:
            raise invalid("seq", "must be the seq of a message")
        answer = self._enqueue(conversation, user_id, seq)
        self._lane.wake()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                verdict = await answer
        except TimeoutError:
            raise outcome_unknown("no answer from the store yet") from None
        match verdict.outcome:
            case Outcome.STORED:
                return verdict
            case Outcome.NOT_A_MEMBER:
                raise not_a_member()
            case Outcome.INVALID:
                raise invalid("seq", "lies above the newest message")
            case Outcome.STORAGE_FULL:
                raise MadangError(ErrorCode.STORAGE_FULL, "the disk of the store is full", retry_after_ms=5_000)

    async def close(self) -> None:
        """Wait until every mark taken is committed and told."""
        await self._lane.idle()
        if self._gathering is not None:
            self._gathering.cancel()
            self._tell_moved()

    def _enqueue(self, conversation_id: str, user_id: str, seq: int | None) -> asyncio.Future[MarkVerdict]:
        place = (conversation_id, user_id)
        reader = self._waiting.get(place)
        if reader is None or seq not in reader.answers:
            if self._marks >= QUEUE_MARKS:
                raise MadangError(ErrorCode.TRY_AGAIN, "too many read marks are waiting", retry_after_ms=1_000)
            self._marks += 1
        if reader is None:
            reader = self._waiting[place] = _Reader(conversation_id, user_id)
        answer: asyncio.Future[MarkVerdict] = asyncio.get_running_loop().create_future()
        reader.answers.setdefault(seq, []).append(answer)
        return answer

    def _take(self) -> list[_Reader]:
        places = list(self._waiting)[:BATCH_READERS]
        readers = [self._waiting.pop(place) for place in places]
        self._marks -= sum(len(reader.answers) for reader in readers)
        return readers

    async def _commit(self, batch: list[_Reader]) -> list[list[tuple[Mark, MarkVerdict]]]:
        marks = [reader.marks() for reader in batch]
        verdicts = iter(await self._log.mark([mark for mine in marks for mark in mine], self._clock.now()))
        return [[(mark, next(verdicts)) for mark in mine] for mine in marks]

    async def _settle(self, batch: list[_Reader], outcome: list[list[tuple[Mark, MarkVerdict]]] | MadangError) -> None:
        if isinstance(outcome, MadangError):
            for answer in (answer for reader in batch for answers in reader.answers.values() for answer in answers):
                if not answer.done():
                    answer.set_exception(outcome)
            return
        for reader, decided in zip(batch, outcome, strict=True):
            for mark, verdict in decided:
                for answer in reader.answers[mark.seq]:
                    if not answer.done():
                        answer.set_result(verdict)
            moved = [verdict for _, verdict in decided if verdict.moved]
            if moved:
                self._tell(reader, moved[-1])

    def _tell(self, reader: _Reader, verdict: MarkVerdict) -> None:
        moved = ReadMoved(
            user_id=reader.user_id,
            conversation_id=reader.conversation_id,
            last_read_seq=verdict.last_read_seq,
            last_read_at=to_iso(verdict.last_read_at),
        )
        own = msgspec.structs.replace(moved, unread_count=verdict.unread_count)
        self._bus.publish(
            user_channel(reader.user_id),
            UserNotice(user_id=reader.user_id, event="message:read", payload=_encode(own)),
        )
        if verdict.member_count > LARGE_ROOM:
            self._gather(reader.conversation_id)
        else:
            self._bus.publish(
                conversation_channel(reader.conversation_id),
                RoomNotice(
                    conversation_id=reader.conversation_id,
                    event="message:read",
                    payload=_encode(moved),
                    except_user=reader.user_id,
                    key=f"read:{reader.conversation_id}:{reader.user_id}",
                ),
            )

    def _gather(self, conversation_id: str) -> None:
        self._moved.add(conversation_id)
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._tell_moved)

    def _tell_moved(self) -> None:
        self._gathering = None
        for conversation_id in self._moved:
            self._bus.publish(conversation_channel(conversation_id), ReadsMoved(conversation_id=conversation_id))
        self._moved.clear()
