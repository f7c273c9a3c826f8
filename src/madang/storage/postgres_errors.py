"""What PostgreSQL's errors mean to whoever called.

Owns the questions asked of an error: is it the fault of one row, is the work certainly undone so that doing it again is
safe, has the connection been lost, is the disk full. Nothing more is known of any other: `outcome_unknown`.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Any, Final

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFreeError

from madang.errors import ErrorCode, MadangError, outcome_unknown

__all__ = ["Trouble", "plain", "sqlstate", "translated", "trouble"]

UNIQUE_VIOLATION: Final = "23505"

_UNDONE: Final = {"40001", "40P01", "55P03", "57014"}
"""Serialization failure, deadlock, lock not available in time, statement cancelled for its time."""
_FULL: Final = {"53100", "53200"}
_LOST: Final = {"57P01", "57P02", "57P03", "57P05", "53300", "25006"}
"""The server is going, has crashed, is coming, was idle too long; has too many clients; has become read-only."""


class Trouble(Enum):
    """What an error says of the work and of the connection."""

    DATA = auto()
    """A row that cannot be stored, whatever is stored beside it."""
    UNDONE = auto()
    """Nothing of the transaction was kept; the same again may succeed."""
    LOST = auto()
    """There is no connection any more, or there was none."""
    FULL = auto()
    """No room on the disk; nothing of the transaction was kept."""
    OTHER = auto()


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's code, empty if the error is none of PostgreSQL's."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(original, "sqlstate", None) or "")


def trouble(error: BaseException) -> Trouble | None:
    """What an error is; None if it is not about the database."""
    if isinstance(error, NoConnectionFreeError | TimeoutError | asyncio.TimeoutError | OSError):
        return Trouble.LOST
    code = sqlstate(error)
    if code in _UNDONE:
        return Trouble.UNDONE
    if code in _FULL:
        return Trouble.FULL
    if code in _LOST or code.startswith("08"):
        return Trouble.LOST
    if code[:2] in {"22", "23"}:
        return Trouble.DATA
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return Trouble.LOST
        cause: BaseException | None = error.orig
        while cause is not None and not isinstance(cause, asyncpg.InterfaceError | OSError):
            cause = cause.__cause__
        return Trouble.OTHER if cause is None else Trouble.LOST
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return Trouble.LOST
    return Trouble.OTHER if isinstance(error, asyncpg.PostgresError) else None


def plain(error: Exception) -> str:
    """The server's sentence, or the system's, without anything of the URL."""
    original: Any = getattr(error, "orig", None) or error
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "it does not answer"
    if isinstance(original, asyncpg.PostgresError) or sqlstate(error):
        return str(original.args[0]).rstrip(".")
    return (getattr(original, "strerror", None) or str(original) or type(original).__name__).rstrip(".")


def translated(error: Exception) -> Exception:
    """The error to raise instead; the original stays its cause."""
    match trouble(error):
        case None | Trouble.DATA:
            return error
        case Trouble.FULL:
            return MadangError(ErrorCode.STORAGE_FULL, "the disk of the store is full")
        case _:
            return outcome_unknown("the store cannot be reached")
