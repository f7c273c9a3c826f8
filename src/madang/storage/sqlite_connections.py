"""Opening SQLite connections the way Madang needs them.

Owns every PRAGMA. Exactly one connection writes and checkpoints: SQLite before 3.51.3 can corrupt a WAL that two
connections reset at once.

Invariants:
1. A commit returns after its WAL frames are flushed (`synchronous=FULL`).
2. Readers cannot write (`query_only`) and give up after `READ_SECONDS`, so that no snapshot holds the WAL back.
3. A writing transaction takes its lock when it begins: no read is ever upgraded, nothing meets SQLITE_BUSY.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final

import msgspec
import structlog
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

__all__ = ["Checkpointer", "filling_engine", "raw", "reader_engine", "writer_engine"]

READ_SECONDS: Final = 1.0
"""How long one read may take."""
BUSY_MS: Final = 5_000
"""How long to wait for a lock somebody else holds, such as a backup tool."""
WRITER_CACHE_KIB: Final = 65_536
READER_CACHE_KIB: Final = 8_192
CHECKPOINT_CHANGES: Final = 4_000
"""Rows written between two checkpoints: a few MiB of WAL, so pages that change often are copied once."""
CHECKPOINT_BYTES: Final = 16_777_216
"""Growth of the WAL after which it is time in any case: rows may be long, and servers may end before so many are written."""
WAL_PAGES: Final = 8_192
"""Frames in the WAL (32 MiB) from which the writer waits for readers so that the file starts over."""
READERS_MS: Final = 1_200
"""How long it waits for them: as long as a read may take, and a little."""
WAL_BYTES: Final = 67_108_864
"""Size to which the file is cut when it starts over."""

_READ_CHECK_STEPS: Final = 50_000
"""Steps of SQLite's machine (about a millisecond) between two looks at the clock."""
_log = structlog.get_logger(__name__)


def raw(conn: Connection) -> sqlite3.Connection:
    """SQLite's own connection, for statements run without SQLAlchemy."""
    driver: object = conn.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _engine(path: Path, begin: str, pragmas: tuple[str, ...]) -> Engine:
    def connect() -> sqlite3.Connection:
        # Autocommit: transactions begin and end where this code says, not where the driver guesses.
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)

    engine = create_engine(
        "sqlite+pysqlite://",
        creator=connect,
        poolclass=NullPool,
        json_serializer=_encode,
        json_deserializer=msgspec.json.decode,
        hide_parameters=True,  # they are what people write, and errors are logged
    )

    @event.listens_for(engine, "connect")
    def configure(driver: sqlite3.Connection, _record: object) -> None:
        for pragma in (f"busy_timeout={BUSY_MS}", "foreign_keys=ON", "temp_store=MEMORY", *pragmas):
            driver.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin_transaction(conn: Connection) -> None:
        raw(conn).execute(begin)

    return engine


def writer_engine(path: Path) -> Engine:
    """For the one connection that writes."""
    return _engine(
        path,
        "BEGIN IMMEDIATE",
        (
            "journal_mode=WAL",
            "synchronous=FULL",
            "fullfsync=ON",  # macOS: fsync alone does not reach the disk
            "checkpoint_fullfsync=ON",
            "wal_autocheckpoint=0",  # it would run before the commit returns; see Checkpointer
            f"journal_size_limit={WAL_BYTES}",
            f"cache_size=-{WRITER_CACHE_KIB}",
        ),
    )


def reader_engine(path: Path) -> Engine:
    """For connections that only read, each from a snapshot of its own."""
    engine = _engine(path, "BEGIN", (f"cache_size=-{READER_CACHE_KIB}", "query_only=ON"))

    @event.listens_for(engine, "begin")
    def limit_time(conn: Connection) -> None:
        deadline = time.monotonic() + READ_SECONDS
        raw(conn).set_progress_handler(lambda: time.monotonic() > deadline, _READ_CHECK_STEPS)

    return engine


def filling_engine(path: Path) -> Engine:
    """For filling a file that nobody reads before it is complete: fast, and worth nothing if interrupted."""
    return _engine(path, "BEGIN", ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{WRITER_CACHE_KIB}"))


class Checkpointer:
    """Copies the WAL back into the database between two transactions, when enough has been written.

    Not cheaper than SQLite's own checkpoint, but later: the results of the commit have been handed over before. The file
    starts over by itself when nobody reads from it at that moment; if somebody always does, the writer waits for them.
    """

    def __init__(self, path: Path) -> None:
        self._wal = path.with_name(path.name + "-wal")
        self._changes = 0
        self._bytes = 0
        self._pages = WAL_PAGES

    def __call__(self, conn: Connection) -> None:
        """Look whether it is time; run on the writer's thread."""
        driver = raw(conn)
        written, grown = driver.total_changes - self._changes, self._wal_bytes() - self._bytes
        if written < CHECKPOINT_CHANGES and grown < CHECKPOINT_BYTES:
            return
        self._changes = driver.total_changes
        try:
            _, frames, _ = driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if frames > self._pages:
                self._start_over(driver, frames)
            elif frames < WAL_PAGES:
                self._pages = WAL_PAGES
        except sqlite3.Error as error:
            # Nothing is lost: the frames stay in the WAL and the next round tries again (a full disk ends here, too).
            _log.warning("checkpoint failed", reason=str(error))
        self._bytes = self._wal_bytes()

    def _start_over(self, driver: sqlite3.Connection, frames: int) -> None:
        """Wait for readers. Our own are done in time; for a program that reads longer, such as a backup, nobody else shall
        wait again before as much has been written once more.
        """
        driver.execute(f"PRAGMA busy_timeout={READERS_MS}")
        try:
            busy, *_ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            driver.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        self._pages = frames + WAL_PAGES if busy else WAL_PAGES
        if busy:
            _log.warning("another program reads for long: the write-ahead log grows meanwhile", pages=frames)

    def _wal_bytes(self) -> int:
        try:
            return os.stat(self._wal).st_size  # noqa: PTH116  # no Path is made for each batch
        except FileNotFoundError:
            return 0
