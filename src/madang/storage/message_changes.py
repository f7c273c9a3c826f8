"""Changes of a message: edited, deleted, reacted to. Each is a new version of the log about a message that is in it.

Owns what they write: the row, what it said before, who reacted, and the small sum of reactions that readers are given with
the message. Runs inside the transaction of a batch, one change at a time.

Invariants:
1. A change that changes nothing writes nothing and takes no version.
2. Cost: by the keys of the one message, whatever the number of messages, edits and reactions; only taking back one of
   the first reactions reads the next ones.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, convert, to_builtins
from msgspec.structs import replace
from sqlalchemy import Connection, delete, insert, select

from madang.contract.limits import LIMITS
from madang.contract.server_events import ReactionChanged
from madang.contract.shapes import Message, Reaction
from madang.domain.membership import Action, may
from madang.ports.log import Commit, DeleteMessage, EditMessage, MessageChange, Outcome, React, Verdict
from madang.storage.change_checks import Actor, place, refused
from madang.storage.change_rows import OpenConversation
from madang.storage.messages import shown_to, stored_messages
from madang.storage.tables import message_edits, messages, reactions
from madang.storage.terms import BatchTerms

__all__ = ["append_message_change"]

REACTORS: Final = 20
"""Ids of people that stand beside an emoji in a message."""


_ACTION: Final[dict[type, Action]] = {
    EditMessage: Action.EDIT_OWN,
    DeleteMessage: Action.DELETE_OWN,
    React: Action.REACT,
}


class _Target(Struct, frozen=True):
    """The message to be changed."""

    seq: int
    sender_id: str | None
    type: str
    content: str
    has_attachments: bool
    reactions: list[Reaction]
    created_at: int
    edited_at: int | None
    deleted_at: int | None


class _Refusal(Struct, frozen=True):
    """Why not."""

    outcome: Outcome
    reason: str = ""


def append_message_change(conn: Connection, change: MessageChange, terms: BatchTerms) -> Verdict:
    """Decide one change and make it."""
    conversation, actor = place(conn, change, terms)
    if conversation is None or actor is None:
        return refused(Outcome.NOT_A_MEMBER, change)
    target = _target(conn, change)
    if target is None or target.seq < actor.visible_from_seq:
        return refused(Outcome.NOT_FOUND, change)
    if not may(actor.role, _ACTION[type(change)], conversation.kind):
        return refused(Outcome.FORBIDDEN, change)
    refusal: _Refusal | None
    match change:
        case EditMessage():
            refusal = _edit(conn, conversation, change, target)
        case DeleteMessage():
            refusal = _delete(conn, conversation, change, actor, target)
        case React():
            refusal = _react(conn, conversation, change, target)
    if refusal is not None:
        return refused(refusal.outcome, change, refusal.reason)
    if conversation.commits:
        conversation.finish()
    return Verdict(
        outcome=Outcome.STORED,
        conversation_id=conversation.id,
        message=shown_to(_present(conn, conversation.commits, change, terms), actor.visible_from_seq),
        commits=tuple(conversation.commits),
    )


def _present(conn: Connection, commits: list[Commit], change: MessageChange, terms: BatchTerms) -> Message:
    if commits:
        return commits[-1].message
    return stored_messages(conn, change.conversation_id, [change.message_id], terms.epoch)[change.message_id]


def _target(conn: Connection, change: MessageChange) -> _Target | None:
    c = messages.c
    row = conn.execute(
        select(
            c.seq, c.sender_id, c.type, c.content, c.attachments, c.reactions, c.created_at, c.edited_at, c.deleted_at
        ).where(c.conversation_id == change.conversation_id, c.id == change.message_id)
    ).first()  # fmt: skip  # the fields of _Target, in order
    if row is None:
        return None
    seq, sender_id, kind, content, attachments, summed, *times = row
    return _Target(seq, sender_id, kind, content, bool(attachments), convert(summed or [], list[Reaction]), *times)


def _edit(conn: Connection, conversation: OpenConversation, change: EditMessage, target: _Target) -> _Refusal | None:
    if target.type == "system":
        return _Refusal(Outcome.FORBIDDEN, "system messages cannot be edited")
    if target.sender_id != change.actor_id:
        return _Refusal(Outcome.FORBIDDEN, "only its sender may edit a message")
    if target.deleted_at is not None:
        return _Refusal(Outcome.CONFLICT, "the message is deleted")
    if target.content == change.content:
        return None
    if target.created_at < change.made_since:
        return _Refusal(Outcome.FORBIDDEN, "the message is too old to be edited")
    if not change.content.strip() and not target.has_attachments:
        return _Refusal(Outcome.INVALID, "content: must not be empty without attachments")
    written_at = target.created_at if target.edited_at is None else target.edited_at
    before = {
        "conversation_id": conversation.id,
        "message_id": change.message_id,
        "version": conversation.version + 1,
        "content": target.content,
        "written_at": written_at,
    }
    conn.execute(insert(message_edits), [before])
    conversation.restate(
        change.message_id, "message:updated", content=change.content, edited_at=max(conversation.terms.now, written_at)
    )
    return None


def _delete(
    conn: Connection, conversation: OpenConversation, change: DeleteMessage, actor: Actor, target: _Target
) -> _Refusal | None:
    if target.type == "system":
        return _Refusal(Outcome.FORBIDDEN, "system messages cannot be deleted")
    if not may(actor.role, Action.DELETE_ANY, conversation.kind):
        if target.sender_id != change.actor_id:
            return _Refusal(Outcome.FORBIDDEN, "your role does not allow deleting messages of others here")
        if target.deleted_at is None and target.created_at < change.made_since:
            return _Refusal(Outcome.FORBIDDEN, "the message is too old to be deleted")
    if target.deleted_at is not None:
        return None
    for table in (message_edits, reactions):
        here = (table.c.conversation_id == conversation.id, table.c.message_id == change.message_id)
        conn.execute(delete(table).where(*here))
    conversation.restate(
        change.message_id,
        "message:deleted",
        content="",
        mentions=None,
        attachments=None,
        reactions=None,
        deleted_at=max(conversation.terms.now, target.created_at),
    )
    return None


def _react(conn: Connection, conversation: OpenConversation, change: React, target: _Target) -> _Refusal | None:
    if target.type == "system":
        return _Refusal(Outcome.FORBIDDEN, "system messages take no reactions")
    if target.deleted_at is not None:
        return None if change.remove else _Refusal(Outcome.CONFLICT, "the message is deleted")
    r = reactions.c
    mine = (
        r.conversation_id == conversation.id,
        r.message_id == change.message_id,
        r.emoji == change.emoji,
        r.user_id == change.actor_id,
    )
    is_there = conn.scalar(select(r.version).where(*mine)) is not None
    if is_there is not change.remove:
        return None
    if change.remove:
        conn.execute(delete(reactions).where(*mine))
        summed = [_without(conn, reaction, change) for reaction in target.reactions]
    else:
        if _is_new(change.emoji, target.reactions) and len(target.reactions) >= LIMITS.emojis:
            return _Refusal(Outcome.TOO_LARGE, f"at most {LIMITS.emojis} different emojis on one message")
        conn.execute(insert(reactions), [_row(conversation, change)])
        summed = _with(target.reactions, change)
    remaining = [reaction for reaction in summed if reaction.count]
    count = next((reaction.count for reaction in remaining if reaction.emoji == change.emoji), 0)
    told = ReactionChanged(
        conversation_id=conversation.id,
        message_id=change.message_id,
        seq=target.seq,
        version=conversation.version + 1,
        epoch=conversation.terms.epoch,
        user_id=change.actor_id,
        emoji=change.emoji,
        removed=change.remove,
        count=count,
    )
    conversation.restate(change.message_id, "message:reaction", told, reactions=to_builtins(remaining) or None)
    return None


def _row(conversation: OpenConversation, change: React) -> dict[str, Any]:
    return {
        "conversation_id": conversation.id,
        "message_id": change.message_id,
        "emoji": change.emoji,
        "user_id": change.actor_id,
        "version": conversation.version + 1,
        "created_at": conversation.terms.now,
    }


def _is_new(emoji: str, present: list[Reaction]) -> bool:
    return all(reaction.emoji != emoji for reaction in present)


def _with(present: list[Reaction], change: React) -> list[Reaction]:
    """One more; an emoji that is new comes last."""
    if _is_new(change.emoji, present):
        return [*present, Reaction(emoji=change.emoji, count=1, user_ids=[change.actor_id])]
    return [
        replace(reaction, count=reaction.count + 1, user_ids=[*reaction.user_ids, change.actor_id][:REACTORS])
        if reaction.emoji == change.emoji
        else reaction
        for reaction in present
    ]


def _without(conn: Connection, reaction: Reaction, change: React) -> Reaction:
    """One less, after its row has gone."""
    if reaction.emoji != change.emoji:
        return reaction
    first = reaction.user_ids
    if change.actor_id in first:
        r = reactions.c
        statement = (
            select(r.user_id)
            .where(r.conversation_id == change.conversation_id, r.message_id == change.message_id)
            .where(r.emoji == change.emoji)
            .order_by(r.version)
            .limit(REACTORS)
        )
        first = list(conn.scalars(statement))
    return replace(reaction, count=reaction.count - 1, user_ids=first)
