"""The nouns of the wire: users, messages, conversations, as clients see them.

Owns the field names (camelCase on the wire). Must never hold a rule: rules are in `domain`. A field typed
`| UnsetType` is left out of the JSON when it does not apply; `| None` stands as null.
"""

from __future__ import annotations

from typing import Any, Literal, dataclass_transform

import msgspec
from msgspec import UNSET, Struct, UnsetType

from madang.domain.conversation import ConversationType
from madang.domain.membership import Role
from madang.domain.message import MessageType, SystemKind

__all__ = [
    "Attachment",
    "AttachmentPreview",
    "Changes",
    "Membership",
    "Message",
    "PublicMember",
    "Quote",
    "Reaction",
    "Sender",
    "Shape",
    "Summary",
    "SystemEvent",
    "User",
]


# Without this, type checkers do not see that msgspec's `frozen` is inherited.
@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Shape(Struct, frozen=True, rename="camel", kw_only=True):
    """What every wire type has in common: immutable, camelCase."""


class User(Shape):
    """A person or a bot, as everybody may see them."""

    id: str
    username: str
    name: str
    avatar_url: str | None = None
    bot: bool = False
    custom: dict[str, Any] = {}
    deleted_at: str | None = None


class Sender(Shape):
    """Who wrote a message, as they are now."""

    id: str
    name: str
    avatar_url: str | None = None


class AttachmentPreview(Shape):
    """A smaller picture of an attachment."""

    url: str
    width: int
    height: int


class Attachment(Shape):
    """A file a message refers to; sizes in bytes, pixels and milliseconds."""

    id: str
    kind: Literal["image", "video", "audio", "file"]
    name: str
    size: int
    mime_type: str
    url: str
    width: int | UnsetType = UNSET
    height: int | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET
    preview: AttachmentPreview | UnsetType = UNSET
    placeholder: str | UnsetType = UNSET


class Quote(Shape):
    """The message replied to; blank where it is deleted or the reader may not see it."""

    id: str
    seq: int
    sender_id: str | None
    content: str
    type: MessageType


class Reaction(Shape):
    """How many people reacted with one emoji; `userIds` are the first 20."""

    emoji: str
    count: int
    user_ids: list[str]


class SystemEvent(Shape):
    """What a system message says, for clients to write the sentence."""

    kind: SystemKind
    actor_id: str | None
    user_ids: list[str] | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    """`created`: the name, if there is one. `renamed`: the new one; null if it was taken away."""
    role: Role | UnsetType = UNSET
    avatar_url: str | UnsetType | None = UNSET
    custom: dict[str, Any] | UnsetType = UNSET
    """`renamed`, `updated`: the new values of what changed."""


class Message(Shape):
    """One entry of a conversation's log, in its present state."""

    id: str
    conversation_id: str
    seq: int
    version: int
    sender_id: str | None
    sender: Sender | None
    type: MessageType
    content: str
    created_at: str
    epoch: str | UnsetType = UNSET
    """Stands in events; a page of history has it once, in the Summary."""
    mentions: list[str] | Literal["all"] = []
    reply_to_id: str | None = None
    reply_to: Quote | UnsetType = UNSET
    attachments: list[Attachment] = []
    reactions: list[Reaction] = []
    system: SystemEvent | UnsetType = UNSET
    silent: bool | UnsetType = UNSET
    keep_unread: bool | UnsetType = UNSET
    """It left its sender's mark where it was; every other message of somebody moves it."""
    edited_at: str | None = None
    deleted_at: str | None = None


class Membership(Shape):
    """My own place in a conversation."""

    role: Role
    last_read_seq: int
    unread_count: int
    visible_from_seq: int
    notification_enabled: bool = True
    muted_until: str | None = None
    pinned_at: str | None = None
    marked_unread: bool = False


class PublicMember(Shape):
    """Somebody's place in a conversation, as other members may see it."""

    user: User
    role: Role
    joined_at: str
    last_read_seq: int
    visible_from_seq: int


class Summary(Shape):
    """A conversation as it stands in one person's list."""

    id: str
    type: ConversationType
    name: str | None
    epoch: str
    version: int
    last_seq: int
    member_count: int
    faces: list[User]
    """The first four members, oneself last."""
    last_message: Message | None
    last_message_at: str | None
    created_at: str
    me: Membership
    unread_count: int
    """The same number as in `me`, for the brief's clients."""
    avatar_url: str | None = None
    custom: dict[str, Any] = {}
    key: str | UnsetType = UNSET
    peer: User | UnsetType = UNSET
    """Direct conversations: the other person, or oneself in notes to self."""


class Changes(Shape):
    """What was missed of a conversation since the version a client named.

    `delta`: every message changed since, as it is now, by version; a page of them if there is `more`. `gap`: too much was
    missed, `messages` is the newest page and replaces what is cached. `reset`: all that is known is void. `behind`:
    there was no room; ask with `conversation:sync`.
    """

    status: Literal["delta", "gap", "reset", "behind"]
    epoch: str
    version: int
    """Everything up to here is known once `messages` are applied. `behind`: where the log stands."""
    messages: list[Message] = []
    more: Literal[True] | UnsetType = UNSET
    """Ask again with `version` for the changes after it."""
    reads: list[tuple[str, int]] | UnsetType = UNSET
    """Members and the seq they have read up to; rooms of up to 100."""
    steps: list[tuple[int, int]] | UnsetType = UNSET
    """Rooms above that: a seq and how many have read exactly up to it, ascending; whoever is not counted stands below."""
    summary: Summary | UnsetType = UNSET
    """In answers to `conversation:sync`, unless there is more."""
