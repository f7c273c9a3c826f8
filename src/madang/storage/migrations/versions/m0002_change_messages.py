"""Messages can be changed: what they said before, and reactions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from madang.storage.column_types import Id, Json, Milliseconds, Number, Ordered, Words

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("messages", sa.Column("reactions", Json))
    op.create_table(
        "message_edits",
        sa.Column("conversation_id", Id, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("version", Number, nullable=False),
        sa.Column("content", Words, nullable=False),
        sa.Column("written_at", Milliseconds, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id", "message_id"],
            ["messages.conversation_id", "messages.id"],
            name=op.f("fk_message_edits_conversation_id_message_id"),
        ),
        sa.PrimaryKeyConstraint("conversation_id", "message_id", "version", name=op.f("pk_message_edits")),
    )
    op.create_table(
        "reactions",
        sa.Column("conversation_id", Id, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("emoji", Ordered, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("version", Number, nullable=False),
        sa.Column("created_at", Milliseconds, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id", "message_id"],
            ["messages.conversation_id", "messages.id"],
            name=op.f("fk_reactions_conversation_id_message_id"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_reactions_user_id")),
        sa.PrimaryKeyConstraint("conversation_id", "message_id", "emoji", "user_id", name=op.f("pk_reactions")),
    )
    op.create_index(
        op.f("ix_reactions_conversation_id_message_id_emoji_version"),
        "reactions",
        ["conversation_id", "message_id", "emoji", "version"],
        unique=False,
    )
