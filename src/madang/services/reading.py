"""Read marks: how far everybody has read.

Owns batching them (one message in a busy room brings a mark from everybody) and telling others. A mark is forwarded,
never lowered, and two marks of one person in one conversation that wait together become the later one.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from madang.clock import Clock, to_iso
from madang.contract.server_events import ReadMoved
from madang.errors import ErrorCode, MadangError, invalid
from madang.ids import parse_id
from madang.ports.bus import Bus, RoomNotice, UserNotice, conversation_channel, user_channel
from madang.ports.log import ConversationLog, Mark, MarkVerdict, Outcome
from madang.services.access import not_a_member
from madang.services.lane import Lane
from madang.tasks import TaskSupervisor

__all__ = ["ReadingService"]

BATCH_MARKS: Final = 500
QUEUE_MARKS: Final = 20_000
TELL_MEMBERS: Final = 100
"""Members up to which everybody is told of everybody's mark; one message in a room of a thousand would otherwise make
a million events."""

_encode = msgspec.json.Encoder().encode


class _Waiting:
    """The mark that will be committed, and all who asked for it or for an earlier one."""

    __slots__ = ("answers", "mark")

    def __init__(self, mark: Mark) -> None:
        self.mark = mark
        self.answers: list[asyncio.Future[MarkVerdict]] = []


class ReadingService:
    """Moves read marks."""

    def __init__(self, log: ConversationLog, bus: Bus, clock: Clock, tasks: TaskSupervisor) -> None:
        self._log = log
        self._bus = bus
        self._clock = clock
        self._waiting: dict[tuple[str, str], _Waiting] = {}
        self._lane = Lane("marks", take=self._take, commit=self._commit, settle=self._settle, tasks=tasks)

    async def mark(self, user_id: str, conversation_id: str, seq: int | None) -> MarkVerdict:
        """Mark everything up to `seq` (None: to the head) as read. Cancelling gives up waiting only.

        Raises:
            MadangError: `not_a_member`, `invalid` above the head, `try_again` if too much waits.
        """
        conversation = parse_id(conversation_id)
        if conversation is None:
            raise not_a_member()
        if seq is not None and seq < 0:
            raise invalid("seq", "must be the seq of a message")
        answer: asyncio.Future[MarkVerdict] = asyncio.get_running_loop().create_future()
        self._enqueue(Mark(conversation_id=conversation, user_id=user_id, seq=seq)).answers.append(answer)
        self._lane.wake()
        verdict = await answer
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

    def _enqueue(self, mark: Mark) -> _Waiting:
        place = (mark.conversation_id, mark.user_id)
        waiting = self._waiting.get(place)
        if waiting is None:
            if len(self._waiting) >= QUEUE_MARKS:
                raise MadangError(ErrorCode.TRY_AGAIN, "too many read marks are waiting", retry_after_ms=1_000)
            waiting = self._waiting[place] = _Waiting(mark)
        elif mark.seq is None or (waiting.mark.seq is not None and mark.seq > waiting.mark.seq):
            waiting.mark = mark
        return waiting

    def _take(self) -> list[_Waiting]:
        places = list(self._waiting)[:BATCH_MARKS]
        return [self._waiting.pop(place) for place in places]

    async def _commit(self, batch: list[_Waiting]) -> list[MarkVerdict]:
        return await self._log.mark([waiting.mark for waiting in batch], self._clock.now())

    async def _settle(self, batch: list[_Waiting], outcome: list[MarkVerdict] | MadangError) -> None:
        if isinstance(outcome, MadangError):
            for waiting in batch:
                for answer in waiting.answers:
                    if not answer.done():
                        answer.set_exception(outcome)
            return
        for waiting, verdict in zip(batch, outcome, strict=True):
            for answer in waiting.answers:
                if not answer.done():
                    answer.set_result(verdict)
            if verdict.moved:
                self._tell(waiting.mark, verdict)

    def _tell(self, mark: Mark, verdict: MarkVerdict) -> None:
        moved = ReadMoved(
            user_id=mark.user_id,
            conversation_id=mark.conversation_id,
            last_read_seq=verdict.last_read_seq,
            last_read_at=to_iso(verdict.last_read_at),
        )
        own = msgspec.structs.replace(moved, unread_count=verdict.unread_count)
        self._bus.publish(
            user_channel(mark.user_id),
            UserNotice(user_id=mark.user_id, event="message:read", payload=_encode(own)),
        )
        if verdict.member_count <= TELL_MEMBERS:
            self._bus.publish(
                conversation_channel(mark.conversation_id),
                RoomNotice(
                    conversation_id=mark.conversation_id,
                    event="message:read",
                    payload=_encode(moved),
                    except_user=mark.user_id,
                    key=f"read:{mark.conversation_id}:{mark.user_id}",
                ),
            )
