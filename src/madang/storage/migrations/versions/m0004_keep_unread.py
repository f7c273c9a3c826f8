"""Messages say that their sender's mark stayed where it was; the function that writes them on PostgreSQL follows.

Of messages from before it is not known, so they say nothing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from madang.storage.column_types import Flag
from madang.storage.statements import load

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("messages", sa.Column("keep_unread", Flag, server_default=sa.false(), nullable=False))
    if op.get_context().dialect.name == "postgresql":
        for statement in load("postgres_append_sends").values():
            op.execute(statement)
