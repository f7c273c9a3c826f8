"""On PostgreSQL, the functions that append plain sends and move read marks.

Their text is a file that holds their newest form: a change of it takes a revision that brings it to stores with an older one.
"""

from __future__ import annotations

from alembic import op

from madang.storage.statements import load

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for statement in load("postgres_functions").values():
            op.execute(statement)
