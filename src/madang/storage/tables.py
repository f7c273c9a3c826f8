"""The tables, as the sum of all migrations makes them.

Owns names, types, keys and indexes; a test holds this metadata and the migrations equal. Must never hold a rule that
needs more than one row: those are in the functions that write.

Invariants:
1. `messages.seq` and `messages.version` are dense per conversation up to `last_seq` and `version` of its row.
2. `conversations.member_count` and `first_member_ids` say of `members` without `left_at` what counting would say.
3. Rows of people who left stay, with `left_at`: their list's changes can still be told, and they may come back.
4. `members.inbox_version` is the number of its user's list (`users.inbox_version`) that last touched the row.
5. `messages.reactions` says of `reactions` what counting would say: emojis in the order in which they came, for each how
   many people and the first few of them. A deleted message has neither reactions nor edits.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
    true,
)

from madang.storage.column_types import Flag, Hash, Id, Json, Milliseconds, Number, Ordered, Words

__all__ = [
    "FIRST_MEMBERS",
    "conversations",
    "installation",
    "members",
    "message_edits",
    "messages",
    "metadata",
    "reactions",
    "sessions",
    "users",
]

FIRST_MEMBERS: Final = 5
"""Ids kept in `first_member_ids`: four faces, and one more because oneself comes last."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

installation = Table(
    "installation",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("epoch", Id, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    Column("timeline", Words),
    CheckConstraint("id = 1", name="one_row"),
)
"""`timeline` is where PostgreSQL stood when the epoch was made; a copy elsewhere has its own."""

users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("username", Ordered, nullable=False, unique=True),
    Column("name", Words, nullable=False),
    Column("name_folded", Ordered, nullable=False),
    Column("avatar_url", Words),
    Column("bot", Flag, nullable=False, server_default=false()),
    Column("custom", Json),
    Column("password_hash", Words),
    Column("administrator", Flag, nullable=False, server_default=false()),
    Column("disabled", Flag, nullable=False, server_default=false()),
    Column("issuer", Words),
    Column("subject", Words),
    Column("profile_issued_at", Number),
    Column("inbox_version", Number, nullable=False, server_default=text("0")),
    Column("created_at", Milliseconds, nullable=False),
    Column("deleted_at", Milliseconds),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False, index=True),
    Column("token_hash", Hash, nullable=False),
    Column("previous_token_hash", Hash),
    Column("rotated_at", Milliseconds),
    Column("created_at", Milliseconds, nullable=False),
    Column("expires_at", Milliseconds, nullable=False),
    Column("revoked_at", Milliseconds),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("type", String(16), nullable=False),
    Column("name", Words),
    Column("avatar_url", Words),
    Column("custom", Json),
    Column("key", Words),
    Column("unique_key", Words, unique=True),
    Column("last_seq", Number, nullable=False),
    Column("version", Number, nullable=False),
    Column("message_count", Number, nullable=False),
    Column("member_count", Number, nullable=False),
    Column("first_member_ids", Json, nullable=False),
    Column("last_message_at", Milliseconds, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    CheckConstraint("type IN ('direct', 'group')", name="type"),
    postgresql_with={"fillfactor": 50},  # the counters change with every message: room for updates in place
)

members = Table(
    "members",
    metadata,
    Column("conversation_id", Id, ForeignKey("conversations.id"), nullable=False),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("role", String(16), nullable=False),
    Column("joined_at", Milliseconds, nullable=False),
    Column("joined_seq", Number, nullable=False),
    Column("visible_from_seq", Number, nullable=False),
    Column("last_read_seq", Number, nullable=False),
    Column("last_read_ordinal", Number, nullable=False),
    Column("last_read_at", Milliseconds, nullable=False),
    Column("own_since_read", Number, nullable=False, server_default=text("0")),
    Column("marked_unread", Flag, nullable=False, server_default=false()),
    Column("notification_enabled", Flag, nullable=False, server_default=true()),
    Column("muted_until", Milliseconds),
    Column("pinned_at", Milliseconds),
    Column("left_at", Milliseconds),
    Column("inbox_version", Number, nullable=False),
    PrimaryKeyConstraint("conversation_id", "user_id"),
    CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
    Index(None, "user_id"),
    postgresql_with={"fillfactor": 80},  # read marks move often
)
Index(
    "ix_members_standing",
    members.c.conversation_id,
    members.c.role,
    members.c.joined_seq,
    members.c.user_id,
    sqlite_where=members.c.left_at.is_(None),
    postgresql_where=members.c.left_at.is_(None),
)

messages = Table(
    "messages",
    metadata,
    Column("conversation_id", Id, nullable=False),
    Column("id", Id, nullable=False),
    Column("seq", Number, nullable=False),
    Column("version", Number, nullable=False),
    Column("ordinal", Number, nullable=False),
    Column("sender_id", Id),
    Column("type", String(16), nullable=False),
    Column("content", Words, nullable=False),
    Column("body_hash", Hash, nullable=False),
    Column("mentions", Json),
    Column("reply_to_id", Id),
    Column("attachments", Json),
    Column("reactions", Json),
    Column("system", Json),
    Column("silent", Flag, nullable=False, server_default=false()),
    Column("keep_unread", Flag, nullable=False, server_default=false()),
    Column("created_at", Milliseconds, nullable=False),
    Column("edited_at", Milliseconds),
    Column("deleted_at", Milliseconds),
    PrimaryKeyConstraint("conversation_id", "id"),
    UniqueConstraint("conversation_id", "seq"),
    CheckConstraint("type IN ('text', 'image', 'video', 'file', 'system')", name="type"),
    CheckConstraint("(type = 'system') = (sender_id IS NULL)", name="only_system_has_no_sender"),
    Index(None, "conversation_id", "version"),
)
"""Without foreign keys: whoever inserts holds the conversation's row and has found the sender among its members."""

message_edits = Table(
    "message_edits",
    metadata,
    Column("conversation_id", Id, nullable=False),
    Column("message_id", Id, nullable=False),
    Column("version", Number, nullable=False),
    Column("content", Words, nullable=False),
    Column("written_at", Milliseconds, nullable=False),
    PrimaryKeyConstraint("conversation_id", "message_id", "version"),
    ForeignKeyConstraint(["conversation_id", "message_id"], ["messages.conversation_id", "messages.id"]),
)
"""What messages said before; `version` is the change that replaced it."""

reactions = Table(
    "reactions",
    metadata,
    Column("conversation_id", Id, nullable=False),
    Column("message_id", Id, nullable=False),
    Column("emoji", Ordered, nullable=False),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("version", Number, nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    PrimaryKeyConstraint("conversation_id", "message_id", "emoji", "user_id"),
    ForeignKeyConstraint(["conversation_id", "message_id"], ["messages.conversation_id", "messages.id"]),
    Index(None, "conversation_id", "message_id", "emoji", "version"),
)
