"""Members of a conversation, as persons: what each has set for oneself, and who of them has read or reacted.

Settings are no change of the log: they concern one person's list, whose number they raise.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import UNSET, Struct, UnsetType

from madang.contract.shapes import User

__all__ = ["Members", "SettingsChange"]


class SettingsChange(Struct, frozen=True, kw_only=True):
    """New values of one's own settings; what is UNSET stays."""

    notification_enabled: bool | UnsetType = UNSET
    muted_until: int | UnsetType | None = UNSET
    """Wall time in milliseconds; None ends muting."""
    pinned: bool | UnsetType = UNSET
    """Pinning keeps the time at which it happened, so pinned conversations have an order."""
    marked_unread: bool | UnsetType = UNSET
    """Reading and sending take it back."""


class Members(Protocol):
    """Reads and writes single member rows, and lists people by user id."""

    async def change_settings(
        self, conversation_id: str, user_id: str, change: SettingsChange, now: int
    ) -> bool | None:
        """Write settings; the user's `inbox_version` rises in the same transaction if something changes.

        Returns:
            Whether something changed; None if the user is no member now.
        """
        ...

    async def readers(
        self, conversation_id: str, seq: int, *, sender_id: str | None, limit: int, after: str | None = None
    ) -> list[User]:
        """Members who see the message at `seq` and whose mark is at it or above, without its sender."""
        ...

    async def reactors(
        self, conversation_id: str, message_id: str, emoji: str, *, limit: int, after: str | None = None
    ) -> list[User]:
        """Who reacted to a message with an emoji; people who have left the conversation stay among them."""
        ...
