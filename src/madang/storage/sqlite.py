"""The store on SQLite: one file, one process, one writer.

Owns opening and closing, and running repository functions on the right thread. What SQLite is told is in
`sqlite_connections`, what its errors mean in `sqlite_errors`.

    CLOSED -> OPEN [open]     OPEN -> CLOSED [close, after everything submitted is done]
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import structlog
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DatabaseError

from madang.clock import Clock, SystemClock
from madang.config import SettingsError
from madang.contract.limits import LIMITS
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.storage.accounts import DatabaseAccounts
from madang.storage.conversations import DatabaseConversations
from madang.storage.log import DatabaseLog, Dialect
from madang.storage.migrate import upgrade
from madang.storage.sessions import DatabaseSessions
from madang.storage.sqlite_connections import Checkpointer, raw, reader_engine, writer_engine
from madang.storage.sqlite_errors import translated
from madang.storage.sqlite_files import FolderLock, check_folder
from madang.storage.sqlite_marks import move_marks
from madang.storage.sqlite_sends import append_sends
from madang.storage.sqlite_threads import ConnectionThreads
from madang.storage.tables import installation

__all__ = ["SqliteStore"]

READERS: Final = 3
"""Threads that read. They share the interpreter with the event loop, so more of them answer no sooner."""
SETTING: Final = "MADANG_DATA"
"""The setting that a refusal to open names."""
DIALECT: Final = Dialect(append_sends, move_marks)

P = ParamSpec("P")
T = TypeVar("T")
_log = structlog.get_logger(__name__)


class _SqliteDatabase:
    """The `Database` of an open store."""

    def __init__(self, path: Path, writer: Connection, readers: list[Connection]) -> None:
        self._folder = path.parent
        self._writer = ConnectionThreads("writer", [writer], between=Checkpointer(path))
        self._readers = ConnectionThreads("reader", readers)

    async def read(self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._readers.submit(self._transaction(work, *args, **kwargs))

    async def write(self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._writer.submit(self._transaction(work, *args, **kwargs))

    def _transaction(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Callable[[Connection], T]:
        def run(conn: Connection) -> T:
            try:
                with conn.begin():
                    return work(conn, *args, **kwargs)
            except (DatabaseError, sqlite3.Error) as error:
                better = translated(error, self._folder)
                _log.error("the store failed", reason=str(error), error=getattr(better, "code", None))
                raise better from error

        return run

    async def close(self) -> None:
        """Readers first: the last connection to go checkpoints, and that must be the writer."""
        await self._readers.close()
        await self._writer.close()


class SqliteStore:
    """The port `Store` on one SQLite file.

    Args:
        path: the database file; its folder must exist and be writable. A lock file and SQLite's `-wal` and `-shm` stand
            beside it.
        clock: says when the installation was made.
        max_members: people a conversation may have.
    """

    def __init__(
        self, path: Path, *, clock: Clock | None = None, max_members: int = LIMITS.members, readers: int = READERS
    ) -> None:
        self._path = path
        self._clock = clock or SystemClock()
        self._max_members = max_members
        self._reader_count = readers
        self._lock = FolderLock(path.with_name(path.name + ".lock"))
        self._database: _SqliteDatabase | None = None
        self._epoch = ""

    @property
    def sqlite_version(self) -> str:
        """The version of the SQLite library in this process."""
        return sqlite3.sqlite_version

    @property
    def epoch(self) -> str:
        self._opened()
        return self._epoch

    @functools.cached_property
    def log(self) -> DatabaseLog:
        return DatabaseLog(self._opened(), DIALECT, self._epoch, max_members=self._max_members)

    @functools.cached_property
    def accounts(self) -> DatabaseAccounts:
        return DatabaseAccounts(self._opened())

    @functools.cached_property
    def sessions(self) -> DatabaseSessions:
        return DatabaseSessions(self._opened())

    @functools.cached_property
    def conversations(self) -> DatabaseConversations:
        return DatabaseConversations(self._opened(), self._epoch)

    async def open(self) -> None:
        await asyncio.to_thread(check_folder, self._path.parent, SETTING)
        self._lock.take(SETTING)
        try:
            self._database = await asyncio.to_thread(self._connect)
        except BaseException:
            self._lock.release()
            raise
        _log.info("store opened", path=str(self._path), sqlite_version=self.sqlite_version, epoch=self._epoch)

    async def close(self) -> None:
        if self._database is not None:
            await self._database.close()
        self._lock.release()

    async def ping(self) -> None:
        await self._opened().write(_ping)

    async def faults(self) -> list[str]:
        """What is wrong with the file itself, in SQLite's words; empty if nothing. Reads all of it."""
        return await self._opened().read(_faults)

    def _opened(self) -> _SqliteDatabase:
        if self._database is None:
            raise MadangError(ErrorCode.UNAVAILABLE, "the store is not open")
        return self._database

    def _connect(self) -> _SqliteDatabase:
        try:
            writer = writer_engine(self._path).connect()
        except (DatabaseError, sqlite3.Error) as error:
            raise SettingsError(SETTING, f"cannot open {self._path}: {error}.") from error
        try:
            self._epoch = self._prepare(writer)
            engine = reader_engine(self._path)
            return _SqliteDatabase(self._path, writer, [engine.connect() for _ in range(self._reader_count)])
        except BaseException:
            writer.close()
            raise

    def _prepare(self, writer: Connection) -> str:
        """The schema brought up to date and the epoch of the installation."""
        (mode,) = raw(writer).execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":
            raise SettingsError(
                SETTING, f"the file system of {self._path.parent} does not allow SQLite's WAL: use a local disk."
            )
        with writer.begin():
            if upgrade(writer, SETTING):
                _log.info("schema brought up to date", path=str(self._path))
            epoch: str | None = writer.scalar(select(installation.c.epoch))
            if epoch is None:
                epoch = new_id()
                writer.execute(insert(installation).values(id=1, epoch=epoch, created_at=self._clock.now()))
        return epoch


def _ping(conn: Connection) -> None:
    """Take the write lock and give it back."""
    conn.execute(select(installation.c.id))


def _faults(conn: Connection) -> list[str]:
    """Pages, indexes and references, checked against each other."""
    pages = [str(row[0]) for row in raw(conn).execute("PRAGMA integrity_check")]
    references = [
        f"row {row} of {table} refers to a row of {other} that does not exist"
        for table, row, other, _ in raw(conn).execute("PRAGMA foreign_key_check")
    ]
    return [fault for fault in pages if fault != "ok"] + references
