"""Plain sends on PostgreSQL: a whole batch in one call of a function, which commits by itself.

Owns what goes into `madang_append_sends` and what its rows mean. The function numbers; nothing here does.

Invariants:
1. Two entries of one call are unrelated, or have the same id: a reply to a message of the same batch belongs into a later
   call, see `postgres_log`. So each can be judged without the others, and all at once.
2. Only what is stored takes a number. The duplicate check precedes the membership check, which sees the members under the
   lock of the conversation, not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from madang.clock import to_iso
from madang.contract.shapes import Message, Quote, Sender
from madang.ports.log import Commit, NewMessage, Outcome, Verdict
from madang.storage.messages import quote
from madang.storage.terms import BatchTerms

__all__ = ["APPEND_SENDS", "arguments", "verdicts"]

APPEND_SENDS: Final = (
    "SELECT * FROM madang_append_sends($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bytea[], $7::text[],"
    " $8::uuid[], $9::text[], $10::boolean[], $11::boolean[], $12::bigint, $13::boolean)"
)
_REFUSALS: Final = {
    "busy": Outcome.BUSY,
    "conflict": Outcome.CONFLICT,
    "not_a_member": Outcome.NOT_A_MEMBER,
    "invalid": Outcome.INVALID,
}
_encode = msgspec.json.Encoder().encode


def arguments(entries: Sequence[NewMessage], now: int, *, wait: bool) -> tuple[object, ...]:
    """What the function takes: an array per field."""
    return (
        [entry.conversation_id for entry in entries],
        [entry.id for entry in entries],
        [entry.sender_id for entry in entries],
        [entry.type for entry in entries],
        [entry.content for entry in entries],
        [entry.body_hash for entry in entries],
        [_json(entry.mentions) for entry in entries],
        [entry.reply_to_id for entry in entries],
        [_json(entry.attachments) for entry in entries],
        [entry.silent for entry in entries],
        [entry.keep_unread for entry in entries],
        now,
        wait,
    )


def _json(value: object) -> str | None:
    return _encode(value).decode() if value else None


def verdicts(entries: Sequence[NewMessage], rows: Sequence[Sequence[Any]], terms: BatchTerms) -> list[Verdict]:
    """What became of each. A DUPLICATE of an earlier call comes without its message."""
    found: list[Verdict] = []
    for entry, row in zip(entries, rows, strict=True):
        match row[0]:
            case "stored":
                found.append(_stored(entry, row, terms))
            case "repeated":
                found.append(_repeated(entry, entries[row[1] - 1], found[row[1] - 1]))
            case "duplicate":
                found.append(Verdict(outcome=Outcome.DUPLICATE, conversation_id=entry.conversation_id))
            case refusal:
                outcome = _REFUSALS[refusal]
                reason = "replyToId: no message of this conversation" if outcome is Outcome.INVALID else ""
                found.append(Verdict(outcome=outcome, conversation_id=entry.conversation_id, reason=reason))
    return found


def _repeated(entry: NewMessage, first: NewMessage, verdict: Verdict) -> Verdict:
    """The second with an id that the same batch has stored."""
    same = (entry.sender_id, entry.body_hash) == (first.sender_id, first.body_hash)
    return Verdict(
        outcome=Outcome.DUPLICATE if same else Outcome.CONFLICT,
        conversation_id=entry.conversation_id,
        message=verdict.message if same else None,
    )


def _stored(entry: NewMessage, row: Sequence[Any], terms: BatchTerms) -> Verdict:
    _, _, seq, version, created_at, name, avatar_url, *quoted = row
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
        reply_to=_quote(entry, quoted),
        attachments=entry.attachments,
        silent=True if entry.silent else UNSET,
        keep_unread=True if entry.keep_unread else UNSET,
    )
    commit = Commit(conversation_id=entry.conversation_id, event="message:new", message=message)
    return Verdict(outcome=Outcome.STORED, conversation_id=entry.conversation_id, message=message, commits=(commit,))


def _quote(entry: NewMessage, quoted: Sequence[Any]) -> Quote | UnsetType:
    if entry.reply_to_id is None:
        return UNSET
    seq, sender, content, kind, deleted_at = quoted
    sender_id = None if sender is None else str(sender)
    return quote(entry.reply_to_id, seq, sender_id, content, kind, shown=deleted_at is None)
