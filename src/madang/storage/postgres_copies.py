"""PostgreSQL databases as what an installation is copied from, and into.

Owns that a copy is all or nothing: one transaction.

Invariants:
1. Nobody else has the source or the target open: the hold of a server is taken on both.
2. The source is one read-only snapshot, of the history its epoch names. The target's tables are locked against everybody
   from the moment they are found empty.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Connection, select, text

from madang.config import SettingsError
from madang.storage.copying import refuse_unless_empty
from madang.storage.migrate import refuse_other_revision
from madang.storage.postgres import PostgresStore
from madang.storage.postgres_checks import refusing
from madang.storage.postgres_connections import single_engine
from madang.storage.postgres_hold import PostgresHold
from madang.storage.tables import installation, metadata

__all__ = ["postgres_source", "postgres_target"]


@asynccontextmanager
async def postgres_source(url: str, setting: str) -> AsyncIterator[Connection]:
    """One snapshot of a database.

    Raises:
        SettingsError: it cannot be reached, is not a store of this version, a server has it open.
    """
    hold, engine = PostgresHold(url, unsafe_durability=True), single_engine(url)
    try:
        with refusing():
            await hold.take()
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with connection.begin():
                await connection.run_sync(_examine, hold.timeline, setting)
                yield _sync(connection.sync_connection)
    finally:
        await engine.dispose()
        await hold.release()


@asynccontextmanager
async def postgres_target(url: str, setting: str, *, unsafe_durability: bool) -> AsyncIterator[Connection]:
    """A transaction on an empty store, committed when the context ends without an error.

    Raises:
        SettingsError: it cannot be opened, or something is in it.
    """
    store, engine = PostgresStore(url, unsafe_durability=unsafe_durability), single_engine(url)
    await store.open()
    try:
        async with engine.begin() as connection:
            names = ", ".join(table.name for table in metadata.sorted_tables)
            await connection.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))
            await connection.run_sync(refuse_unless_empty, setting)
            yield _sync(connection.sync_connection)
            await connection.execute(
                text(f"ANALYZE {names}")
            )  # the planner knows what is there from the first start on
    finally:
        await engine.dispose()
        await store.close()


def _examine(conn: Connection, timeline: str | None, setting: str) -> None:
    refuse_other_revision(conn, setting)
    recorded: str | None = conn.scalar(select(installation.c.timeline))
    if recorded is not None and timeline not in {None, recorded}:
        raise SettingsError(
            setting,
            "the database was restored or a standby promoted: run madang migrate on it, which begins a new epoch.",
        )


def _sync(conn: Connection | None) -> Connection:
    assert conn is not None
    return conn
