"""Changes of a group itself: what it is called, who leads it, that it ends. Each is a system message of the log.

Owns what they write and say; who may is in the domain's table. Runs inside the transaction of a batch.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, select

from madang.contract.shapes import SystemEvent
from madang.domain.membership import Action, Role, may
from madang.domain.system_text import system_text
from madang.ids import derived_id
from madang.ports.log import ChangeRole, EndConversation, Outcome, UpdateConversation, Verdict
from madang.storage.change_checks import earlier, hash_of, name_of, place, refused, stored
from madang.storage.change_rows import OpenConversation
from madang.storage.tables import conversations
from madang.storage.terms import BatchTerms

__all__ = ["change_role", "end", "update"]


def update(conn: Connection, change: UpdateConversation, terms: BatchTerms) -> Verdict:
    """Name, picture, own fields."""
    if (before := earlier(conn, change)) is not None:
        return before
    conversation, actor = place(conn, change, terms)
    if conversation is None or actor is None:
        return refused(Outcome.NOT_A_MEMBER, change)
    if not may(actor.role, Action.UPDATE, conversation.kind):
        return refused(Outcome.FORBIDDEN, change, "your role does not allow changing this conversation")
    new = _what_changes(conn, change)
    if not new:
        return stored(conversation)
    renamed = "name" in new
    system = SystemEvent(kind="renamed" if renamed else "updated", actor_id=change.actor_id, **new)
    sentence = system_text(system.kind, name_of(conn, change.actor_id), (), name=new.get("name"))
    conversation.say(change.entry_id, hash_of(change), system, sentence)
    conversation.set(**(new | {"custom": new["custom"] or None} if "custom" in new else new))
    conversation.finish()
    return stored(conversation)


def _what_changes(conn: Connection, change: UpdateConversation) -> dict[str, Any]:
    c = conversations.c
    row = conn.execute(select(c.name, c.avatar_url, c.custom).where(c.id == change.conversation_id)).one()
    wanted = {"name": change.name, "avatar_url": change.avatar_url, "custom": change.custom}
    present = {"name": row[0], "avatar_url": row[1], "custom": row[2] or {}}
    return {key: value for key, value in wanted.items() if value is not UNSET and value != present[key]}


def change_role(conn: Connection, change: ChangeRole, terms: BatchTerms) -> Verdict:
    """Another role for somebody; a new owner takes the old one's place."""
    if (before := earlier(conn, change)) is not None:
        return before
    conversation, actor = place(conn, change, terms)
    if conversation is None or actor is None:
        return refused(Outcome.NOT_A_MEMBER, change)
    action = Action.TRANSFER if change.role == "owner" else Action.CHANGE_ROLE
    if not may(actor.role, action, conversation.kind):
        return refused(Outcome.FORBIDDEN, change, "your role does not allow changing roles here")
    target = conversation.member_rows([change.user_id]).get(change.user_id)
    if target is None or target.left_at is not None:
        return refused(Outcome.INVALID, change, "userId: no member of this conversation")
    if target.role == change.role:
        return stored(conversation)
    if not may(actor.role, action, conversation.kind, target=target.role):
        return refused(Outcome.FORBIDDEN, change, "only the role of people of a lower one can be changed")
    _give(conn, conversation, change, change.user_id, change.role)
    if change.role == "owner":
        _give(conn, conversation, change, change.actor_id, "admin")
    conversation.finish()
    return stored(conversation)


def _give(conn: Connection, conversation: OpenConversation, change: ChangeRole, user_id: str, role: Role) -> None:
    is_second = user_id != change.user_id
    entry_id = derived_id(conversation.id, f"{change.entry_id} role_changed") if is_second else change.entry_id
    conversation.promote(user_id, role)
    conversation.say(
        entry_id,
        hash_of(change),
        SystemEvent(kind="role_changed", actor_id=change.actor_id, user_ids=[user_id], role=role),
        system_text("role_changed", name_of(conn, change.actor_id), [name_of(conn, user_id)]),
    )


def end(conn: Connection, change: EndConversation, terms: BatchTerms) -> Verdict:
    """The last entry of a group; nobody is a member after it."""
    if (before := earlier(conn, change)) is not None:
        return before
    conversation, actor = place(conn, change, terms)
    if conversation is None or actor is None:
        return refused(Outcome.NOT_A_MEMBER, change)
    if not may(actor.role, Action.END, conversation.kind):
        return refused(Outcome.FORBIDDEN, change, "your role does not allow ending this conversation")
    conversation.say(
        change.entry_id,
        hash_of(change),
        SystemEvent(kind="ended", actor_id=change.actor_id),
        system_text("ended", name_of(conn, change.actor_id), ()),
        removed=conversation.leave_all(),
        removed_reason="ended",
    )
    conversation.set(unique_key=None)
    conversation.finish()
    return stored(conversation)
