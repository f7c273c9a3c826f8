"""What SQLite is told, and that it listens."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from madang.storage import sqlite_connections
from madang.storage.sqlite_connections import Checkpointer, raw, reader_engine, writer_engine

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "madang.db"


@pytest.fixture
def writer(path: Path) -> Iterator[Connection]:
    """The writer of a database with one table."""
    with writer_engine(path).connect() as conn:
        with conn.begin():
            conn.execute(text("CREATE TABLE t (id INTEGER PRIMARY KEY, content BLOB)"))
        yield conn


@pytest.fixture
def reader(path: Path, writer: Connection) -> Iterator[Connection]:
    """A reader of the same."""
    with reader_engine(path).connect() as conn:
        yield conn


def pragma(conn: Connection, name: str) -> object:
    """What SQLite says of a setting."""
    return raw(conn).execute(f"PRAGMA {name}").fetchone()[0]


def write(conn: Connection, rows: int, size: int = 100) -> None:
    """One transaction of so many rows."""
    with conn.begin():
        raw(conn).executemany("INSERT INTO t (content) VALUES (randomblob(?))", [(size,)] * rows)


def test_a_commit_is_flushed(writer: Connection) -> None:
    """WAL, and a sync with each commit; macOS is asked for a real one."""
    wanted = {"journal_mode": "wal", "synchronous": 2, "fullfsync": 1, "foreign_keys": 1, "wal_autocheckpoint": 0}
    assert {name: pragma(writer, name) for name in wanted} == wanted


def test_a_writing_transaction_takes_its_lock_at_once(path: Path, writer: Connection) -> None:
    """So that it can never fail half-way for want of it."""
    with (
        writer.begin(),
        sqlite3.connect(path, timeout=0) as other,
        pytest.raises(sqlite3.OperationalError, match="lock"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_a_reader_cannot_write(reader: Connection) -> None:
    """Whatever it is given."""
    with pytest.raises(OperationalError, match="readonly"), reader.begin():
        reader.execute(text("DELETE FROM t"))


def test_a_read_is_one_snapshot(writer: Connection, reader: Connection) -> None:
    """What is committed meanwhile shows in the next one."""
    count = text("SELECT count(*) FROM t")
    with reader.begin():
        assert reader.scalar(count) == 0
        write(writer, 3)
        assert reader.scalar(count) == 0
    with reader.begin():
        assert reader.scalar(count) == 3


def test_a_read_ends_in_time(reader: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that would never end is broken off; the next has its own time."""
    monkeypatch.setattr(sqlite_connections, "READ_SECONDS", 0.1)
    started = time.monotonic()
    with pytest.raises(OperationalError, match="interrupted"), reader.begin():
        reader.execute(text(ENDLESS))
    assert time.monotonic() - started < 2
    with reader.begin():
        assert reader.scalar(text("SELECT count(*) FROM t")) == 0


def wal_bytes(path: Path) -> int:
    """Size of the write-ahead log."""
    return path.with_name(path.name + "-wal").stat().st_size


def test_the_wal_is_copied_back_and_used_again(path: Path, writer: Connection) -> None:
    """However much is written, the file stays small."""
    checkpoint = Checkpointer(path)
    for _ in range(60):
        write(writer, 500, 2_000)
        checkpoint(writer)
    assert wal_bytes(path) < 24 << 20


def test_nothing_is_copied_before_it_is_worth_it(path: Path, writer: Connection) -> None:
    """Small commits only add to the WAL."""
    checkpoint = Checkpointer(path)
    size = path.stat().st_size
    write(writer, 50, 2_000)
    checkpoint(writer)
    assert path.stat().st_size == size
    assert wal_bytes(path) > 100_000


def test_few_rows_that_are_long_are_copied_too(path: Path, writer: Connection) -> None:
    """What counts is how much was written, not only how many rows."""
    checkpoint = Checkpointer(path)
    for _ in range(10):
        write(writer, 100, 80_000)
        checkpoint(writer)
    assert wal_bytes(path) < 40 << 20


def test_a_reader_that_holds_the_wal_back_is_waited_for(
    path: Path, writer: Connection, reader: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the WAL is too large, so that it cannot grow for ever."""
    monkeypatch.setattr(sqlite_connections, "WAL_PAGES", 1_000)
    checkpoint = Checkpointer(path)
    write(writer, 10)
    snapshot = reader.begin()
    reader.scalar(text("SELECT count(*) FROM t"))
    threading.Timer(0.2, snapshot.rollback).start()
    for _ in range(10):
        write(writer, 500, 4_000)
        checkpoint(writer)
    assert wal_bytes(path) < 16 << 20


def test_who_reads_for_long_is_waited_for_once(path: Path, writer: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup does not stop the writer again and again; when it is done, the file grows no more."""
    monkeypatch.setattr(sqlite_connections, "WAL_PAGES", 4_000)
    monkeypatch.setattr(sqlite_connections, "READERS_MS", 500)
    checkpoint = Checkpointer(path)
    write(writer, 10)
    backup = sqlite3.connect(path)
    backup.execute("BEGIN")
    backup.execute("SELECT count(*) FROM t").fetchone()
    waited = []
    for _ in range(8):  # about a thousand frames each
        write(writer, 4_000, 1_000)
        began = time.monotonic()
        checkpoint(writer)
        waited.append(time.monotonic() - began > 0.45)
    assert 1 <= sum(waited) <= 3
    grown = wal_bytes(path)
    assert grown > 30 << 20
    backup.close()
    for _ in range(6):
        write(writer, 4_000, 1_000)
        checkpoint(writer)
    assert wal_bytes(path) < grown + (12 << 20)


def test_a_checkpoint_that_fails_is_tried_again(
    path: Path, writer: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never raises: nothing is lost by it."""
    monkeypatch.setattr(sqlite_connections, "CHECKPOINT_CHANGES", 1)
    checkpoint = Checkpointer(path)
    with writer.begin():
        raw(writer).execute("INSERT INTO t (content) VALUES (x'00')")
        checkpoint(writer)  # inside a transaction SQLite refuses
    write(writer, 5)
    checkpoint(writer)
    _, frames, copied = raw(writer).execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert frames == copied
