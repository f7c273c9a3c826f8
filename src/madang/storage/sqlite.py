"""The store on SQLite: one file, one process, one writer.

Owns opening and closing, and running repository functions on the right thread. What SQLite is told is in
`sqlite_connections`, what its errors mean in `sqlite_errors`.

    CLOSED -> OPEN [open]     OPEN -> CLOSED [close, after everything submitted is done]
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import structlog
from sqlalchemy import Connection, select
from sqlalchemy.exc import DatabaseError

from madang.clock import Clock, SystemClock
from madang.config import SettingsError
from madang.contract.limits import LIMITS
from madang.errors import ErrorCode, MadangError
from madang.storage.accounts import DatabaseAccounts
from madang.storage.conversations import DatabaseConversations
from madang.storage.database import in_transaction
from madang.storage.installation import begin_epoch, epoch_of
from madang.storage.log import DatabaseLog, Dialect
from madang.storage.members import DatabaseMembers
from madang.storage.migrate import upgrade
from madang.storage.sessions import DatabaseSessions
from madang.storage.sqlite_connections import Checkpointer, raw, reader_engine, writer_engine
from madang.storage.sqlite_errors import DATA_ERRORS, translated
from madang.storage.sqlite_files import FolderLock, check_folder
from madang.storage.sqlite_marks import move_marks
from madang.storage.sqlite_sends import append_sends
from madang.storage.sqlite_threads import ConnectionThreads
from madang.storage.sync import DatabaseSync
from madang.storage.tables import installation

__all__ = ["SqliteStore"]

READERS: Final = 3
"""Threads that read. They share the interpreter with the event loop, so more of them answer no sooner."""
SETTING: Final = "MADANG_DATA"
"""The setting that a refusal to open names."""
DIALECT: Final = Dialect(append_sends=append_sends, move_marks=move_marks, data_errors=DATA_ERRORS)

P = ParamSpec("P")
T = TypeVar("T")
_log = structlog.get_logger(__name__)


class _Connected:
    """The threads of an open database, and the epoch it is of."""

    def __init__(self, path: Path, epoch: str, writer: Connection, readers: list[Connection]) -> None:
        self.epoch = epoch
        self.writer = ConnectionThreads("writer", [writer], between=Checkpointer(path))
        self.readers = ConnectionThreads("reader", readers)

    async def close(self) -> None:
        """Readers first: the last connection to go checkpoints, and that must be the writer."""
        await self.readers.close()
        await self.writer.close()


class _SqliteDatabase:
    """The `Database` of a file, open or not."""

    def __init__(self, path: Path, clock: Clock, readers: int) -> None:
        self._path = path
        self._clock = clock
        self._reader_count = readers
        self._connected: _Connected | None = None
        self._full = False

    @property
    def epoch(self) -> str:
        return self._open().epoch

    async def read(self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._open().readers.submit(self._translating(lambda conn: work(conn, *args, **kwargs)))

    async def write(self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        run = self._translating(lambda conn: work(conn, *args, **kwargs))

        def run_and_note(conn: Connection) -> T:
            result = run(conn)
            if self._full:
                self._full = False
                _log.info("the disk of the store has room again")
            return result

        return await self._open().writer.submit(run_and_note)

    async def faults(self) -> list[str]:
        """What SQLite finds wrong with the file; however long that takes, so it is no `read`."""
        return await self._open().readers.submit(_faults)

    async def new_epoch(self) -> str:
        """Another history from here on."""
        self._open().epoch = await self.write(begin_epoch)
        return self.epoch

    async def open(self) -> None:
        """Connect; blocks a thread, not the loop."""
        self._connected = await asyncio.to_thread(self._connect)

    async def close(self) -> None:
        """Finish what was submitted. Safe to call twice."""
        if self._connected is not None:
            await self._connected.close()
        self._connected = None

    def _open(self) -> _Connected:
        if self._connected is None:
            raise MadangError(ErrorCode.UNAVAILABLE, "the store is not open")
        return self._connected

    def _translating(self, work: Callable[[Connection], T]) -> Callable[[Connection], T]:
        def run(conn: Connection) -> T:
            try:
                return in_transaction(conn, work)
            except (DatabaseError, sqlite3.Error) as error:
                better = translated(error, self._path.parent)
                self._log_failure(error, better)
                raise better from error

        return run

    def _log_failure(self, error: Exception, told: Exception) -> None:
        """A full disk is logged once, not with every batch: the log may stand on the same disk."""
        full = isinstance(told, MadangError) and told.code is ErrorCode.STORAGE_FULL
        if full and self._full:
            return
        self._full = full
        _log.error("the store failed", reason=_plain(error), error=getattr(told, "code", None))

    def _connect(self) -> _Connected:
        try:
            writer = writer_engine(self._path).connect()
        except (DatabaseError, sqlite3.Error) as error:
            raise SettingsError(SETTING, f"cannot open {self._path}: {_plain(error)}.") from error
        try:
            epoch = self._prepare(writer)
            engine = reader_engine(self._path)
            return _Connected(self._path, epoch, writer, [engine.connect() for _ in range(self._reader_count)])
        except BaseException:
            writer.close()
            raise

    def _prepare(self, writer: Connection) -> str:
        """The schema brought up to date and the epoch of the installation."""
        (mode,) = raw(writer).execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":
            folder = self._path.parent
            raise SettingsError(SETTING, f"the file system of {folder} does not allow SQLite's WAL: use a local disk.")
        with writer.begin():
            if upgrade(writer, SETTING):
                _log.info("schema brought up to date", path=str(self._path))
            return epoch_of(writer, self._clock.now())


def _plain(error: Exception) -> str:
    return str(error.orig if isinstance(error, DatabaseError) else error)


class SqliteStore:
    """The port `Store` on one SQLite file.

    Args:
        path: the database file; its folder must exist and be writable. A lock file and SQLite's `-wal` and `-shm` stand
            beside it.
        clock: says when the installation was made.
        max_members: people a conversation may have.
        readers: threads that read.
    """

    def __init__(
        self, path: Path, *, clock: Clock | None = None, max_members: int = LIMITS.members, readers: int = READERS
    ) -> None:
        self._path = path
        self._lock = FolderLock(path.with_name(path.name + ".lock"))
        self._database = _SqliteDatabase(path, clock or SystemClock(), readers)
        self.log = DatabaseLog(self._database, DIALECT, max_members=max_members)
        self.accounts = DatabaseAccounts(self._database)
        self.sessions = DatabaseSessions(self._database)
        self.conversations = DatabaseConversations(self._database)
        self.members = DatabaseMembers(self._database)
        self.sync = DatabaseSync(self._database)

    @property
    def lanes(self) -> int:
        return 1

    @property
    def epoch(self) -> str:
        return self._database.epoch

    @property
    def sqlite_version(self) -> str:
        """The version of the SQLite library in this process."""
        return sqlite3.sqlite_version

    async def open(self) -> None:
        check_folder(self._path.parent, SETTING)
        self._lock.take(SETTING)
        try:
            await self._database.open()
        except BaseException:
            self._lock.release()
            raise
        _log.info("store opened", path=str(self._path), sqlite_version=self.sqlite_version, epoch=self.epoch)

    async def close(self) -> None:
        await self._database.close()
        self._lock.release()

    async def ping(self) -> None:
        await self._database.write(_ping)

    async def moved(self) -> None:
        await asyncio.Event().wait()  # nobody else has the file

    async def new_epoch(self) -> str:
        """See the port."""
        return await self._database.new_epoch()

    async def faults(self) -> list[str]:
        """What is wrong with the file itself, in SQLite's words; empty if nothing. Reads all of it."""
        return await self._database.faults()


def _ping(conn: Connection) -> None:
    """Take the write lock and give it back."""
    conn.execute(select(installation.c.id))


def _faults(conn: Connection) -> list[str]:
    """What is wrong with pages, indexes and references; what is too damaged to be examined is damaged."""
    driver = raw(conn)
    driver.set_progress_handler(None, 0)  # the limit of ordinary reads; the next one sets it again
    try:
        pages = [str(row[0]) for row in driver.execute("PRAGMA integrity_check") if row[0] != "ok"]
        references = [
            f"row {row} of {table} refers to a row of {other} that does not exist"
            for table, row, other, _ in driver.execute("PRAGMA foreign_key_check")
        ]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return pages + references
