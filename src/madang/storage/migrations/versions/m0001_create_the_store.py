"""Create the store: installation, people and their sessions, conversations, members, messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from madang.storage.column_types import Flag, Hash, Id, Json, Milliseconds, Number, Ordered, Words

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_installation()
    _create_users()
    _create_sessions()
    _create_conversations()
    _create_members()
    _create_messages()


def _create_installation() -> None:
    op.create_table(
        "installation",
        sa.Column("id", Number, autoincrement=False, nullable=False),
        sa.Column("epoch", Id, nullable=False),
        sa.Column("created_at", Milliseconds, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", Id, nullable=False),
        sa.Column("username", Ordered, nullable=False),
        sa.Column("name", Words, nullable=False),
        sa.Column("name_folded", Ordered, nullable=False),
        sa.Column("avatar_url", Words),
        sa.Column("bot", Flag, server_default=sa.false(), nullable=False),
        sa.Column("custom", Json),
        sa.Column("password_hash", Words),
        sa.Column("administrator", Flag, server_default=sa.false(), nullable=False),
        sa.Column("disabled", Flag, server_default=sa.false(), nullable=False),
        sa.Column("issuer", Words),
        sa.Column("subject", Words),
        sa.Column("profile_issued_at", Number),
        sa.Column("inbox_version", Number, server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", Milliseconds, nullable=False),
        sa.Column("deleted_at", Milliseconds),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("token_hash", Hash, nullable=False),
        sa.Column("previous_token_hash", Hash),
        sa.Column("rotated_at", Milliseconds),
        sa.Column("created_at", Milliseconds, nullable=False),
        sa.Column("expires_at", Milliseconds, nullable=False),
        sa.Column("revoked_at", Milliseconds),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)


def _create_conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", Id, nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("name", Words),
        sa.Column("avatar_url", Words),
        sa.Column("custom", Json),
        sa.Column("key", Words),
        sa.Column("unique_key", Words),
        sa.Column("last_seq", Number, nullable=False),
        sa.Column("version", Number, nullable=False),
        sa.Column("message_count", Number, nullable=False),
        sa.Column("member_count", Number, nullable=False),
        sa.Column("first_member_ids", Json, nullable=False),
        sa.Column("last_message_at", Milliseconds, nullable=False),
        sa.Column("created_at", Milliseconds, nullable=False),
        sa.CheckConstraint("type IN ('direct', 'group')", name=op.f("ck_conversations_type")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint("unique_key", name=op.f("uq_conversations_unique_key")),
        postgresql_with={"fillfactor": 50},
    )


def _create_members() -> None:
    op.create_table(
        "members",
        sa.Column("conversation_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("joined_at", Milliseconds, nullable=False),
        sa.Column("joined_seq", Number, nullable=False),
        sa.Column("visible_from_seq", Number, nullable=False),
        sa.Column("last_read_seq", Number, nullable=False),
        sa.Column("last_read_ordinal", Number, nullable=False),
        sa.Column("last_read_at", Milliseconds, nullable=False),
        sa.Column("own_since_read", Number, server_default=sa.text("0"), nullable=False),
        sa.Column("marked_unread", Flag, server_default=sa.false(), nullable=False),
        sa.Column("notification_enabled", Flag, server_default=sa.true(), nullable=False),
        sa.Column("muted_until", Milliseconds),
        sa.Column("pinned_at", Milliseconds),
        sa.Column("left_at", Milliseconds),
        sa.Column("inbox_version", Number, nullable=False),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member')", name=op.f("ck_members_role")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_members_conversation_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_members_user_id")),
        sa.PrimaryKeyConstraint("conversation_id", "user_id", name=op.f("pk_members")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        "ix_members_standing",
        "members",
        ["conversation_id", "role", "joined_seq", "user_id"],
        unique=False,
        sqlite_where=sa.text("left_at IS NULL"),
        postgresql_where=sa.text("left_at IS NULL"),
    )
    op.create_index(op.f("ix_members_user_id"), "members", ["user_id"], unique=False)


def _create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("conversation_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("seq", Number, nullable=False),
        sa.Column("version", Number, nullable=False),
        sa.Column("ordinal", Number, nullable=False),
        sa.Column("sender_id", Id),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("content", Words, nullable=False),
        sa.Column("body_hash", Hash, nullable=False),
        sa.Column("mentions", Json),
        sa.Column("reply_to_id", Id),
        sa.Column("attachments", Json),
        sa.Column("system", Json),
        sa.Column("silent", Flag, server_default=sa.false(), nullable=False),
        sa.Column("created_at", Milliseconds, nullable=False),
        sa.Column("edited_at", Milliseconds),
        sa.Column("deleted_at", Milliseconds),
        sa.CheckConstraint(
            "(type = 'system') = (sender_id IS NULL)", name=op.f("ck_messages_only_system_has_no_sender")
        ),
        sa.CheckConstraint("type IN ('text', 'image', 'video', 'file', 'system')", name=op.f("ck_messages_type")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_messages_conversation_id")),
        sa.ForeignKeyConstraint(["sender_id"], ["users.id"], name=op.f("fk_messages_sender_id")),
        sa.PrimaryKeyConstraint("conversation_id", "id", name=op.f("pk_messages")),
        sa.UniqueConstraint("conversation_id", "seq", name=op.f("uq_messages_conversation_id_seq")),
    )
    op.create_index(
        op.f("ix_messages_conversation_id_created_at"), "messages", ["conversation_id", "created_at"], unique=False
    )
    op.create_index(
        op.f("ix_messages_conversation_id_version"), "messages", ["conversation_id", "version"], unique=False
    )
