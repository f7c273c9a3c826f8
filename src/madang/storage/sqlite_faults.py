"""Is the file itself sound? Asked by the doctor, never by a server: it reads everything."""

from __future__ import annotations

import sqlite3

from sqlalchemy import Connection

from madang.storage.sqlite_connections import raw

__all__ = ["find_faults"]


def find_faults(conn: Connection) -> list[str]:
    """What is wrong with pages, indexes and references, in SQLite's words; empty if nothing. What is too damaged to be
    examined is damaged.
    """
    try:
        return [*_pages(conn), *_references(conn)]
    except sqlite3.DatabaseError as error:
        return [str(error)]


def _pages(conn: Connection) -> list[str]:
    """Every page and index entry, checked against the others."""
    return [str(row[0]) for row in raw(conn).execute("PRAGMA integrity_check") if row[0] != "ok"]


def _references(conn: Connection) -> list[str]:
    """Every reference, checked against what it refers to."""
    return [
        f"row {row} of {table} refers to a row of {other} that does not exist"
        for table, row, other, _ in raw(conn).execute("PRAGMA foreign_key_check")
    ]
