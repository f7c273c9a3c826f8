"""The log in memory: the port `ConversationLog`, entry by entry.

Owns the same decisions as the stores on databases, written the plain way: one entry after another, by looking at the log
itself. Batches, counters and duplicates inside a batch need no thought here, which is what makes it the model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import get_args

from msgspec.structs import asdict

from madang.contract.shapes import Message
from madang.domain.message import MessageType
from madang.memory.changes import append_change
from madang.memory.message_changes import append_message_change
from madang.memory.messages import to_message
from madang.memory.rows import ConversationRow, MessageRow, Rows
from madang.ports.log import (
    Commit,
    DeleteMessage,
    EditMessage,
    Entry,
    Head,
    LogSlice,
    Mark,
    MarkVerdict,
    NewMessage,
    Outcome,
    PageWindow,
    React,
    Verdict,
)

__all__ = ["MemoryLog"]

_SENDABLE = frozenset(get_args(MessageType)) - {"system"}


def _storable(value: object) -> bool:
    """Whether every text in it is one that databases take."""
    match value:
        case str():
            return not re.search("[\x00\ud800-\udfff]", value)
        case dict():
            return all(_storable(part) for item in value.items() for part in item)
        case list():
            return all(_storable(item) for item in value)
        case _:
            return True


class MemoryLog:
    """Logs in dictionaries."""

    def __init__(self, rows: Rows, max_members: int) -> None:
        self._rows = rows
        self._max_members = max_members

    async def append(self, entries: Sequence[Entry], now: int, *, wait: bool = True) -> list[Verdict]:
        return [self._append(entry, now) for entry in entries]

    def _append(self, entry: Entry, now: int) -> Verdict:
        if isinstance(entry, NewMessage):
            return self._send(entry, now)
        if not _storable(asdict(entry)):
            return Verdict(outcome=Outcome.INVALID, conversation_id=entry.conversation_id, reason="cannot be stored")
        if isinstance(entry, EditMessage | DeleteMessage | React):
            return append_message_change(self._rows, entry, now)
        return append_change(self._rows, entry, now, self._max_members)

    def _send(self, entry: NewMessage, now: int) -> Verdict:
        def refused(outcome: Outcome, reason: str = "") -> Verdict:
            return Verdict(outcome=outcome, conversation_id=entry.conversation_id, reason=reason)

        if not _storable(entry.content):
            return refused(Outcome.INVALID, "cannot be stored")
        conversation = self._rows.conversations.get(entry.conversation_id)
        if conversation is None:
            return refused(Outcome.NOT_A_MEMBER)
        earlier, member = conversation.message(entry.id), conversation.member(entry.sender_id)
        if earlier is not None:
            if (earlier.sender_id, earlier.body) != (entry.sender_id, entry.body_hash):
                return refused(Outcome.CONFLICT)
            visible = earlier.seq + 1 if member is None else member.joined_seq
            shown = to_message(self._rows, conversation, earlier, epoch=self._rows.epoch, visible_from_seq=visible)
            return Verdict(outcome=Outcome.DUPLICATE, conversation_id=conversation.id, message=shown)
        if member is None:
            return refused(Outcome.NOT_A_MEMBER)
        if entry.reply_to_id is not None:
            target = conversation.message(entry.reply_to_id)
            if target is None or target.seq < member.joined_seq:
                return refused(Outcome.INVALID, "replyToId: no message of this conversation")
        if entry.type not in _SENDABLE:
            return refused(Outcome.INVALID, "cannot be stored")
        row = self._row(entry, conversation, now)
        conversation.messages.append(row)
        if not entry.keep_unread:
            member.last_read_seq, member.last_read_at, member.marked_unread = row.seq, row.created_at, False
        message = to_message(self._rows, conversation, row, epoch=self._rows.epoch)
        commit = Commit(conversation_id=conversation.id, event="message:new", message=message)
        return Verdict(outcome=Outcome.STORED, conversation_id=conversation.id, message=message, commits=(commit,))

    @staticmethod
    def _row(entry: NewMessage, conversation: ConversationRow, now: int) -> MessageRow:
        return MessageRow(
            id=entry.id,
            seq=len(conversation.messages) + 1,
            version=conversation.next_version(),
            sender_id=entry.sender_id,
            type=entry.type,
            content=entry.content,
            body=entry.body_hash,
            created_at=max(now, conversation.last_message_at()),
            mentions=entry.mentions,
            reply_to_id=entry.reply_to_id,
            attachments=tuple(entry.attachments),
            silent=entry.silent,
            keep_unread=entry.keep_unread,
        )

    async def mark(self, marks: Sequence[Mark], now: int) -> list[MarkVerdict]:
        return [self._mark(mark, now) for mark in marks]

    def _mark(self, mark: Mark, now: int) -> MarkVerdict:
        conversation = self._rows.conversations.get(mark.conversation_id)
        member = None if conversation is None else conversation.member(mark.user_id)
        if conversation is None or member is None:
            return MarkVerdict(outcome=Outcome.NOT_A_MEMBER)
        head = len(conversation.messages)
        seq = head if mark.seq is None else mark.seq
        if seq > head:
            return MarkVerdict(outcome=Outcome.INVALID)
        goes_forward = seq > member.last_read_seq
        moved = goes_forward or member.marked_unread
        if goes_forward:
            member.last_read_seq, member.last_read_at = seq, now
        if moved:
            member.marked_unread = False
            self._rows.touch(conversation, mark.user_id)
        return MarkVerdict(
            outcome=Outcome.STORED,
            moved=moved,
            last_read_seq=member.last_read_seq,
            last_read_at=member.last_read_at,
            unread_count=conversation.unread(member),
            member_count=len(conversation.present()),
        )

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, Head]:
        found = (self._rows.conversations.get(conversation_id) for conversation_id in conversation_ids)
        return {conversation.id: _head(conversation) for conversation in found if conversation is not None}

    async def since(self, conversation_id: str, version: int, limit: int) -> LogSlice | None:
        conversation = self._rows.conversations.get(conversation_id)
        if conversation is None:
            return None
        changed = sorted(
            (message for message in conversation.messages if message.version > version),
            key=lambda message: message.version,
        )
        return LogSlice(
            head=_head(conversation),
            messages=[to_message(self._rows, conversation, row, epoch=self._rows.epoch) for row in changed[:limit]],
            more=len(changed) > limit,
        )

    async def message(self, conversation_id: str, message_id: str, visible_from_seq: int) -> Message | None:
        conversation = self._rows.conversations.get(conversation_id)
        row = None if conversation is None else conversation.message(message_id)
        if conversation is None or row is None or row.seq < visible_from_seq:
            return None
        return to_message(self._rows, conversation, row, visible_from_seq=visible_from_seq)

    async def page(self, conversation_id: str, window: PageWindow, visible_from_seq: int) -> list[Message]:
        conversation = self._rows.conversations.get(conversation_id)
        if conversation is None:
            return []
        visible = [message for message in conversation.messages if message.seq >= visible_from_seq]
        return [
            to_message(self._rows, conversation, row, visible_from_seq=visible_from_seq)
            for row in _windowed(visible, window)
        ]


def _head(conversation: ConversationRow) -> Head:
    return Head(len(conversation.messages), conversation.version, len(conversation.present()))


def _windowed(visible: list[MessageRow], window: PageWindow) -> list[MessageRow]:
    around = window.around
    if window.at is not None and visible:
        around = next((message.seq for message in visible if message.created_at >= window.at), visible[-1].seq)
    if around is not None:
        older = [message for message in visible if message.seq < around]
        newer = [message for message in visible if message.seq >= around]
        half = window.limit // 2
        return older[len(older) - min(half, len(older)) :] + newer[: window.limit - half]
    if window.after is not None:
        return [message for message in visible if message.seq > window.after][: window.limit]
    older = [message for message in visible if window.before is None or message.seq < window.before]
    return older[-window.limit :]
