"""What the server sends over sockets.

Owns the names and payload types of server events, and to whom each goes. A versioned event always carries `epoch` and
`version` of its conversation's log.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import UNSET, Struct, UnsetType

from madang.contract.shapes import Message, Shape, Summary, User

__all__ = [
    "SERVER_EVENTS",
    "AuthExpiring",
    "ConversationRemoved",
    "ConversationVersion",
    "ErrorNotice",
    "MessagePersisted",
    "MessageRejected",
    "PresenceAt",
    "ReactionChanged",
    "ReadMoved",
    "ReadSteps",
    "ServerClosing",
    "ServerEvent",
    "SessionRevoked",
    "Typing",
]

RemovedReason = Literal["left", "removed", "ended"]
RevokedReason = Literal["logout", "password_changed", "disabled", "revoked"]


class ConversationVersion(Shape):
    """You have everything of this conversation up to this version."""

    conversation_id: str
    epoch: str
    version: int


class ReactionChanged(Shape):
    """Somebody reacted to a message, or took it back; `count` is how many people this emoji has now."""

    conversation_id: str
    message_id: str
    seq: int
    version: int
    epoch: str
    user_id: str
    emoji: str
    removed: bool
    count: int


class MessagePersisted(Shape):
    """What was acknowledged as `accepted` is stored: the message as its sender sees it."""

    temp_id: str
    message: Message


class MessageRejected(Shape):
    """What was acknowledged as `accepted` can never be stored: `error` is a code of the table."""

    temp_id: str
    conversation_id: str
    error: str
    reason: str


class ReadMoved(Shape):
    """Somebody's read mark moved; `unreadCount` only to oneself."""

    user_id: str
    conversation_id: str
    last_read_seq: int
    last_read_at: str
    unread_count: int | UnsetType = UNSET


class ReadSteps(Shape):
    """How many have read exactly up to a seq, ascending, the newest hundred; whoever is not counted stands below."""

    conversation_id: str
    steps: list[tuple[int, int]]


class Typing(Shape):
    """Somebody started or stopped typing."""

    user_id: str
    conversation_id: str


class PresenceAt(Shape):
    """When somebody came or went; stands after the user's id."""

    at: str


class ConversationRemoved(Shape):
    """The conversation is no longer in one's list."""

    conversation_id: str
    reason: RemovedReason


class AuthExpiring(Shape):
    """The token of this socket ends soon: send `auth:refresh`."""

    expires_at: str


class SessionRevoked(Shape):
    """Stay away until somebody signs in again."""

    reason: RevokedReason


class ServerClosing(Shape):
    """This node drains; the engine closes next and the client comes back by itself."""

    retry_after_ms: int


class ErrorNotice(Shape):
    """An event that asked for no ack has failed."""

    event: str
    error: str
    reason: str
    conversation_id: str | UnsetType = UNSET


class ServerEvent(Struct, frozen=True):
    """One event the server may send; `payload` lists the arguments in order."""

    name: str
    payload: tuple[type, ...]
    to: str


SERVER_EVENTS: Final[dict[str, ServerEvent]] = {
    event.name: event
    for event in (
        ServerEvent("message:new", (Message,), "Members who may see it, the acting socket included."),
        ServerEvent("message:updated", (Message,), "The same: its content was edited."),
        ServerEvent("message:deleted", (Message,), "The same: it is a tombstone now."),
        ServerEvent("message:reaction", (ReactionChanged,), "The same: somebody reacted, or took it back."),
        ServerEvent("message:persisted", (MessagePersisted,), "The sender's sockets: it was accepted, and is stored."),
        ServerEvent("message:rejected", (MessageRejected,), "The same: it was accepted, and can never be stored."),
        ServerEvent("conversation:version", (ConversationVersion,), "After a repair, or for what you may not see."),
        ServerEvent("message:read", (ReadMoved,), "Members of rooms up to 100; with `unreadCount` to oneself."),
        ServerEvent("message:reads", (ReadSteps,), "Rooms above 100, at most 2/s: sockets that focus it."),
        ServerEvent("typing:start", (Typing,), "Others in the room; above 100 members those who focus it."),
        ServerEvent("typing:stop", (Typing,), "The same."),
        ServerEvent("user:online", (str, PresenceAt), "Direct peers, members of small recent rooms, watchers."),
        ServerEvent("user:offline", (str, PresenceAt), "The same, after 5-10 s of grace."),
        ServerEvent("user:updated", (User,), "Those who share a conversation."),
        ServerEvent("conversation:new", (Summary,), "The user's sockets: you were added."),
        ServerEvent("conversation:updated", (Summary,), "The user's sockets: your own settings changed."),
        ServerEvent("conversation:removed", (ConversationRemoved,), "The user's sockets, after the last entry."),
        ServerEvent("auth:expiring", (AuthExpiring,), "The socket, 60 s before."),
        ServerEvent("session:revoked", (SessionRevoked,), "The user's sockets, then DISCONNECT."),
        ServerEvent("server:closing", (ServerClosing,), "Sockets of a draining node, then the engine closes."),
        ServerEvent("error", (ErrorNotice,), "The socket whose event without ack failed."),
    )
}
