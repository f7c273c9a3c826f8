"""Single members in memory: the port `Members`, as the store on a database keeps them."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET

from madang.contract.shapes import User
from madang.memory.rows import Rows
from madang.ports.members import SettingsChange

__all__ = ["MemoryMembers"]


class MemoryMembers:
    """Settings in the rows of members."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def change_settings(
        self, conversation_id: str, user_id: str, change: SettingsChange, now: int
    ) -> bool | None:
        conversation = self._rows.conversations.get(conversation_id)
        row = None if conversation is None else conversation.member(user_id)
        if conversation is None or row is None:
            return None
        before = (row.notification_enabled, row.muted_until, row.pinned_at, row.marked_unread)
        if change.notification_enabled is not UNSET:
            row.notification_enabled = change.notification_enabled
        if change.muted_until is not UNSET:
            row.muted_until = change.muted_until
        if change.marked_unread is not UNSET:
            row.marked_unread = change.marked_unread
        if change.pinned is not UNSET:
            row.pinned_at = (row.pinned_at or now) if change.pinned else None
        changed = before != (row.notification_enabled, row.muted_until, row.pinned_at, row.marked_unread)
        if changed:
            self._rows.touch(conversation, user_id)
        return changed

    async def readers(
        self, conversation_id: str, seq: int, *, sender_id: str | None, limit: int, after: str | None = None
    ) -> list[User]:
        conversation = self._rows.conversations.get(conversation_id)
        present = [] if conversation is None else list(conversation.present().values())
        found = (
            row.user_id for row in present if row.joined_seq <= seq <= row.last_read_seq and row.user_id != sender_id
        )
        return self._page(found, limit, after)

    async def reactors(
        self, conversation_id: str, message_id: str, emoji: str, *, limit: int, after: str | None = None
    ) -> list[User]:
        conversation = self._rows.conversations.get(conversation_id)
        message = None if conversation is None else conversation.message(message_id)
        return self._page([] if message is None else message.reactions.get(emoji, []), limit, after)

    def _page(self, user_ids: Iterable[str], limit: int, after: str | None) -> list[User]:
        later = sorted(user_id for user_id in user_ids if after is None or user_id > after)
        return [self._rows.users[user_id].user() for user_id in later[:limit]]
