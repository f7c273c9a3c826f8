"""SQLite files as what an installation is copied from, and into.

Owns that a copy is all or nothing: it is made in a draft beside its place and renamed when it is complete and flushed.

Invariants:
1. Nobody else has the file of the source or the place of the target open: the lock of a server is held.
2. The source is read in one transaction on a connection that cannot write.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DatabaseError

from madang.config import SettingsError
from madang.storage.copying import refuse_unless_empty
from madang.storage.installation import epoch_of
from madang.storage.migrate import refuse_other_revision, upgrade
from madang.storage.sqlite_connections import filling_engine, raw, reader_engine
from madang.storage.sqlite_files import FolderLock, check_folder
from madang.storage.tables import metadata

__all__ = ["sqlite_source", "sqlite_target"]


@contextmanager
def sqlite_source(path: Path, setting: str) -> Iterator[Connection]:
    """One snapshot of a file.

    Raises:
        SettingsError: of `setting`: there is none, it is not a store of this version, a server has it open.
    """
    if not path.is_file():
        raise SettingsError(setting, f"there is no file {path}.")
    with _locked(path, setting), _connected(path, setting) as conn, conn.begin():
        raw(conn).set_progress_handler(None, 0)  # the limit of ordinary reads
        refuse_other_revision(conn, setting)
        yield conn


@contextmanager
def sqlite_target(path: Path, setting: str, now: int) -> Iterator[Connection]:
    """A transaction on an empty store, which stands at `path` when the context ends without an error, and not before.

    Raises:
        SettingsError: of `setting`: something is there, the folder cannot be used, a server has it open.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(setting, f"cannot write to {path.parent}: {error.strerror}.") from None
    with _locked(path, setting):
        if path.exists():
            with _connected(path, setting) as conn:
                _refuse_others(conn, setting)
                refuse_unless_empty(conn, setting)
        draft = path.with_name(f"{path.name}.copying")
        draft.unlink(missing_ok=True)  # of an attempt that was killed
        try:
            with filling_engine(draft).connect() as conn:
                with conn.begin():
                    upgrade(conn, setting)
                    epoch_of(conn, now)
                with conn.begin():
                    yield conn
            _put(draft, path)
        finally:
            draft.unlink(missing_ok=True)


def _refuse_others(conn: Connection, setting: str) -> None:
    """The file will be replaced, so nothing else may be in it."""
    others = set(inspect(conn).get_table_names()) - {*metadata.tables, "alembic_version"}
    if others:
        raise SettingsError(setting, f"there is something else in it ({min(others)}): name another file.")


@contextmanager
def _locked(path: Path, setting: str) -> Iterator[None]:
    check_folder(path.parent, setting)
    lock = FolderLock(path.with_name(f"{path.name}.lock"))
    lock.take(setting)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _connected(path: Path, setting: str) -> Iterator[Connection]:
    """A connection that reads, to something that is a database at all."""
    try:
        conn = reader_engine(path).connect()
        raw(conn).execute("SELECT count(*) FROM sqlite_schema")
    except (DatabaseError, sqlite3.Error) as error:
        raise SettingsError(setting, f"{path} is no database of SQLite ({error}).") from None
    with conn:
        yield conn


def _put(draft: Path, path: Path) -> None:
    """Flush a draft, then give it its name."""
    for suffix in ("-wal", "-shm"):  # of the empty store that stood here; they would be taken for the new one's
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    _flush(draft)
    draft.replace(path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
