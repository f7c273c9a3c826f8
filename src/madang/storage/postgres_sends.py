"""Plain sends on PostgreSQL: a whole batch in one call of a function, which commits by itself.

Owns what goes into `madang_append_sends` and what its rows mean. The function numbers; nothing here does.

Invariants:
1. The entries of one call are unrelated: an id again, or a reply to a message of the same batch, belongs into a later call, see
   `postgres_log`. So each can be judged without the others, and all at once.
2. Only what is stored takes a number. The duplicate check precedes the membership check, which sees the members under the
   lock of the conversation, not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from madang.clock import to_iso
from madang.contract.shapes import Message, Quote, Sender
from madang.domain.message import MessageType
from madang.ports.log import Commit, NewMessage, Outcome, Verdict
from madang.storage.messages import quote
from madang.storage.terms import BatchTerms

__all__ = ["APPEND_SENDS", "arguments", "verdicts"]

APPEND_SENDS: Final = (
    "SELECT * FROM madang_append_sends($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bytea[], $6::text[], $7::bigint,"
    " $8::boolean)"
)
_REFUSALS: Final = {
    "busy": Outcome.BUSY,
    "duplicate": Outcome.DUPLICATE,
    "conflict": Outcome.CONFLICT,
    "not_a_member": Outcome.NOT_A_MEMBER,
    "invalid": Outcome.INVALID,
}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[int, str | None, str, MessageType, bool]).decode


def arguments(entries: Sequence[NewMessage], now: int, *, wait: bool) -> tuple[object, ...]:
    """What the function takes: an array per field."""
    return (
        [entry.conversation_id for entry in entries],
        [entry.id for entry in entries],
        [entry.sender_id for entry in entries],
        [entry.content for entry in entries],
        [entry.body_hash for entry in entries],
        [_rest(entry) for entry in entries],
        now,
        wait,
    )


def _rest(entry: NewMessage) -> str | None:
    """What few messages have, as an object of JSON; a flag is there if it is set."""
    rest: dict[str, object] = {}
    if entry.type != "text":
        rest["type"] = entry.type
    if entry.mentions:
        rest["mentions"] = entry.mentions
    if entry.reply_to_id is not None:
        rest["replyToId"] = entry.reply_to_id
    if entry.attachments:
        rest["attachments"] = entry.attachments
    if entry.silent:
        rest["silent"] = True
    if entry.keep_unread:
        rest["keepUnread"] = True
    return _encode(rest).decode() if rest else None


def verdicts(entries: Sequence[NewMessage], rows: Sequence[Sequence[Any]], terms: BatchTerms) -> list[Verdict]:
    """What became of each. A DUPLICATE comes without its message."""
    return [
        _stored(entry, row, terms) if row[0] == "stored" else _refused(entry, _REFUSALS[row[0]])
        for entry, row in zip(entries, rows, strict=True)
    ]


def _refused(entry: NewMessage, outcome: Outcome) -> Verdict:
    reason = "replyToId: no message of this conversation" if outcome is Outcome.INVALID else ""
    return Verdict(outcome=outcome, conversation_id=entry.conversation_id, reason=reason)


def _stored(entry: NewMessage, row: Sequence[Any], terms: BatchTerms) -> Verdict:
    _, seq, version, created_at, name, avatar_url, quoted = row
    message = Message(
        id=entry.id,
        conversation_id=entry.conversation_id,
        seq=seq,
        version=version,
        sender_id=entry.sender_id,
        sender=Sender(id=entry.sender_id, name=name, avatar_url=avatar_url),
        type=entry.type,
        content=entry.content,
        created_at=to_iso(created_at),
        epoch=terms.epoch,
        mentions=entry.mentions,
        reply_to_id=entry.reply_to_id,
        reply_to=UNSET if entry.reply_to_id is None else _quote(entry.reply_to_id, quoted),
        attachments=entry.attachments,
        silent=True if entry.silent else UNSET,
        keep_unread=True if entry.keep_unread else UNSET,
    )
    commit = Commit(conversation_id=entry.conversation_id, event="message:new", message=message)
    return Verdict(outcome=Outcome.STORED, conversation_id=entry.conversation_id, message=message, commits=(commit,))


def _quote(message_id: str, quoted: str) -> Quote:
    seq, sender_id, content, kind, shown = _decode(quoted)
    return quote(message_id, seq, sender_id, content, kind, shown=shown)
