"""On PostgreSQL, the functions that append plain sends and move read marks.

Their text is a file that this revision owns: another form of a function is another file and another revision.
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
