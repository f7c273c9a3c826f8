"""Changes of a conversation in memory, with the same rules and sentences as on a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import UNSET

from madang.clock import to_iso
from madang.contract.server_events import RemovedReason
from madang.contract.shapes import Message, SystemEvent
from madang.domain.membership import Action, Role, may, next_owner
from madang.domain.message import SystemKind
from madang.domain.system_text import system_text
from madang.ids import derived_id
from madang.memory.rows import ConversationRow, MemberRow, MessageRow, Rows
from madang.ports.log import (
    AddMembers,
    ChangeRole,
    Commit,
    CreateConversation,
    EndConversation,
    Outcome,
    RemoveMember,
    UpdateConversation,
    Verdict,
)

__all__ = ["append_change"]

Change = CreateConversation | AddMembers | RemoveMember | UpdateConversation | ChangeRole | EndConversation


def append_change(rows: Rows, change: Change, now: int, max_members: int) -> Verdict:
    """Decide one change and make it."""
    return _Change(rows, change, now, max_members).decide()


def _body(change: Change) -> object:
    """What a retry of the same change shares with it."""
    match change:
        case CreateConversation():
            people = sorted(change.member_ids)
            return "created", change.actor_id, change.type, people, change.name, change.key, change.custom
        case AddMembers():
            return "added", change.actor_id, sorted(change.user_ids)
        case RemoveMember():
            return "removed", change.actor_id, change.user_id
        case UpdateConversation():
            return "updated", change.actor_id, _named(change)
        case ChangeRole():
            return "role", change.actor_id, change.user_id, change.role
        case EndConversation():
            return "ended", change.actor_id


def _named(change: UpdateConversation) -> dict[str, Any]:
    """What a change gives a value."""
    values = {"name": change.name, "avatar_url": change.avatar_url, "custom": change.custom}
    return {key: value for key, value in values.items() if value is not UNSET}


class _Change:
    """One change while it is made."""

    def __init__(self, rows: Rows, change: Change, now: int, max_members: int) -> None:
        self._rows = rows
        self._change: Final = change
        self._now = now
        self._max_members = max_members
        self._commits: list[Commit] = []

    def decide(self) -> Verdict:
        match self._change:
            case CreateConversation() as change:
                return self._create(change)
            case AddMembers() as change:
                return self._add(change)
            case RemoveMember() as change:
                return self._remove(change)
            case UpdateConversation() as change:
                return self._update(change)
            case ChangeRole() as change:
                return self._change_role(change)
            case EndConversation() as change:
                return self._end(change)

    def _verdict(self, outcome: Outcome, reason: str = "") -> Verdict:
        return Verdict(
            outcome=outcome,
            conversation_id=self._change.conversation_id,
            commits=tuple(self._commits),
            reason=reason,
        )

    def _create(self, change: CreateConversation) -> Verdict:
        for conversation in self._rows.conversations.values():
            if change.unique_key is not None and conversation.unique_key == change.unique_key:
                return Verdict(outcome=Outcome.DUPLICATE, conversation_id=conversation.id)
        if change.conversation_id in self._rows.conversations:
            return self._earlier() or self._verdict(Outcome.CONFLICT)
        if (unknown := self._unknown(change.member_ids)) is not None:
            return self._verdict(Outcome.INVALID, unknown)
        if len(change.member_ids) > self._max_members:
            return self._verdict(Outcome.TOO_LARGE, f"at most {self._max_members} members")
        conversation = ConversationRow(change.conversation_id, change.type, change.name, change.unique_key, self._now)
        conversation.key, conversation.custom = change.key, change.custom
        self._rows.conversations[conversation.id] = conversation
        others = [user_id for user_id in change.member_ids if user_id != change.actor_id]
        title = UNSET if change.name is None else change.name
        self._say(
            conversation,
            change.entry_id,
            SystemEvent(kind="created", actor_id=change.actor_id, user_ids=others, name=title),
            self._text("created", change.actor_id, others, change.name),
            added=change.member_ids,
        )
        for user_id in change.member_ids:
            owner = change.type == "group" and user_id == change.actor_id
            self._join(conversation, user_id, "owner" if owner else "member")
        return self._verdict(Outcome.STORED)

    def _add(self, change: AddMembers) -> Verdict:
        if (earlier := self._earlier()) is not None:
            return earlier
        conversation, actor = self._place(change)
        if conversation is None or actor is None:
            return self._verdict(Outcome.NOT_A_MEMBER)
        if not may(actor.role, Action.ADD_MEMBERS, conversation.type):
            return self._verdict(Outcome.FORBIDDEN, "your role does not allow adding members here")
        newcomers = [user for user in dict.fromkeys(change.user_ids) if conversation.member(user) is None]
        if (unknown := self._unknown(newcomers)) is not None:
            return self._verdict(Outcome.INVALID, unknown)
        if not newcomers:
            return self._verdict(Outcome.STORED)
        if len(conversation.present()) + len(newcomers) > self._max_members:
            return self._verdict(Outcome.TOO_LARGE, f"at most {self._max_members} members")
        self._say(
            conversation,
            change.entry_id,
            SystemEvent(kind="members_added", actor_id=change.actor_id, user_ids=newcomers),
            self._text("members_added", change.actor_id, newcomers),
            added=newcomers,
        )
        for user_id in newcomers:
            self._join(conversation, user_id, "member")
        return self._verdict(Outcome.STORED)

    def _remove(self, change: RemoveMember) -> Verdict:
        if (earlier := self._earlier()) is not None:
            return earlier
        conversation, actor = self._place(change)
        if conversation is None or actor is None:
            return self._verdict(Outcome.NOT_A_MEMBER)
        leaves = change.actor_id == change.user_id
        action = Action.LEAVE if leaves else Action.REMOVE_MEMBER
        if not may(actor.role, action, conversation.type):
            return self._verdict(Outcome.FORBIDDEN, "your role does not allow this here")
        target = conversation.member(change.user_id)
        if target is None:
            return self._verdict(Outcome.STORED)
        if not leaves and not may(actor.role, action, conversation.type, target=target.role):
            return self._verdict(Outcome.FORBIDDEN, "only people of a lower role can be removed")
        system = SystemEvent(
            kind="member_left" if leaves else "member_removed", actor_id=change.actor_id, user_ids=[change.user_id]
        )
        self._say(
            conversation,
            change.entry_id,
            system,
            self._text(system.kind, change.actor_id, [change.user_id]),
            removed=[change.user_id],
            removed_reason="left" if leaves else "removed",
        )
        target.left_at = self._now
        self._rows.touch(conversation, change.user_id)
        if target.role == "owner":
            self._pass_ownership_on(conversation)
        return self._verdict(Outcome.STORED)

    def _update(self, change: UpdateConversation) -> Verdict:
        if (earlier := self._earlier()) is not None:
            return earlier
        conversation, actor = self._place(change)
        if conversation is None or actor is None:
            return self._verdict(Outcome.NOT_A_MEMBER)
        if not may(actor.role, Action.UPDATE, conversation.type):
            return self._verdict(Outcome.FORBIDDEN, "your role does not allow changing this conversation")
        new = {key: value for key, value in _named(change).items() if value != getattr(conversation, key)}
        if not new:
            return self._verdict(Outcome.STORED)
        system = SystemEvent(kind="renamed" if "name" in new else "updated", actor_id=change.actor_id, **new)
        text = self._text(system.kind, change.actor_id, (), new.get("name"))
        self._say(conversation, change.entry_id, system, text)
        for key, value in new.items():
            setattr(conversation, key, value)
        return self._verdict(Outcome.STORED)

    def _change_role(self, change: ChangeRole) -> Verdict:
        if (earlier := self._earlier()) is not None:
            return earlier
        conversation, actor = self._place(change)
        if conversation is None or actor is None:
            return self._verdict(Outcome.NOT_A_MEMBER)
        action = Action.TRANSFER if change.role == "owner" else Action.CHANGE_ROLE
        if not may(actor.role, action, conversation.type):
            return self._verdict(Outcome.FORBIDDEN, "your role does not allow changing roles here")
        target = conversation.member(change.user_id)
        if target is None:
            return self._verdict(Outcome.INVALID, "userId: no member of this conversation")
        if target.role == change.role:
            return self._verdict(Outcome.STORED)
        if not may(actor.role, action, conversation.type, target=target.role):
            return self._verdict(Outcome.FORBIDDEN, "only the role of people of a lower one can be changed")
        self._give(conversation, target, change.role, change.entry_id)
        if change.role == "owner":
            second = derived_id(conversation.id, f"{change.entry_id} role_changed")
            self._give(conversation, actor, "admin", second)
        return self._verdict(Outcome.STORED)

    def _give(self, conversation: ConversationRow, member: MemberRow, role: Role, entry_id: str) -> None:
        member.role = role
        self._rows.touch(conversation, member.user_id)
        actor, people = self._change.actor_id, [member.user_id]
        system = SystemEvent(kind="role_changed", actor_id=actor, user_ids=people, role=role)
        self._say(conversation, entry_id, system, self._text("role_changed", actor, people))

    def _end(self, change: EndConversation) -> Verdict:
        if (earlier := self._earlier()) is not None:
            return earlier
        conversation, actor = self._place(change)
        if conversation is None or actor is None:
            return self._verdict(Outcome.NOT_A_MEMBER)
        if not may(actor.role, Action.END, conversation.type):
            return self._verdict(Outcome.FORBIDDEN, "your role does not allow ending this conversation")
        leaving = sorted(conversation.present())
        system = SystemEvent(kind="ended", actor_id=change.actor_id)
        text = self._text("ended", change.actor_id, ())
        self._say(conversation, change.entry_id, system, text, removed=leaving, removed_reason="ended")
        for user_id in leaving:
            conversation.members[user_id].left_at = self._now
        self._rows.touch(conversation, *leaving)
        conversation.unique_key = None
        return self._verdict(Outcome.STORED)

    def _pass_ownership_on(self, conversation: ConversationRow) -> None:
        remaining = [(row.user_id, row.role, row.joined_seq) for row in conversation.present().values()]
        heir = next_owner(remaining)
        if heir is None:
            return
        conversation.members[heir].role = "owner"
        self._rows.touch(conversation, heir)
        self._say(
            conversation,
            derived_id(conversation.id, f"{self._change.entry_id} role_changed"),
            SystemEvent(kind="role_changed", actor_id=None, user_ids=[heir], role="owner"),
            self._text("role_changed", None, [heir]),
        )

    def _earlier(self) -> Verdict | None:
        conversation = self._rows.conversations.get(self._change.conversation_id)
        message = None if conversation is None else conversation.message(self._change.entry_id)
        if message is None:
            return None
        return self._verdict(Outcome.DUPLICATE if message.body == _body(self._change) else Outcome.CONFLICT)

    def _place(self, change: Change) -> tuple[ConversationRow | None, MemberRow | None]:
        conversation = self._rows.conversations.get(change.conversation_id)
        return conversation, None if conversation is None else conversation.member(change.actor_id)

    def _unknown(self, user_ids: Sequence[str]) -> str | None:
        users = self._rows.users
        unknown = [user_id for user_id in user_ids if user_id not in users or not users[user_id].enabled]
        return f"no such user: {', '.join(unknown)}" if unknown else None

    def _text(self, kind: SystemKind, actor_id: str | None, user_ids: Sequence[str], name: str | None = None) -> str:
        actor = None if actor_id is None else self._rows.users[actor_id].name
        return system_text(kind, actor, [self._rows.users[user_id].name for user_id in user_ids], name=name)

    def _join(self, conversation: ConversationRow, user_id: str, role: Role) -> None:
        head = len(conversation.messages)
        conversation.members[user_id] = MemberRow(user_id, role, self._now, head, head, self._now)
        self._rows.touch(conversation, user_id)

    def _say(
        self,
        conversation: ConversationRow,
        message_id: str,
        system: SystemEvent,
        content: str,
        *,
        added: Sequence[str] = (),
        removed: Sequence[str] = (),
        removed_reason: RemovedReason = "removed",
    ) -> None:
        created_at = max(self._now, conversation.last_message_at()) if conversation.messages else self._now
        seq = len(conversation.messages) + 1
        version = conversation.next_version()
        body = _body(self._change)
        row = MessageRow(message_id, seq, version, None, "system", content, body, created_at, system=system)
        conversation.messages.append(row)
        message = Message(
            id=message_id,
            conversation_id=conversation.id,
            seq=seq,
            version=version,
            sender_id=None,
            sender=None,
            type="system",
            content=content,
            created_at=to_iso(created_at),
            epoch=self._rows.epoch,
            system=system,
        )
        self._commits.append(
            Commit(
                conversation_id=conversation.id,
                event="message:new",
                message=message,
                added=tuple(added),
                removed=tuple(removed),
                removed_reason=removed_reason,
            )
        )
