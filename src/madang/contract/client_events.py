"""What clients send over sockets, and what each ack adds.

Owns the names, payload types and ack types of client events. Wrong types and missing fields are refused by decoding
into these; everything finer is a rule of `domain`. Unknown fields are ignored.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import UNSET, Struct, UnsetType

from madang.contract.limits import Limits
from madang.contract.shapes import Changes, Message, Shape, Summary, User

__all__ = [
    "CLIENT_EVENTS",
    "AckFailure",
    "AuthRefresh",
    "AuthRefreshAck",
    "ClientEvent",
    "ConversationRef",
    "ConversationSync",
    "ConversationSyncAck",
    "Focusing",
    "Init",
    "InitAck",
    "MessageAcceptedAck",
    "MessageAck",
    "MessageDelete",
    "MessageEdit",
    "MessageReact",
    "MessageSend",
    "MessageSendAck",
    "OkAck",
    "PresenceWatch",
    "PresenceWatchAck",
    "ReadMark",
    "ReadMarkAck",
    "ServerInfo",
]


class Init(Shape):
    """Start delivery; sent on every connect, and again with `cursor` for the next page of the list.

    `inbox` is that of the first page last time; `known` has epoch and version of conversations that are here. Both need
    not be said again with `cursor`.
    """

    inbox: int | UnsetType = UNSET
    known: dict[str, tuple[str, int]] | UnsetType = UNSET
    cursor: str | UnsetType = UNSET


class MessageSend(Shape):
    """A message to be stored; `id` is the client's own UUID, the same on every retry."""

    conversation_id: str
    content: str
    id: str | UnsetType = UNSET
    type: Literal["text", "image", "video", "file"] = "text"
    reply_to_id: str | None = None
    attachments: list[str] = []
    mentions: list[str] | Literal["all"] = []
    silent: bool = False
    keep_unread: bool = False


class MessageEdit(Shape):
    """One's own message gets another content."""

    conversation_id: str
    message_id: str
    content: str


class MessageDelete(Shape):
    """A message becomes a tombstone."""

    conversation_id: str
    message_id: str


class MessageReact(Shape):
    """One emoji on a message, or, with `remove`, off it."""

    conversation_id: str
    message_id: str
    emoji: str
    remove: bool = False


class ReadMark(Shape):
    """Everything up to `seq` has been read; without it, the newest delivered to this socket."""

    conversation_id: str
    seq: int | UnsetType = UNSET


class ConversationRef(Shape):
    """Nothing but which conversation."""

    conversation_id: str


class ConversationSync(Shape):
    """What was missed of one conversation since `version`; without `version`, its newest page."""

    conversation_id: str
    epoch: str | UnsetType = UNSET
    version: int | UnsetType = UNSET


class Focusing(Shape):
    """What this device shows; null: no conversation."""

    conversation_id: str | None


class PresenceWatch(Shape):
    """Whose presence this socket wants; replaces the list it gave before."""

    user_ids: list[str]


class AuthRefresh(Shape):
    """A newer access token of the same user."""

    token: str


class OkAck(Shape):
    """Done."""

    ok: Literal[True] = True


class AckFailure(Shape):
    """Not done: `error` is a code of the table, `reason` is English for developers."""

    error: str
    reason: str
    ok: Literal[False] = False
    details: dict[str, str] | UnsetType = UNSET
    retry_after_ms: int | UnsetType = UNSET
    id: str | UnsetType = UNSET


class ServerInfo(Shape):
    """Which server this is."""

    version: str
    contract: int
    limits: Limits


class InitAck(OkAck, kw_only=True):
    """One's own account and list of conversations; `next` is the cursor of the page after it.

    With `inbox`, `conversations` has only what changed; whatever is not named is as the client knows it, and is live as
    well. `removed` are memberships that ended. `changes` has the known conversations of which something was missed.
    """

    server: ServerInfo
    user: User
    expires_at: str | None
    inbox: int
    conversations: list[Summary]
    removed: list[str]
    changes: dict[str, Changes]
    online: list[str]
    next: str | UnsetType = UNSET


class MessageSendAck(OkAck, kw_only=True):
    """The message as stored, or as it is now when it had been stored before."""

    message: Message
    level: Literal["stored"] = "stored"
    duplicate: bool | UnsetType = UNSET


class MessageAcceptedAck(OkAck, kw_only=True):
    """Where messages are queued: it will be stored under this id, and `message:persisted` or `message:rejected` follows."""

    temp_id: str
    level: Literal["accepted"] = "accepted"


class MessageAck(OkAck, kw_only=True):
    """The message as it is now."""

    message: Message


class ReadMarkAck(OkAck, kw_only=True):
    """Where one's mark stands now."""

    last_read_seq: int
    unread_count: int


class ConversationSyncAck(Changes):
    """What was missed."""

    ok: Literal[True] = True


class PresenceWatchAck(OkAck, kw_only=True):
    """Which of the watched are online."""

    online: list[str]


class AuthRefreshAck(OkAck, kw_only=True):
    """Until when the socket may stay."""

    expires_at: str | None


class ClientEvent(Struct, frozen=True):
    """One event a client may send."""

    name: str
    payload: type[Shape]
    acks: tuple[type[Shape], ...]
    """One of these when it is done, else `AckFailure`."""
    meaning: str


CLIENT_EVENTS: Final[dict[str, ClientEvent]] = {
    event.name: event
    for event in (
        ClientEvent("init", Init, (InitAck,), "Start delivery; on every connect."),
        ClientEvent(
            "message:send", MessageSend, (MessageSendAck, MessageAcceptedAck), "Store a message and deliver it."
        ),
        ClientEvent("message:edit", MessageEdit, (MessageAck,), "Change the content of one's own message."),
        ClientEvent("message:delete", MessageDelete, (MessageAck,), "Delete one's own message, or as admin anybody's."),
        ClientEvent("message:react", MessageReact, (MessageAck,), "React to a message with an emoji, or take it back."),
        ClientEvent("message:read", ReadMark, (ReadMarkAck,), "Move one's own read mark forward."),
        ClientEvent(
            "conversation:sync", ConversationSync, (ConversationSyncAck,), "What was missed of a conversation."
        ),
        ClientEvent("typing:start", ConversationRef, (OkAck,), "One is typing; repeat every 3 s."),
        ClientEvent("typing:stop", ConversationRef, (OkAck,), "One has stopped typing."),
        ClientEvent(
            "focus", Focusing, (OkAck,), "What this device shows: large rooms tell it who types and who has read."
        ),
        ClientEvent("presence:watch", PresenceWatch, (PresenceWatchAck,), "Whose presence to be told of."),
        ClientEvent("auth:refresh", AuthRefresh, (AuthRefreshAck,), "Keep this socket beyond the old token."),
    )
}
