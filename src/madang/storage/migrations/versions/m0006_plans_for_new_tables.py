"""On PostgreSQL, the functions in a form whose plans hold while the tables grow.

Every index of `messages` begins with the conversation. Where statistics say that conversations have one message each, as they do
of new tables, any of them looks as good as the key, and a lookup by id may read a whole conversation. So the planner is told that
there are few conversations, whatever it counts: each then looks large, and the index that names one row wins.
"""

from __future__ import annotations

from alembic import op

from madang.storage.statements import load

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE messages ALTER COLUMN conversation_id SET (n_distinct = 100)")
        for stem in ("postgres_append_sends", "postgres_move_marks"):
            for statement in load(stem).values():
                op.execute(statement)
