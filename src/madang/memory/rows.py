"""What the store in memory holds: the same nouns as the tables, in dictionaries.

Owns the state that the ports of `MemoryStore` share. It keeps no counter that can be counted: heads, unread numbers and
faces come from the lists themselves, which makes it the model that stores with counters are compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from madang.clock import to_iso
from madang.contract.shapes import Attachment, Sender, SystemEvent, User
from madang.domain.conversation import ConversationType
from madang.domain.membership import Role
from madang.domain.message import MessageType
from madang.ports.sessions import Session

__all__ = ["ConversationRow", "MemberRow", "MessageRow", "Rows", "SessionRow", "UserRow"]


@dataclass
class UserRow:
    """A person."""

    id: str
    username: str
    name: str
    password_hash: str | None
    avatar_url: str | None = None
    bot: bool = False
    custom: dict[str, object] = field(default_factory=dict)
    administrator: bool = False
    disabled: bool = False
    issuer: str | None = None
    profile_issued_at: int = 0
    inbox_version: int = 0
    deleted_at: int | None = None

    @property
    def enabled(self) -> bool:
        """Whether they may be added, found, and written to."""
        return not self.disabled and self.deleted_at is None

    def user(self) -> User:
        """As everybody may see them."""
        return User(
            id=self.id,
            username=self.username,
            name=self.name,
            avatar_url=self.avatar_url,
            bot=self.bot,
            custom=self.custom,
            deleted_at=None if self.deleted_at is None else to_iso(self.deleted_at),
        )

    def sender(self) -> Sender:
        """As the writer of a message."""
        return Sender(id=self.id, name=self.name, avatar_url=self.avatar_url)


@dataclass
class SessionRow:
    """A sign-in, and the hash its present token replaced."""

    session: Session
    previous_token_hash: bytes | None = None
    rotated_at: int = 0


@dataclass
class MemberRow:
    """Somebody's place in a conversation; it stays when they leave."""

    user_id: str
    role: Role
    joined_at: int
    joined_seq: int
    last_read_seq: int
    last_read_at: int
    left_at: int | None = None
    notification_enabled: bool = True
    muted_until: int | None = None
    pinned_at: int | None = None
    marked_unread: bool = False
    inbox_version: int = 0
    """The number of the user's list that last touched the row."""


@dataclass
class MessageRow:
    """An entry of a log; its seq is its place in it, its version the last change of it."""

    id: str
    seq: int
    version: int
    sender_id: str | None
    type: MessageType
    content: str
    body: object
    """What a retry shares with it."""
    created_at: int
    mentions: Sequence[str] | Literal["all"] = ()
    reply_to_id: str | None = None
    attachments: tuple[Attachment, ...] = ()
    system: SystemEvent | None = None
    silent: bool = False
    keep_unread: bool = False
    edited_at: int | None = None
    deleted_at: int | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    """People by emoji, both in the order in which they came."""

    @property
    def counts(self) -> bool:
        """Whether it makes a conversation unread."""
        return self.type != "system" and not self.silent


@dataclass
class ConversationRow:
    """A conversation with its whole log."""

    id: str
    type: ConversationType
    name: str | None
    unique_key: str | None
    created_at: int
    key: str | None = None
    avatar_url: str | None = None
    custom: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    members: dict[str, MemberRow] = field(default_factory=dict)
    messages: list[MessageRow] = field(default_factory=list)

    def present(self) -> dict[str, MemberRow]:
        """Members now, the longest-standing first."""
        here = (row for row in self.members.values() if row.left_at is None)
        return {row.user_id: row for row in sorted(here, key=lambda row: (row.joined_seq, row.user_id))}

    def member(self, user_id: str) -> MemberRow | None:
        """The row of somebody who is a member now."""
        row = self.members.get(user_id)
        return row if row is not None and row.left_at is None else None

    def next_version(self) -> int:
        """The number of one more change."""
        self.version += 1
        return self.version

    def message(self, message_id: str) -> MessageRow | None:
        """The message with this id."""
        return next((message for message in self.messages if message.id == message_id), None)

    def last_message_at(self) -> int:
        """When the newest message was made."""
        return self.messages[-1].created_at

    def unread(self, row: MemberRow) -> int:
        """Messages of others after the mark, counted."""
        return sum(
            message.counts and message.sender_id != row.user_id for message in self.messages[row.last_read_seq :]
        )


@dataclass
class Rows:
    """Everything."""

    epoch: str
    users: dict[str, UserRow] = field(default_factory=dict)
    sessions: dict[str, SessionRow] = field(default_factory=dict)
    conversations: dict[str, ConversationRow] = field(default_factory=dict)

    def named(self, username: str) -> UserRow | None:
        """The user with this username."""
        return next((user for user in self.users.values() if user.username == username), None)

    def of(self, user_id: str) -> Iterator[tuple[ConversationRow, MemberRow]]:
        """The conversations somebody is in, with their own row."""
        for conversation in self.conversations.values():
            row = conversation.member(user_id)
            if row is not None:
                yield conversation, row

    def touch(self, conversation: ConversationRow, *user_ids: str) -> None:
        """One more change in these people's lists, of their rows in a conversation."""
        for user_id in user_ids:
            self.users[user_id].inbox_version += 1
            conversation.members[user_id].inbox_version = self.users[user_id].inbox_version
