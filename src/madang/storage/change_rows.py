"""What a change of a conversation writes: system messages, changed messages, member rows, counters, list numbers.

Owns the rows, not the rules. Locks are taken in the order conversation, members, users.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, insert, select, union_all, update

from madang.clock import to_iso
from madang.contract.server_events import ReactionChanged, RemovedReason
from madang.contract.shapes import Message, SystemEvent
from madang.domain.conversation import ConversationType
from madang.domain.membership import Role
from madang.ports.log import Commit, CreateConversation, LogEvent
from madang.storage.column_types import among
from madang.storage.messages import stored_messages
from madang.storage.tables import FIRST_MEMBERS, conversations, members, messages, users
from madang.storage.terms import BatchTerms

__all__ = ["MemberRow", "OpenConversation", "raise_lists"]


class MemberRow(Struct, frozen=True):
    """Somebody's place, present or past."""

    role: Role
    left_at: int | None


class OpenConversation:
    """A conversation under its row lock while one change is made; `finish` writes what has come together."""

    def __init__(
        self, conn: Connection, terms: BatchTerms, conversation_id: str, kind: ConversationType, counters: Sequence[int]
    ) -> None:
        self.id = conversation_id
        self.kind = kind
        self.commits: list[Commit] = []
        self._conn = conn
        self.terms = terms
        self._last_seq, self._version, self._message_count, self.member_count, self._last_message_at = counters
        self._changed: list[str] = []
        self._values: dict[str, object] = {}

    @classmethod
    def create(cls, conn: Connection, terms: BatchTerms, change: CreateConversation) -> OpenConversation:
        """Insert the row of a new conversation."""
        row: dict[str, object] = {
            "id": change.conversation_id,
            "type": change.type,
            "name": change.name,
            "custom": change.custom or None,
            "key": change.key,
            "unique_key": change.unique_key,
            "last_seq": 0,
            "version": 0,
            "message_count": 0,
            "member_count": 0,
            "first_member_ids": [],
            "last_message_at": terms.now,
            "created_at": terms.now,
        }
        conn.execute(insert(conversations), [row])
        return cls(conn, terms, change.conversation_id, change.type, (0, 0, 0, 0, terms.now))

    @classmethod
    def lock(cls, conn: Connection, terms: BatchTerms, conversation_id: str) -> OpenConversation | None:
        """The conversation as it is now, if it exists."""
        c = conversations.c
        row = conn.execute(
            select(c.id, c.type, c.last_seq, c.version, c.message_count, c.member_count, c.last_message_at)
            .where(c.id == conversation_id)
            .with_for_update()
        ).first()
        return None if row is None else cls(conn, terms, row[0], row[1], row[2:])

    @property
    def version(self) -> int:
        """The newest version, those of this change included."""
        return self._version

    def set(self, **values: object) -> None:
        """Other columns of the conversation, written by `finish`."""
        self._values |= values

    def member_rows(self, user_ids: Sequence[str]) -> dict[str, MemberRow]:
        """Rows of these people, those who left included."""
        statement = (
            select(members.c.user_id, members.c.role, members.c.left_at)
            .where(members.c.conversation_id == self.id, among(members.c.user_id, user_ids))
            .order_by(members.c.user_id)
            .with_for_update()
        )
        return {row[0]: MemberRow(row[1], row[2]) for row in self._conn.execute(statement)}

    def say(
        self,
        message_id: str,
        body_hash: bytes,
        system: SystemEvent,
        content: str,
        *,
        added: Sequence[str] = (),
        removed: Sequence[str] = (),
        removed_reason: RemovedReason = "removed",
    ) -> None:
        """Write a system message as the next version; it does not count as unread."""
        self._last_seq += 1
        self._version += 1
        self._last_message_at = max(self.terms.now, self._last_message_at)
        row = {
            "conversation_id": self.id,
            "id": message_id,
            "seq": self._last_seq,
            "version": self._version,
            "ordinal": self._message_count,
            "type": "system",
            "content": content,
            "body_hash": body_hash,
            "system": msgspec.to_builtins(system),
            "created_at": self._last_message_at,
        }
        self._conn.execute(insert(messages), [row])
        message = Message(
            id=message_id,
            conversation_id=self.id,
            seq=self._last_seq,
            version=self._version,
            sender_id=None,
            sender=None,
            type="system",
            content=content,
            created_at=to_iso(self._last_message_at),
            epoch=self.terms.epoch,
            system=system,
        )
        commit = Commit(
            conversation_id=self.id,
            event="message:new",
            message=message,
            added=tuple(added),
            removed=tuple(removed),
            removed_reason=removed_reason,
        )
        self.commits.append(commit)

    def restate(
        self, message_id: str, event: LogEvent, reaction: ReactionChanged | None = None, **values: object
    ) -> Message:
        """Write a message anew as the next version, which the caller may have used as `version + 1`; what it is now."""
        self._version += 1
        here = (messages.c.conversation_id == self.id, messages.c.id == message_id)
        self._conn.execute(update(messages).where(*here).values(version=self._version, **values))
        message = stored_messages(self._conn, self.id, [message_id], self.terms.epoch)[message_id]
        self.commits.append(Commit(conversation_id=self.id, event=event, message=message, reaction=reaction))
        return message

    def join(self, user_ids: Sequence[str], *, owner: str | None = None, returning: Sequence[str] = ()) -> None:
        """Make these people members from the head on: what came before is hidden and counts as read."""
        place = {
            "joined_at": self.terms.now,
            "joined_seq": self._last_seq,
            "visible_from_seq": self._last_seq,
            "last_read_seq": self._last_seq,
            "last_read_ordinal": self._message_count,
            "last_read_at": self.terms.now,
            "own_since_read": 0,
            "marked_unread": False,
            "notification_enabled": True,
            "muted_until": None,
            "pinned_at": None,
        }
        roles: dict[str, Role] = {user_id: "owner" if user_id == owner else "member" for user_id in user_ids}
        new = [
            {"conversation_id": self.id, "user_id": user_id, "role": role, "inbox_version": 0, **place}
            for user_id, role in roles.items()
            if user_id not in returning
        ]
        if new:
            self._conn.execute(insert(members), new)
        for user_id in returning:
            self._change(user_id, role=roles[user_id], left_at=None, **place)
        self.member_count += len(roles)
        self._changed += roles

    def leave(self, user_id: str) -> None:
        """End a membership; the row stays."""
        self._change(user_id, left_at=self.terms.now)
        self.member_count -= 1
        self._changed.append(user_id)

    def leave_all(self) -> list[str]:
        """End every membership; whose they were."""
        here = (members.c.conversation_id == self.id, members.c.left_at.is_(None))
        leaving = list(
            self._conn.scalars(select(members.c.user_id).where(*here).order_by(members.c.user_id).with_for_update())
        )
        self._conn.execute(update(members).where(*here).values(left_at=self.terms.now))
        self.member_count = 0
        self._changed += leaving
        return leaving

    def promote(self, user_id: str, role: Role) -> None:
        """Give a member another role."""
        self._change(user_id, role=role)
        self._changed.append(user_id)

    def seniors(self) -> list[tuple[str, Role, int]]:
        """User, role and seq of joining: the longest-standing few members of each role."""
        few = [
            select(members.c.user_id, members.c.role, members.c.joined_seq)
            .where(members.c.conversation_id == self.id, members.c.role == role, members.c.left_at.is_(None))
            .order_by(members.c.joined_seq, members.c.user_id)
            .limit(FIRST_MEMBERS)
            .subquery()
            for role in ("owner", "admin", "member")
        ]
        return [(row[0], row[1], row[2]) for row in self._conn.execute(union_all(*(select(part) for part in few)))]

    def finish(self) -> None:
        """Write the counters, and one more change into the lists of everybody whose row changed."""
        if self._changed:
            first = sorted(self.seniors(), key=lambda senior: (senior[2], senior[0]))[:FIRST_MEMBERS]
            self.set(member_count=self.member_count, first_member_ids=[user_id for user_id, _, _ in first])
        self._conn.execute(
            update(conversations)
            .where(conversations.c.id == self.id)
            .values(
                last_seq=self._last_seq, version=self._version, last_message_at=self._last_message_at, **self._values
            )
        )
        if self._changed:
            raise_lists(self._conn, self.id, self._changed)

    def _change(self, user_id: str, **values: object) -> None:
        here = (members.c.conversation_id == self.id, members.c.user_id == user_id)
        self._conn.execute(update(members).where(*here).values(**values))


def raise_lists(conn: Connection, conversation_id: str, user_ids: Collection[str]) -> None:
    """One more change in these people's lists; their member rows here are stamped with its number."""
    conn.execute(update(users).where(among(users.c.id, user_ids)).values(inbox_version=users.c.inbox_version + 1))
    number = select(users.c.inbox_version).where(users.c.id == members.c.user_id).scalar_subquery()
    conn.execute(
        update(members)
        .where(members.c.conversation_id == conversation_id, among(members.c.user_id, user_ids))
        .values(inbox_version=number)
    )
