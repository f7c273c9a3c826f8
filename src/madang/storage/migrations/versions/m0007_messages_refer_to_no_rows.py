"""Messages without foreign keys.

Every message is inserted by a transaction that holds its conversation's row and has found its sender among the members, so
the keys could never fail; checking them took a fifth of what PostgreSQL spends on a message, and a lock on its sender's row.
"""

from __future__ import annotations

from alembic import op

from madang.storage.tables import messages

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint("fk_messages_conversation_id", "messages")
        op.drop_constraint("fk_messages_sender_id", "messages")
    else:  # SQLite alters no constraints: the table is made anew and its rows are copied
        with op.batch_alter_table("messages", copy_from=messages, recreate="always"):
            pass
