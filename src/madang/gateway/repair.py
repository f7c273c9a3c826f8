"""Repair: what the bus did not bring is read from the store.

Owns the reading; the feed hands out. One snapshot gives the head and all rows above what was applied; rows come in
version order, and then clients are told that they have everything up to the head. A row that changed twice appears
once, in its present state: that is why a repair goes to a head and never fills single holes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
import structlog

from madang.contract.server_events import ConversationVersion, RemovedReason
from madang.contract.shapes import Message, SystemEvent
from madang.errors import MadangError
from madang.gateway.live_log import LiveLog
from madang.gateway.packets import event_packet
from madang.ports.conversations import Conversations
from madang.ports.log import ConversationLog, LogSlice
from madang.socketio import EventPacket

__all__ = ["Delivery", "Repair"]

ROWS: Final = 500
RETRY_SECONDS: Final = 1.0
_MEMBERS_CHANGE: Final = frozenset(("members_added", "member_left", "member_removed"))

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class Delivery(Protocol):
    """What a repair needs of the delivery."""

    def present(self, live: LiveLog) -> set[str]:
        """The people whose sockets are attached to a conversation."""
        ...

    def remove(self, live: LiveLog, user_id: str, reason: RemovedReason) -> None:
        """Take a person's sockets out of the room and tell them."""
        ...

    def deliver_rows(self, live: LiveLog, rows: Sequence[tuple[int, EventPacket]]) -> None:
        """Hand out rows by version, ascending, all above what was applied."""
        ...

    def finish_repair(self, live: LiveLog, version: int, seq: int, notice: bytes | None) -> None:
        """Everything up to `version` has been handed out; `notice` says so to clients."""
        ...


class Repair:
    """Reads what is missing."""

    def __init__(self, log: ConversationLog, conversations: Conversations, epoch: str) -> None:
        self._log = log
        self._conversations = conversations
        self._epoch = epoch

    async def run(self, delivery: Delivery, live: LiveLog) -> None:
        """Bring a conversation to its head, page by page. While it runs nothing else is applied to it."""
        more = True
        while more and not live.unused:
            try:
                more = await self._page(delivery, live)
            except MadangError as error:
                _log.warning("a conversation stays behind", conversation_id=live.conversation_id, reason=error.reason)
                await asyncio.sleep(RETRY_SECONDS)

    async def _page(self, delivery: Delivery, live: LiveLog) -> bool:
        piece = await self._log.since(live.conversation_id, live.version or 0, ROWS)
        if piece is None:
            live.known_head = live.version or 0
            return False
        await self._remove_who_left(delivery, live, piece)
        delivery.deliver_rows(live, [(message.version, _packet(message)) for message in piece.messages])
        if piece.more:
            delivery.finish_repair(live, piece.messages[-1].version, piece.messages[-1].seq, None)
            return True
        notice = ConversationVersion(
            conversation_id=live.conversation_id, epoch=self._epoch, version=piece.head.version
        )
        delivery.finish_repair(live, piece.head.version, piece.head.seq, _encode(notice))
        return False

    async def _remove_who_left(self, delivery: Delivery, live: LiveLog, piece: LogSlice) -> None:
        if not any(_changes_members(message) for message in piece.messages):
            return
        people = delivery.present(live)
        members = await self._conversations.memberships(live.conversation_id, people)
        for user_id in people - members.keys():
            delivery.remove(live, user_id, "removed")


def _changes_members(message: Message) -> bool:
    return isinstance(message.system, SystemEvent) and message.system.kind in _MEMBERS_CHANGE


def _packet(message: Message) -> EventPacket:
    return event_packet("message:new", _encode(message))
