"""How a database reads for a statement: by index, or from end to end.

Owns listening to the statements SQLite runs, the question which of them walk a table, and PostgreSQL's own count of what it read
that way. Used where stores are small and made for it, and where the benchmark has millions of rows.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from madang.storage.sqlite import SqliteStore
from madang.storage.sqlite_connections import raw
from tests.postgres_server import PostgresServer

__all__ = ["Recorder", "walked_tables", "walks"]

WALKS_ALLOWED: Final = (
    r"SCAN (json_each|pair) VIRTUAL TABLE",  # the list of ids itself
    r"SCAN anon_\d+",  # the few rows of a limited subquery
    r"SCAN users USING COVERING INDEX",  # the first row, to know whether there is one
    r"SCAN installation",  # one row
)
FEW_ROWS: Final = 100
"""Read from end to end, a table of no more counts as looked up."""
_WALKED: Final = "SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE seq_tup_read > $1"


class Recorder:
    """The statements a store runs while it is listened to."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    async def listen_to(self, store: SqliteStore) -> None:
        """Hear the writer and the one reader of an open store."""
        connected = store._database._open()
        await connected.writer.submit(self._listen)
        await connected.readers.submit(self._listen)

    def _listen(self, conn: Connection) -> None:
        raw(conn).set_trace_callback(self.statements.append)

    def data_statements(self) -> list[str]:
        """Without transactions and PRAGMAs."""
        return [text for text in self.statements if text.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE"}]


def walks(path: Path, statements: list[str]) -> dict[str, list[str]]:
    """Statements that walk a table of a SQLite file or build an index for themselves, with those steps of their plan."""
    found = {}
    with sqlite3.connect(path) as conn:
        for statement in statements:
            steps = [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {statement}")]
            bad = [step for step in steps if re.match("SCAN|.*AUTOMATIC", step)]
            bad = [step for step in bad if not any(re.match(allowed, step) for allowed in WALKS_ALLOWED)]
            if bad:
                found[statement] = bad
    return found


async def walked_tables(postgres: PostgresServer, database: str) -> dict[str, int]:
    """Tables read from end to end since `pg_stat_reset()`, with the rows read so, by sessions that have ended."""
    return {row["relname"]: row["seq_tup_read"] for row in await postgres.fetch(_WALKED, FEW_ROWS, database=database)}
