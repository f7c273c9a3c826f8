"""The installation remembers under which timeline of PostgreSQL its epoch was made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from madang.storage.column_types import Words

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("installation", sa.Column("timeline", Words))
