"""What SQLite's errors mean."""

import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from madang.errors import ErrorCode, MadangError
from madang.storage.sqlite_errors import translated

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024  # the shape of shutil.disk_usage, whose class is private


def failed(code: int) -> sqlite3.OperationalError:
    """An error of SQLite with this code."""
    error = sqlite3.OperationalError("something")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "free", "expected"),
    [
        (sqlite3.SQLITE_FULL, 10**12, ErrorCode.STORAGE_FULL),
        (sqlite3.SQLITE_IOERR_WRITE, 4_096, ErrorCode.STORAGE_FULL),
        (sqlite3.SQLITE_IOERR_SHMSIZE, 0, ErrorCode.STORAGE_FULL),
        (sqlite3.SQLITE_IOERR_WRITE, 10**12, ErrorCode.TRY_AGAIN),
        (sqlite3.SQLITE_CORRUPT, 0, ErrorCode.TRY_AGAIN),
        (sqlite3.SQLITE_BUSY, 0, ErrorCode.TRY_AGAIN),
    ],
)
def test_a_full_disk_is_told_from_a_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, free: int, expected: ErrorCode
) -> None:
    """By the code, and for failed writes by the space that is left; as it comes from either layer."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, free))
    for error in (failed(code), OperationalError("SELECT", {}, failed(code))):
        found = translated(error, tmp_path)
        assert isinstance(found, MadangError)
        assert found.code is expected


def test_what_is_not_of_sqlite_stays_what_it_is(tmp_path: Path) -> None:
    """A defect is not dressed up as trouble of the database."""
    error = ValueError("a defect")
    assert translated(error, tmp_path) is error
