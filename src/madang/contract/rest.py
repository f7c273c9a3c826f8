"""The bodies of HTTP calls that are not already shapes.

Owns request and response types of `/api`. The same rules as for events: decoding refuses wrong types and missing
fields, `domain` refuses the rest.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import UNSET, UnsetType

from madang.contract.limits import Limits
from madang.contract.shapes import Message, Shape, User
from madang.domain.membership import Role

__all__ = [
    "REFRESH_COOKIE",
    "SESSION_COOKIE",
    "AcceptedMessage",
    "AddMembers",
    "ApiError",
    "ChangeRole",
    "ChangedMessage",
    "CreateConversation",
    "Credentials",
    "EditBody",
    "MemberSettings",
    "PublicConfig",
    "ReadBody",
    "RefreshBody",
    "Registration",
    "SendBody",
    "SentMessage",
    "SignedIn",
    "UpdateConversation",
    "UpdateMe",
]

SESSION_COOKIE: Final = "madang_session"
"""Holds the access token on pages of the same origin; sockets take it too."""
REFRESH_COOKIE: Final = "madang_refresh"
"""Holds the refresh token; only calls of `/api/auth` get it."""


class Registration(Shape):
    """A new account; `cookies: false` puts the refresh token into the answer."""

    username: str
    password: str
    name: str
    cookies: bool = True


class Credentials(Shape):
    """A username and its password."""

    username: str
    password: str
    cookies: bool = True


class RefreshBody(Shape):
    """The refresh token where cookies are not used."""

    refresh_token: str | UnsetType = UNSET
    cookies: bool = True


class SignedIn(Shape):
    """Who signed in, and the access token with its end."""

    user: User
    access_token: str
    expires_at: str
    refresh_token: str | UnsetType = UNSET
    administrator: bool = False
    """The first account of an empty server is its administrator; clients say so."""


class UpdateMe(Shape):
    """What one may change about oneself."""

    name: str | UnsetType = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


class CreateConversation(Shape):
    """A direct conversation has one member beside oneself, or oneself alone."""

    type: Literal["direct", "group"]
    member_ids: list[str] = []
    name: str | None = None
    key: str | None = None
    """Makes a group exist once: whoever creates it again, and is a member, gets the first."""
    custom: dict[str, Any] = {}


class UpdateConversation(Shape):
    """What owners and admins may change about a group; null takes the name or the picture away."""

    name: str | UnsetType | None = UNSET
    avatar_url: str | UnsetType | None = UNSET
    custom: dict[str, Any] | UnsetType = UNSET


class AddMembers(Shape):
    """People to add, at most 100."""

    user_ids: list[str]


class ChangeRole(Shape):
    """The new role of a member; a new owner takes the place of the old one."""

    role: Role


class MemberSettings(Shape):
    """One's own settings of a conversation; `mutedUntil` null ends muting."""

    notification_enabled: bool | UnsetType = UNSET
    muted_until: str | UnsetType | None = UNSET
    pinned: bool | UnsetType = UNSET
    marked_unread: bool | UnsetType = UNSET


class SendBody(Shape):
    """A message to be stored: `message:send` without the conversation, which the address names."""

    content: str
    id: str | UnsetType = UNSET
    type: Literal["text", "image", "video", "file"] = "text"
    reply_to_id: str | None = None
    attachments: list[str] = []
    mentions: list[str] | Literal["all"] = []
    silent: bool = False
    keep_unread: bool = False


class SentMessage(Shape):
    """The stored message."""

    message: Message
    level: Literal["stored"] = "stored"
    duplicate: bool | UnsetType = UNSET


class AcceptedMessage(Shape):
    """Where messages are queued: it will be stored under this id, or rejected."""

    temp_id: str
    level: Literal["accepted"] = "accepted"


class EditBody(Shape):
    """The new content."""

    content: str


class ChangedMessage(Shape):
    """The message as it is now."""

    message: Message


class ReadBody(Shape):
    """How far one has read; without it, to the end."""

    seq: int | UnsetType = UNSET


class ApiError(Shape):
    """Every refusal over HTTP."""

    error: str
    reason: str
    ok: Literal[False] = False
    details: dict[str, str] | UnsetType = UNSET
    retry_after_ms: int | UnsetType = UNSET


class PublicConfig(Shape):
    """What a client may know before anybody signs in."""

    version: str
    contract: int
    limits: Limits
    registration: Literal["open", "invite", "closed"]
    first_account: bool
    """Nobody has an account yet: the next one becomes the administrator."""
