"""Repair: what the bus did not bring is read from the store.

Owns the reading, and who may have what was read. One snapshot gives the head and all rows above what was applied; rows
come in version order, and then clients are told that they have everything up to the head. A row that changed twice appears
once, in its present state: that is why a repair goes to a head and never fills single holes.

Invariants:
1. Rows are handed to those who are members now, of the membership they were shown: who has left is taken out before, who
   left and came back is closed and comes back.
2. At most `AT_ONCE` reads at the same time: after a lost connection every conversation is behind at once.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
import structlog

from madang.contract.server_events import RemovedReason
from madang.contract.shapes import Message, Quote, SystemEvent
from madang.errors import MadangError
from madang.gateway.delivery import Delivery
from madang.gateway.live_log import LiveLog
from madang.ports.bus import LogEntry
from madang.ports.conversations import Conversations, Member
from madang.ports.log import ConversationLog, LogEvent, LogSlice

__all__ = ["Repair"]

ROWS: Final = 500
RETRY_SECONDS: Final = 1.0
AT_ONCE: Final = 4

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class Repair:
    """Reads what is missing."""

    def __init__(self, log: ConversationLog, conversations: Conversations, delivery: Delivery, epoch: str) -> None:
        self._log = log
        self._conversations = conversations
        self._delivery = delivery
        self._epoch = epoch
        self._places = asyncio.Semaphore(AT_ONCE)

    async def run(self, live: LiveLog) -> None:
        """Bring a conversation to its head, page by page, for as long as somebody wants it. While it runs nothing else
        is applied to it.
        """
        more, delivered = True, live.seq
        while more and live.wanted:
            try:
                async with self._places:
                    more = await self._page(live, delivered)
            except Exception as error:  # noqa: BLE001  # whatever it is, giving up would leave people without messages
                _log.warning(
                    "a conversation stays behind",
                    conversation_id=live.conversation_id,
                    exc_info=None if isinstance(error, MadangError) else error,
                    reason=str(error),
                )
                await asyncio.sleep(RETRY_SECONDS)

    async def _page(self, live: LiveLog, delivered: int) -> bool:
        live.read_begins()
        piece = await self._log.since(live.conversation_id, live.version or 0, ROWS)
        if piece is None:
            return False
        members: dict[str, Member] = {}
        asked: set[str] = set()
        while people := self._delivery.people(live) - asked:  # somebody may attach meanwhile
            members |= await self._conversations.memberships(live.conversation_id, people)
            asked |= people
        # nothing is awaited from here on: what is known of members holds until the rows are handed out
        for user_id in asked:
            self._look_at_member(live, user_id, members.get(user_id), piece)
        self._hand_out(live, piece, delivered)
        return piece.more

    def _look_at_member(self, live: LiveLog, user_id: str, member: Member | None, piece: LogSlice) -> None:
        if member is None:
            self._delivery.remove(live, user_id, _removed_reason(user_id, piece.messages), piece.head.version + 1)
        else:
            self._delivery.send_back(live, user_id, member.visible_from_seq)

    def _hand_out(self, live: LiveLog, piece: LogSlice, delivered: int) -> None:
        entries = [self._entry(message, delivered) for message in piece.messages]
        self._delivery.hand_out(live, entries, dense=False)
        for connection, shown, _ in live.parked:
            newer = [entry for entry in entries if entry.version > shown]
            self._delivery.replay(live, connection, newer, dense=False)
        version = entries[-1].version if piece.more else piece.head.version
        live.jump(version, max((entry.seq for entry in entries), default=0), piece.head.member_count)
        for connection in live.reached():
            self._delivery.enter(live, connection)
        if not piece.more:
            self._delivery.complete(live, self._epoch, version)

    def _entry(self, message: Message, delivered: int) -> LogEntry:
        return LogEntry(
            version=message.version,
            seq=message.seq,
            epoch=self._epoch,
            event=_event(message, delivered),
            payload=_encode(message),
            quotes=message.reply_to.seq if isinstance(message.reply_to, Quote) else None,
        )


def _event(message: Message, delivered: int) -> LogEvent:
    """What a row is told as to people who have the messages up to `delivered`."""
    if message.seq > delivered:
        return "message:new"
    return "message:updated" if message.deleted_at is None else "message:deleted"


def _removed_reason(user_id: str, messages: list[Message]) -> RemovedReason:
    """Why somebody is gone, as far as the rows say."""
    for message in reversed(messages):
        system = message.system
        if isinstance(system, SystemEvent) and system.kind == "ended":
            return "ended"
        if isinstance(system, SystemEvent) and isinstance(system.user_ids, list) and user_id in system.user_ids:
            if system.kind == "member_left":
                return "left"
            if system.kind == "member_removed":
                return "removed"
    return "removed"
