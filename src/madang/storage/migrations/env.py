"""How alembic runs here: on the connection it is handed, inside the transaction that is open on it.

Both databases are described by one metadata; SQLite rebuilds a table where it cannot alter it. Offline it writes SQL for
the dialect it is told, for operators who apply migrations by hand.
"""

from __future__ import annotations

from alembic import context

from madang.storage.tables import metadata

attributes = context.config.attributes
if context.is_offline_mode():
    context.configure(dialect_name=attributes["dialect"], target_metadata=metadata, literal_binds=True)
else:
    context.configure(connection=attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
