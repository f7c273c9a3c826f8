"""The numbers: what is refused because it is too much.

Owns every limit a client can run into; `init` and `/api/config` send them, the generated page lists them. Sizes say
their unit in the name or the comment.
"""

from __future__ import annotations

from typing import Final

from madang.contract.shapes import Shape

__all__ = ["CONTRACT_VERSION", "LIMITS", "Limits"]

CONTRACT_VERSION: Final = 1


class Limits(Shape):
    """Limits in force, as clients read them."""

    content_units: int = 10_000
    """UTF-16 code units of a message, counted after NFC."""
    name_units: int = 100
    """UTF-16 code units of a display name or a conversation's name."""
    username_units: int = 32
    """Letters, digits and `. _ -` of a username."""
    password_min_characters: int = 8
    """Of a new password."""
    password_max_bytes: int = 1_024
    """Of its UTF-8 form."""
    attachments: int = 10
    """Files of one message."""
    mentions: int = 100
    """People named in one message."""
    emojis: int = 20
    """Different emojis on one message."""
    key_units: int = 200
    """UTF-16 code units of a conversation's key."""
    custom_bytes: int = 4_096
    """Of `custom` as JSON."""
    members_per_call: int = 100
    """People named in one call."""
    members: int = 100_000
    """People of one conversation."""
    page: int = 200
    """Messages of one page of history."""
    inbox_page: int = 100
    """Conversations of one page of the list, and of one `init`."""
    known: int = 1_000
    """Conversations a client may say it knows, in one `init`."""
    watched_users: int = 500
    """People whose presence one socket watches."""
    payload_bytes: int = 1_000_000
    """A frame or a body; larger closes the engine or answers `too_large`."""
    sends_per_second: float = 10.0
    """Messages of one user, in the long run; 0: no limit."""
    send_burst: int = 30
    """Messages of one user at once."""
    edit_seconds: float = 0.0
    """How long one's own message may be edited; 0: no limit."""
    delete_seconds: float = 0.0
    """How long one's own message may be deleted; 0: no limit."""
    typing_seconds: float = 2.0
    """One `typing:start` per conversation in this time; more are dropped."""
    logins_per_minute: int = 10
    """Sign-ins and sign-ups from one address."""
    ack_timeout_ms: int = 10_000
    """After this without an ack, send the same thing with the same id again."""
    typing_timeout_ms: int = 6_000
    """After this without another `typing:start`, somebody no longer types."""


LIMITS: Final = Limits()
