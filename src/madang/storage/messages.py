"""Messages as they are read: pages of history, changes since a version, single ones.

Owns turning rows into `Message`, quotes included. Must never write. A page costs as much in a conversation of ten
messages as in one of ten million: every query walks an index from its bound.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from msgspec import UNSET, UnsetType, convert
from msgspec.structs import replace
from sqlalchemy import Connection, FromClause, Select, and_, select

from madang.clock import to_iso
from madang.contract.shapes import Attachment, Message, Quote, Reaction, Sender, SystemEvent
from madang.domain.message import MessageType, excerpt
from madang.ports.log import Head, LogSlice, NewMessage, PageWindow
from madang.storage.column_types import among, bigint
from madang.storage.tables import conversations, members, messages, users

__all__ = [
    "heads",
    "one",
    "page",
    "quote",
    "select_messages",
    "sent_before",
    "shown_to",
    "since",
    "stored_messages",
    "to_message",
]

_quoted = messages.alias("quoted")

_COLUMNS: Final = (
    messages.c.conversation_id,
    messages.c.id,
    messages.c.seq,
    messages.c.version,
    messages.c.sender_id,
    users.c.name,
    users.c.avatar_url,
    messages.c.type,
    messages.c.content,
    messages.c.mentions,
    messages.c.reply_to_id,
    messages.c.attachments,
    messages.c.reactions,
    messages.c.system,
    messages.c.silent,
    messages.c.keep_unread,
    messages.c.created_at,
    messages.c.edited_at,
    messages.c.deleted_at,
    _quoted.c.seq,
    _quoted.c.sender_id,
    _quoted.c.content,
    _quoted.c.type,
    _quoted.c.deleted_at,
)
_SENDER: Final = users.c.id == messages.c.sender_id
_QUOTED: Final = and_(_quoted.c.conversation_id == messages.c.conversation_id, _quoted.c.id == messages.c.reply_to_id)


def select_messages(source: FromClause) -> Select[Any]:
    """Rows for `to_message`, of the messages in `source`."""
    return select(*_COLUMNS).select_from(source.outerjoin(users, _SENDER).outerjoin(_quoted, _QUOTED))


_SELECT: Final = select_messages(messages)


def quote(quoted_id: str, seq: int, sender_id: str | None, content: str, kind: MessageType, *, shown: bool) -> Quote:
    """The message replied to, blank unless it is `shown`."""
    if not shown:
        return Quote(id=quoted_id, seq=seq, sender_id=None, content="", type="text")
    return Quote(id=quoted_id, seq=seq, sender_id=sender_id, content=excerpt(content), type=kind)


def to_message(row: Sequence[Any], *, epoch: str | UnsetType = UNSET, visible_from_seq: int = 0) -> Message:
    """The first columns of a row, in the order of `_COLUMNS`, for somebody who sees from this seq on."""
    (
        conversation_id, message_id, seq, version, sender_id, name, avatar_url, kind, content, mentions, reply_to_id,
        attachments, reactions, system, silent, keep_unread, created_at, edited_at, deleted_at,
        quoted_seq, quoted_sender, quoted_content, quoted_type, quoted_deleted_at,
    ) = row[:24]  # fmt: skip  # one name per column, in the order of the columns
    reply_to: Quote | UnsetType = UNSET
    if quoted_seq is not None:
        shown = quoted_deleted_at is None and quoted_seq >= visible_from_seq
        reply_to = quote(reply_to_id, quoted_seq, quoted_sender, quoted_content, quoted_type, shown=shown)
    return Message(
        id=message_id,
        conversation_id=conversation_id,
        seq=seq,
        version=version,
        sender_id=sender_id,
        sender=None if sender_id is None else Sender(id=sender_id, name=name, avatar_url=avatar_url),
        type=kind,
        content=content,
        created_at=to_iso(created_at),
        epoch=epoch,
        mentions=mentions or [],
        reply_to_id=reply_to_id,
        reply_to=reply_to,
        attachments=convert(attachments, list[Attachment]) if attachments else [],
        reactions=convert(reactions, list[Reaction]) if reactions else [],
        system=convert(system, SystemEvent) if system else UNSET,
        silent=True if silent else UNSET,
        keep_unread=True if keep_unread else UNSET,
        edited_at=None if edited_at is None else to_iso(edited_at),
        deleted_at=None if deleted_at is None else to_iso(deleted_at),
    )


def stored_messages(conn: Connection, conversation_id: str, ids: Sequence[str], epoch: str) -> dict[str, Message]:
    """Messages as they are now, by id."""
    statement = _SELECT.where(messages.c.conversation_id == conversation_id, among(messages.c.id, ids))
    return {row[1]: to_message(row, epoch=epoch) for row in conn.execute(statement)}


def one(conn: Connection, conversation_id: str, message_id: str, visible_from_seq: int) -> Message | None:
    """One message, for somebody who sees from this seq on."""
    here = (messages.c.conversation_id == conversation_id, messages.c.id == message_id)
    row = conn.execute(_SELECT.where(*here, messages.c.seq >= visible_from_seq)).first()
    return None if row is None else to_message(row, visible_from_seq=visible_from_seq)


def sent_before(
    conn: Connection, entries: Sequence[NewMessage], epoch: str
) -> dict[tuple[str, str], tuple[Message, Message]]:
    """What these sends stored before, by conversation and id: as it is now, and what of that its sender sees now."""
    wanted: defaultdict[str, list[NewMessage]] = defaultdict(list)
    for entry in entries:
        wanted[entry.conversation_id].append(entry)
    found: dict[tuple[str, str], tuple[Message, Message]] = {}
    for conversation_id, sends in wanted.items():
        senders = {entry.sender_id for entry in sends}
        rows = conn.execute(
            select(members.c.user_id, members.c.visible_from_seq).where(
                members.c.conversation_id == conversation_id,
                among(members.c.user_id, senders),
                members.c.left_at.is_(None),
            )
        )
        visible_from = {row[0]: row[1] for row in rows}
        now = stored_messages(conn, conversation_id, [entry.id for entry in sends], epoch)
        for entry in sends:
            message = now[entry.id]
            found[conversation_id, entry.id] = message, shown_to(message, visible_from.get(entry.sender_id))
    return found


def shown_to(message: Message, visible_from_seq: int | None) -> Message:
    """The same message for somebody who sees from this seq on, or (None) is no member: the quote of a hidden one is blank.
    Of their own message, when it is hidden itself, they see what they wrote and nothing that others made of it.
    """
    first = message.seq + 1 if visible_from_seq is None else visible_from_seq
    if message.seq < first and message.reactions:
        message = replace(message, reactions=[])
    quoted = message.reply_to
    if quoted is UNSET or quoted.seq >= first:
        return message
    return replace(message, reply_to=quote(quoted.id, quoted.seq, None, "", "text", shown=False))


def heads(conn: Connection, conversation_ids: Sequence[str]) -> dict[str, Head]:
    """Heads of those that exist."""
    c = conversations.c
    statement = select(c.id, c.last_seq, c.version, c.member_count).where(among(c.id, conversation_ids))
    return {row[0]: Head(*row[1:]) for row in conn.execute(statement)}


def since(conn: Connection, conversation_id: str, version: int, limit: int, epoch: str) -> LogSlice | None:
    """Messages above a version, by version, with the head."""
    head = heads(conn, [conversation_id]).get(conversation_id)
    if head is None:
        return None
    statement = (
        _SELECT.where(messages.c.conversation_id == conversation_id, messages.c.version > bigint(version))
        .order_by(messages.c.version)
        .limit(limit + 1)
    )
    found = [to_message(row, epoch=epoch) for row in conn.execute(statement)]
    return LogSlice(head=head, messages=found[:limit], more=len(found) > limit)


def page(conn: Connection, conversation_id: str, window: PageWindow, visible_from_seq: int) -> list[Message]:
    """A part of the history, oldest first."""
    limit, around = window.limit, window.around
    here = _SELECT.where(messages.c.conversation_id == conversation_id)
    if window.at is not None:
        around = _seq_at(conn, conversation_id, window.at, visible_from_seq)
    if around is not None:
        older = _older(conn, here, visible_from_seq, around, limit // 2)
        rows = older + _newer(conn, here, max(visible_from_seq, around), limit - limit // 2)
    elif window.after is not None:
        rows = _newer(conn, here, max(visible_from_seq, window.after + 1), limit)
    else:
        rows = _older(conn, here, visible_from_seq, window.before, limit)
    return [to_message(row, visible_from_seq=visible_from_seq) for row in rows]


def _newer(conn: Connection, here: Select[Any], first: int, limit: int) -> list[Any]:
    """Rows from a seq on, oldest first. Of two lower bounds SQLite would begin at either, so there is but one."""
    seq = messages.c.seq
    return list(conn.execute(here.where(seq >= bigint(first)).order_by(seq).limit(limit)))


def _older(conn: Connection, here: Select[Any], first: int, bound: int | None, limit: int) -> list[Any]:
    """Rows from a seq on and below another, or up to the newest: the last of them, oldest first."""
    seq = messages.c.seq
    here = here.where(seq >= first)
    if bound is not None:
        here = here.where(seq < bigint(bound))
    return list(conn.execute(here.order_by(seq.desc()).limit(limit)))[::-1]


def _seq_at(conn: Connection, conversation_id: str, at: int, visible_from_seq: int) -> int | None:
    """The seq of the first message at or after a time, else of the newest one.

    Times never fall within a conversation, so halving its numbers finds it: in twenty steps among a million.
    """
    here = messages.c.conversation_id == conversation_id
    seen = select(messages.c.seq).where(here, messages.c.seq >= visible_from_seq).order_by(messages.c.seq)
    low: int | None = conn.scalar(seen.limit(1))
    high: int | None = conn.scalar(seen.order_by(None).order_by(messages.c.seq.desc()).limit(1))
    if low is None or high is None:
        return None
    while low < high:
        middle = (low + high) // 2
        written = conn.scalar(select(messages.c.created_at).where(here, messages.c.seq == bigint(middle)))
        low, high = (low, middle) if written is not None and written >= at else (middle + 1, high)
    return low
