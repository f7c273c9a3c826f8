"""What repository functions run on: something that reads from a snapshot and writes in a transaction.

Owns the seam between the nouns and the databases. A repository function is sync, takes the connection first and knows
neither threads nor event loops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, func, select

__all__ = ["Database", "StartOverError", "in_transaction", "one_at_a_time"]

P = ParamSpec("P")
T = TypeVar("T")


class Database(Protocol):
    """Runs repository functions.

    Both methods may be called concurrently. Cancelling the caller never cancels the work: what had been started, or only
    asked for, still happens, and its outcome is lost.

    Raises:
        MadangError: `try_again` if the database cannot be reached, `unavailable` unless it is open, `storage_full` if its disk
            is full; and whatever the function raises, after everything it did has been rolled back.
    """

    @property
    def epoch(self) -> str:
        """The history the counters belong to; known while the database is open."""
        ...

    async def read(self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` on one snapshot; it must not write."""
        ...

    async def write(self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in one transaction and return when that is committed and flushed. It may raise `StartOverError`."""
        ...


class StartOverError(Exception):
    """Raised by a repository function that wants its transaction undone and something else done in its place, at once."""

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        super().__init__("the transaction starts over")
        self.work = work


def in_transaction(conn: Connection, work: Callable[[Connection], T]) -> T:
    """Run `work` in a transaction of its own, and once more if it asks to start over."""
    try:
        with conn.begin():
            return work(conn)
    except StartOverError as instead:
        with conn.begin():
            result: T = instead.work(conn)
            return result


def one_at_a_time(conn: Connection, subject: str) -> None:
    """Let nobody else past this line with the same subject until the transaction ends: for decisions that rest on rows
    which do not exist yet, and so cannot be locked. A database with one writer has that already.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(subject, 0))))
