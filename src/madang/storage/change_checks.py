"""What every change of a conversation is asked first: was it made before, who asks, and for what.

Owns the retry's key and the reads in front of a decision. Must never write.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET
from sqlalchemy import Connection, select

from madang.domain.membership import Role
from madang.domain.message import body_hash
from madang.ports.log import (
    AddMembers,
    ChangeRole,
    CreateConversation,
    EndConversation,
    MessageChange,
    Outcome,
    RemoveMember,
    UpdateConversation,
    Verdict,
)
from madang.storage.accounts import enabled
from madang.storage.change_rows import OpenConversation
from madang.storage.column_types import among
from madang.storage.tables import members, messages, users
from madang.storage.terms import BatchTerms

__all__ = [
    "Actor",
    "ConversationChange",
    "earlier",
    "enabled_names",
    "hash_of",
    "name_of",
    "place",
    "refused",
    "stored",
]

ConversationChange = CreateConversation | AddMembers | RemoveMember | UpdateConversation | ChangeRole | EndConversation
"""The changes that add an entry to the log: they have an id of their own, so a retry is known by it."""


class Actor(msgspec.Struct, frozen=True):
    """Who asks for a change, as they are in the conversation now."""

    role: Role
    visible_from_seq: int


def refused(outcome: Outcome, change: ConversationChange | MessageChange, reason: str = "") -> Verdict:
    """Nothing happens."""
    return Verdict(outcome=outcome, conversation_id=change.conversation_id, reason=reason)


def stored(conversation: OpenConversation) -> Verdict:
    """What has come together is done."""
    return Verdict(outcome=Outcome.STORED, conversation_id=conversation.id, commits=tuple(conversation.commits))


def hash_of(change: ConversationChange) -> bytes:
    """What a retry of the same change shares with it, and nothing else does."""
    body: tuple[object, ...]
    match change:
        case CreateConversation():
            body = ("created", change.actor_id, change.type, sorted(change.member_ids), change.name)
            if change.key is not None or change.custom:
                body += (change.key, change.custom)
        case AddMembers():
            body = ("added", change.actor_id, sorted(change.user_ids))
        case RemoveMember():
            body = ("removed", change.actor_id, change.user_id)
        case UpdateConversation():
            named = {"name": change.name, "avatar_url": change.avatar_url, "custom": change.custom}
            body = ("updated", change.actor_id, {key: value for key, value in named.items() if value is not UNSET})
        case ChangeRole():
            body = ("role", change.actor_id, change.user_id, change.role)
        case EndConversation():
            body = ("ended", change.actor_id)
    text = msgspec.json.encode(body, order="deterministic").decode()
    return body_hash(kind="system", content=text, reply_to_id=None, attachments=(), mentions=(), silent=False)


def earlier(conn: Connection, change: ConversationChange) -> Verdict | None:
    """DUPLICATE or CONFLICT if the entry's id is taken."""
    known = conn.scalar(
        select(messages.c.body_hash).where(
            messages.c.conversation_id == change.conversation_id, messages.c.id == change.entry_id
        )
    )
    if known is None:
        return None
    return refused(Outcome.DUPLICATE if known == hash_of(change) else Outcome.CONFLICT, change)


def place(
    conn: Connection, change: ConversationChange | MessageChange, terms: BatchTerms
) -> tuple[OpenConversation | None, Actor | None]:
    """The conversation, locked, and the actor in it."""
    conversation = OpenConversation.lock(conn, terms, change.conversation_id)
    row = conn.execute(
        select(members.c.role, members.c.visible_from_seq).where(
            members.c.conversation_id == change.conversation_id,
            members.c.user_id == change.actor_id,
            members.c.left_at.is_(None),
        )
    ).first()
    return conversation, None if row is None else Actor(row[0], row[1])


def enabled_names(conn: Connection, user_ids: Sequence[str]) -> dict[str, str]:
    """The names of those who may be added."""
    statement = select(users.c.id, users.c.name).where(among(users.c.id, user_ids), enabled())
    return {row[0]: row[1] for row in conn.execute(statement)}


def name_of(conn: Connection, user_id: str) -> str:
    """What somebody is called now."""
    return conn.scalar(select(users.c.name).where(users.c.id == user_id)) or ""
