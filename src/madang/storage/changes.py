"""Changes of membership: conversations made, people added, people gone; each a system message of the log.

Owns who may and what it says, and which function decides which change. Runs inside the transaction of a batch, one change
at a time. Rare beside plain sends, so these are readable statements rather than few.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET
from sqlalchemy import Connection, select

from madang.contract.shapes import SystemEvent
from madang.domain.membership import Action, may, next_owner
from madang.domain.system_text import system_text
from madang.ids import derived_id
from madang.ports.log import (
    AddMembers,
    ChangeRole,
    CreateConversation,
    DeleteMessage,
    EditMessage,
    EndConversation,
    MessageChange,
    Outcome,
    React,
    RemoveMember,
    UpdateConversation,
    Verdict,
)
from madang.storage.change_checks import (
    ConversationChange,
    earlier,
    enabled_names,
    hash_of,
    name_of,
    place,
    refused,
    stored,
)
from madang.storage.change_rows import OpenConversation
from madang.storage.conversation_changes import change_role, end, update
from madang.storage.message_changes import append_message_change
from madang.storage.tables import conversations
from madang.storage.terms import BatchTerms

__all__ = ["Change", "append_change"]

Change = ConversationChange | MessageChange


def append_change(conn: Connection, change: Change, terms: BatchTerms) -> Verdict:
    """Decide one change and make it."""
    match change:
        case EditMessage() | DeleteMessage() | React():
            return append_message_change(conn, change, terms)
        case CreateConversation():
            return _create(conn, change, terms)
        case AddMembers():
            return _add(conn, change, terms)
        case RemoveMember():
            return _remove(conn, change, terms)
        case UpdateConversation():
            return update(conn, change, terms)
        case ChangeRole():
            return change_role(conn, change, terms)
        case EndConversation():
            return end(conn, change, terms)


def _unknown(user_ids: Sequence[str], names: dict[str, str]) -> str | None:
    unknown = [user_id for user_id in user_ids if user_id not in names]
    return f"no such user: {', '.join(unknown)}" if unknown else None


def _create(conn: Connection, change: CreateConversation, terms: BatchTerms) -> Verdict:
    if change.unique_key is not None:
        first = conn.scalar(select(conversations.c.id).where(conversations.c.unique_key == change.unique_key))
        if first is not None:
            return Verdict(outcome=Outcome.DUPLICATE, conversation_id=first)
    if conn.scalar(select(conversations.c.id).where(conversations.c.id == change.conversation_id)) is not None:
        return earlier(conn, change) or refused(Outcome.CONFLICT, change)
    names = enabled_names(conn, change.member_ids)
    if (unknown := _unknown(change.member_ids, names)) is not None:
        return refused(Outcome.INVALID, change, unknown)
    if len(change.member_ids) > terms.max_members:
        return refused(Outcome.TOO_LARGE, change, f"at most {terms.max_members} members")
    conversation = OpenConversation.create(conn, terms, change)
    others = [user_id for user_id in change.member_ids if user_id != change.actor_id]
    title = UNSET if change.name is None else change.name
    conversation.say(
        change.entry_id,
        hash_of(change),
        SystemEvent(kind="created", actor_id=change.actor_id, user_ids=others, name=title),
        system_text("created", names[change.actor_id], [names[user] for user in others], name=change.name),
        added=change.member_ids,
    )
    conversation.join(change.member_ids, owner=change.actor_id if change.type == "group" else None)
    conversation.finish()
    return stored(conversation)


def _add(conn: Connection, change: AddMembers, terms: BatchTerms) -> Verdict:
    if (before := earlier(conn, change)) is not None:
        return before
    conversation, actor = place(conn, change, terms)
    if conversation is None or actor is None:
        return refused(Outcome.NOT_A_MEMBER, change)
    if not may(actor.role, Action.ADD_MEMBERS, conversation.kind):
        return refused(Outcome.FORBIDDEN, change, "your role does not allow adding members here")
    rows = conversation.member_rows(change.user_ids)
    past = [user_id for user_id, row in rows.items() if row.left_at is not None]
    newcomers = [user for user in dict.fromkeys(change.user_ids) if user not in rows or user in past]
    names = enabled_names(conn, newcomers)
    if (unknown := _unknown(newcomers, names)) is not None:
        return refused(Outcome.INVALID, change, unknown)
    if not newcomers:
        return stored(conversation)
    if conversation.member_count + len(newcomers) > terms.max_members:
        return refused(Outcome.TOO_LARGE, change, f"at most {terms.max_members} members")
    conversation.say(
        change.entry_id,
        hash_of(change),
        SystemEvent(kind="members_added", actor_id=change.actor_id, user_ids=newcomers),
        system_text("members_added", name_of(conn, change.actor_id), [names[user] for user in newcomers]),
        added=newcomers,
    )
    conversation.join(newcomers, returning=past)
    conversation.finish()
    return stored(conversation)


def _remove(conn: Connection, change: RemoveMember, terms: BatchTerms) -> Verdict:
    if (before := earlier(conn, change)) is not None:
        return before
    conversation, actor = place(conn, change, terms)
    if conversation is None or actor is None:
        return refused(Outcome.NOT_A_MEMBER, change)
    leaves = change.actor_id == change.user_id
    action = Action.LEAVE if leaves else Action.REMOVE_MEMBER
    if not may(actor.role, action, conversation.kind):
        return refused(Outcome.FORBIDDEN, change, "your role does not allow this here")
    target = conversation.member_rows([change.user_id]).get(change.user_id)
    if target is None or target.left_at is not None:
        return stored(conversation)
    if not leaves and not may(actor.role, action, conversation.kind, target=target.role):
        return refused(Outcome.FORBIDDEN, change, "only people of a lower role can be removed")
    system = SystemEvent(
        kind="member_left" if leaves else "member_removed", actor_id=change.actor_id, user_ids=[change.user_id]
    )
    conversation.say(
        change.entry_id,
        hash_of(change),
        system,
        system_text(system.kind, name_of(conn, change.actor_id), [name_of(conn, change.user_id)]),
        removed=[change.user_id],
        removed_reason="left" if leaves else "removed",
    )
    conversation.leave(change.user_id)
    if target.role == "owner":
        _pass_ownership_on(conn, conversation, change)
    conversation.finish()
    return stored(conversation)


def _pass_ownership_on(conn: Connection, conversation: OpenConversation, change: RemoveMember) -> None:
    """The second commit when the last owner has left; nobody did it, so it has no actor."""
    heir = next_owner(conversation.seniors())
    if heir is None:
        return
    conversation.promote(heir, "owner")
    conversation.say(
        derived_id(conversation.id, f"{change.entry_id} role_changed"),
        hash_of(change),
        SystemEvent(kind="role_changed", actor_id=None, user_ids=[heir], role="owner"),
        system_text("role_changed", None, [name_of(conn, heir)]),
    )
