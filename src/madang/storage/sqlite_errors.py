"""What SQLite's errors mean to whoever called.

Owns the two questions asked of an error: is it the fault of one row, and is the disk full. Nothing more is known of any
other: `outcome_unknown`.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from madang.errors import ErrorCode, MadangError, outcome_unknown

DATA_ERRORS: Final = (sqlite3.IntegrityError, sqlite3.DataError)
"""Raised by a single row that cannot be stored, whatever is stored beside it."""

_NO_ROOM_BYTES: Final = 1 << 20
"""Less free space than this makes a failed write a full disk: SQLite says `disk I/O error` when the WAL's index or a
flush meets it."""


def translated(error: Exception, folder: Path) -> Exception:
    """The error to raise instead; the original stays its cause."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(original, sqlite3.Error):
        return error
    if is_full(original, folder):
        return MadangError(ErrorCode.STORAGE_FULL, "the disk of the store is full")
    return outcome_unknown("the store cannot be reached")


def is_full(error: sqlite3.Error, folder: Path) -> bool:
    """Whether it failed for want of space."""
    code = getattr(error, "sqlite_errorcode", 0)  # absent when the module itself raised it
    if code & 0xFF == sqlite3.SQLITE_FULL:
        return True
    return code & 0xFF == sqlite3.SQLITE_IOERR and shutil.disk_usage(folder).free < _NO_ROOM_BYTES
