"""Changes of membership: conversations made, people added, people gone; each a system message of the log.

Owns who may and what it says. Runs inside the transaction of a batch, one change at a time. Rare beside plain sends, so
these are readable statements rather than few.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET
from sqlalchemy import Connection, select

from madang.contract.shapes import SystemEvent
from madang.domain.membership import Action, Role, may, next_owner
from madang.domain.message import body_hash
from madang.domain.system_text import system_text
from madang.ids import derived_id
from madang.ports.log import AddMembers, CreateConversation, Outcome, RemoveMember, Verdict
from madang.storage.accounts import enabled
from madang.storage.change_rows import OpenConversation
from madang.storage.column_types import among
from madang.storage.tables import conversations, members, messages, users
from madang.storage.terms import BatchTerms

__all__ = ["Change", "append_change"]

Change = CreateConversation | AddMembers | RemoveMember


def append_change(conn: Connection, change: Change, terms: BatchTerms) -> Verdict:
    """Decide one change and make it."""
    match change:
        case CreateConversation():
            return _create(conn, change, terms)
        case AddMembers():
            return _add(conn, change, terms)
        case RemoveMember():
            return _remove(conn, change, terms)


def _refused(outcome: Outcome, change: Change, reason: str = "") -> Verdict:
    return Verdict(outcome=outcome, conversation_id=change.conversation_id, reason=reason)


def _stored(conversation: OpenConversation) -> Verdict:
    return Verdict(outcome=Outcome.STORED, conversation_id=conversation.id, commits=tuple(conversation.commits))


def _hash(change: Change) -> bytes:
    """What a retry of the same change shares with it, and nothing else does."""
    body: tuple[object, ...]
    match change:
        case CreateConversation():
            body = ("created", change.actor_id, change.type, sorted(change.member_ids), change.name)
        case AddMembers():
            body = ("added", change.actor_id, sorted(change.user_ids))
        case RemoveMember():
            body = ("removed", change.actor_id, change.user_id)
    text = msgspec.json.encode(body).decode()
    return body_hash(kind="system", content=text, reply_to_id=None, attachments=(), mentions=(), silent=False)


def _earlier(conn: Connection, change: Change) -> Verdict | None:
    """DUPLICATE or CONFLICT if the entry's id is taken."""
    known = conn.scalar(
        select(messages.c.body_hash).where(
            messages.c.conversation_id == change.conversation_id, messages.c.id == change.entry_id
        )
    )
    if known is None:
        return None
    return _refused(Outcome.DUPLICATE if known == _hash(change) else Outcome.CONFLICT, change)


def _enabled_names(conn: Connection, user_ids: Sequence[str]) -> dict[str, str]:
    """The names of those who may be added."""
    statement = select(users.c.id, users.c.name).where(among(users.c.id, user_ids), enabled())
    return {row[0]: row[1] for row in conn.execute(statement)}


def _name(conn: Connection, user_id: str) -> str:
    return conn.scalar(select(users.c.name).where(users.c.id == user_id)) or ""


def _unknown(user_ids: Sequence[str], names: dict[str, str]) -> str | None:
    unknown = [user_id for user_id in user_ids if user_id not in names]
    return f"no such user: {', '.join(unknown)}" if unknown else None


def _create(conn: Connection, change: CreateConversation, terms: BatchTerms) -> Verdict:
    if change.unique_key is not None:
        first = conn.scalar(select(conversations.c.id).where(conversations.c.unique_key == change.unique_key))
        if first is not None:
            return Verdict(outcome=Outcome.DUPLICATE, conversation_id=first)
    if conn.scalar(select(conversations.c.id).where(conversations.c.id == change.conversation_id)) is not None:
        return _earlier(conn, change) or _refused(Outcome.CONFLICT, change)
    names = _enabled_names(conn, change.member_ids)
    if (unknown := _unknown(change.member_ids, names)) is not None:
        return _refused(Outcome.INVALID, change, unknown)
    if len(change.member_ids) > terms.max_members:
        return _refused(Outcome.TOO_LARGE, change, f"at most {terms.max_members} members")
    conversation = OpenConversation.create(conn, terms, change)
    others = [user_id for user_id in change.member_ids if user_id != change.actor_id]
    title = UNSET if change.name is None else change.name
    conversation.say(
        change.entry_id,
        _hash(change),
        SystemEvent(kind="created", actor_id=change.actor_id, user_ids=others, name=title),
        system_text("created", names[change.actor_id], [names[user] for user in others], name=change.name),
        added=change.member_ids,
    )
    conversation.join(change.member_ids, owner=change.actor_id if change.type == "group" else None)
    conversation.finish()
    return _stored(conversation)


def _add(conn: Connection, change: AddMembers, terms: BatchTerms) -> Verdict:
    if (earlier := _earlier(conn, change)) is not None:
        return earlier
    conversation, role = _place(conn, change, terms)
    if conversation is None or role is None:
        return _refused(Outcome.NOT_A_MEMBER, change)
    if not may(role, Action.ADD_MEMBERS, conversation.kind):
        return _refused(Outcome.FORBIDDEN, change, "your role does not allow adding members here")
    rows = conversation.member_rows(change.user_ids)
    past = [user_id for user_id, row in rows.items() if row.left_at is not None]
    newcomers = [user for user in dict.fromkeys(change.user_ids) if user not in rows or user in past]
    names = _enabled_names(conn, newcomers)
    if (unknown := _unknown(newcomers, names)) is not None:
        return _refused(Outcome.INVALID, change, unknown)
    if not newcomers:
        return _stored(conversation)
    if conversation.member_count + len(newcomers) > terms.max_members:
        return _refused(Outcome.TOO_LARGE, change, f"at most {terms.max_members} members")
    conversation.say(
        change.entry_id,
        _hash(change),
        SystemEvent(kind="members_added", actor_id=change.actor_id, user_ids=newcomers),
        system_text("members_added", _name(conn, change.actor_id), [names[user] for user in newcomers]),
        added=newcomers,
    )
    conversation.join(newcomers, returning=past)
    conversation.finish()
    return _stored(conversation)


def _remove(conn: Connection, change: RemoveMember, terms: BatchTerms) -> Verdict:
    if (earlier := _earlier(conn, change)) is not None:
        return earlier
    conversation, role = _place(conn, change, terms)
    if conversation is None or role is None:
        return _refused(Outcome.NOT_A_MEMBER, change)
    leaves = change.actor_id == change.user_id
    action = Action.LEAVE if leaves else Action.REMOVE_MEMBER
    if not may(role, action, conversation.kind):
        return _refused(Outcome.FORBIDDEN, change, "your role does not allow this here")
    target = conversation.member_rows([change.user_id]).get(change.user_id)
    if target is None or target.left_at is not None:
        return _stored(conversation)
    if not leaves and not may(role, action, conversation.kind, target=target.role):
        return _refused(Outcome.FORBIDDEN, change, "only people of a lower role can be removed")
    system = SystemEvent(
        kind="member_left" if leaves else "member_removed", actor_id=change.actor_id, user_ids=[change.user_id]
    )
    conversation.say(
        change.entry_id,
        _hash(change),
        system,
        system_text(system.kind, _name(conn, change.actor_id), [_name(conn, change.user_id)]),
        removed=[change.user_id],
        removed_reason="left" if leaves else "removed",
    )
    conversation.leave(change.user_id)
    if target.role == "owner":
        _pass_ownership_on(conn, conversation, change)
    conversation.finish()
    return _stored(conversation)


def _pass_ownership_on(conn: Connection, conversation: OpenConversation, change: RemoveMember) -> None:
    """The second commit when the last owner has left; nobody did it, so it has no actor."""
    heir = next_owner(conversation.seniors())
    if heir is None:
        return
    conversation.promote(heir, "owner")
    conversation.say(
        derived_id(conversation.id, f"{change.entry_id} role_changed"),
        _hash(change),
        SystemEvent(kind="role_changed", actor_id=None, user_ids=[heir], role="owner"),
        system_text("role_changed", None, [_name(conn, heir)]),
    )


def _place(
    conn: Connection, change: AddMembers | RemoveMember, terms: BatchTerms
) -> tuple[OpenConversation | None, Role | None]:
    """The conversation, locked, and the actor's role in it."""
    conversation = OpenConversation.lock(conn, terms, change.conversation_id)
    role: Role | None = conn.scalar(
        select(members.c.role).where(
            members.c.conversation_id == change.conversation_id,
            members.c.user_id == change.actor_id,
            members.c.left_at.is_(None),
        )
    )
    return conversation, role
