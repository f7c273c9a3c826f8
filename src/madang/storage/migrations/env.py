"""How alembic runs here: on the connection it is handed, inside the transaction that is open on it.

Both databases are described by one metadata; SQLite rebuilds a table where it cannot alter it.
"""

from __future__ import annotations

from alembic import context

from madang.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
