"""Single members on a database: their settings, and who has read or reacted.

Owns the rows of settings. A page costs the rows between its bounds: members by user id, reactions of one emoji by user id.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, Select, select, update

from madang.contract.shapes import User
from madang.ports.members import SettingsChange
from madang.storage.accounts import USER_COLUMNS, to_user
from madang.storage.change_rows import raise_lists
from madang.storage.database import Database
from madang.storage.tables import members, reactions, users

__all__ = ["DatabaseMembers", "change_settings", "reactors", "readers"]


def change_settings(
    conn: Connection, conversation_id: str, user_id: str, change: SettingsChange, now: int
) -> bool | None:
    """Write what differs, and raise the number of the list if something does; None for who is no member."""
    m = members.c
    here = (m.conversation_id == conversation_id, m.user_id == user_id)
    columns = (m.notification_enabled, m.muted_until, m.pinned_at, m.marked_unread)
    row = conn.execute(select(*columns).where(*here, m.left_at.is_(None)).with_for_update()).first()
    if row is None:
        return None
    wanted: dict[str, Any] = {
        "notification_enabled": change.notification_enabled,
        "muted_until": change.muted_until,
        "marked_unread": change.marked_unread,
    }
    if change.pinned is not UNSET and change.pinned is not (row.pinned_at is not None):
        wanted["pinned_at"] = now if change.pinned else None
    values = {key: value for key, value in wanted.items() if value is not UNSET and value != getattr(row, key)}
    if not values:
        return False
    conn.execute(update(members).where(*here).values(**values))
    raise_lists(conn, conversation_id, [user_id])
    return True


def readers(
    conn: Connection, conversation_id: str, seq: int, *, sender_id: str | None, limit: int, after: str | None
) -> list[User]:
    """Members who see a message and have read it."""
    m = members.c
    statement = (
        select(*USER_COLUMNS)
        .select_from(members.join(users, users.c.id == m.user_id))
        .where(m.conversation_id == conversation_id, m.left_at.is_(None))
        .where(m.last_read_seq >= seq, m.visible_from_seq <= seq)
        .order_by(m.user_id)
    )
    if sender_id is not None:
        statement = statement.where(m.user_id != sender_id)
    return _page(conn, statement if after is None else statement.where(m.user_id > after), limit)


def reactors(
    conn: Connection, conversation_id: str, message_id: str, emoji: str, *, limit: int, after: str | None
) -> list[User]:
    """People behind an emoji of a message."""
    r = reactions.c
    statement = (
        select(*USER_COLUMNS)
        .select_from(reactions.join(users, users.c.id == r.user_id))
        .where(r.conversation_id == conversation_id, r.message_id == message_id, r.emoji == emoji)
        .order_by(r.user_id)
    )
    return _page(conn, statement if after is None else statement.where(r.user_id > after), limit)


def _page(conn: Connection, statement: Select[Any], limit: int) -> list[User]:
    return [to_user(row) for row in conn.execute(statement.limit(limit))]


class DatabaseMembers:
    """The port `Members` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def change_settings(
        self, conversation_id: str, user_id: str, change: SettingsChange, now: int
    ) -> bool | None:
        return await self._database.write(change_settings, conversation_id, user_id, change, now)

    async def readers(
        self, conversation_id: str, seq: int, *, sender_id: str | None, limit: int, after: str | None = None
    ) -> list[User]:
        return await self._database.read(readers, conversation_id, seq, sender_id=sender_id, limit=limit, after=after)

    async def reactors(
        self, conversation_id: str, message_id: str, emoji: str, *, limit: int, after: str | None = None
    ) -> list[User]:
        return await self._database.read(reactors, conversation_id, message_id, emoji, limit=limit, after=after)
