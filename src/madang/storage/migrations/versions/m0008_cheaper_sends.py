"""An index less for every message, and on PostgreSQL a function that appends them for two thirds of the cost.

Times never fall within a conversation, so the message at a time is found by halving its numbers. The functions of before stay:
nodes that have not been replaced yet call them.
"""

from __future__ import annotations

from alembic import op

from madang.storage.statements import load

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # A new SQLite has lost it already: 0007 makes the table as it is today.
    op.drop_index("ix_messages_conversation_id_created_at", "messages", if_exists=True)
    if op.get_context().dialect.name == "postgresql":
        for statement in load("postgres_append_sends").values():
            op.execute(statement)
