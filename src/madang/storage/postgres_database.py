"""Running work on PostgreSQL: repository functions in transactions, hot functions in one call.

Owns what is tried again and what is not, and that a caller who gives up never cancels work.

Invariants:
1. Work runs in a task of its own; a caller that is cancelled abandons the result only.
2. What is certainly undone (a deadlock, a connection lost before the commit was asked for) is done again, within
   `PATIENCE_SECONDS`. A commit whose answer was lost is tried again only by who knows that twice is once.
3. `close` waits for everything that was started.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import monotonic
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from madang.errors import ErrorCode, MadangError
from madang.storage.database import StartOverError
from madang.storage.postgres_connections import Pools
from madang.storage.postgres_errors import Trouble, translated, trouble

__all__ = ["PostgresDatabase"]

PATIENCE_SECONDS: Final = 4.0
"""How long work may take with all its attempts: callers are answered within 5 seconds."""
ATTEMPT_SECONDS: Final = 3.0
"""How long one attempt may take; the server gives up by itself, unless it has fallen silent."""
FIRST_PAUSE_SECONDS: Final = 0.02
LONGEST_PAUSE_SECONDS: Final = 0.5

P = ParamSpec("P")
T = TypeVar("T")
_log = structlog.get_logger(__name__)


class _Attempt:
    """How far an attempt at a transaction has come."""

    committing = False


def _transaction(conn: Connection, work: Callable[[Connection], T], attempt: _Attempt) -> T:
    """Run `work` in a transaction, and once more if it asks to start over."""
    try:
        with conn.begin():
            result = work(conn)
            attempt.committing = True
            return result
    except StartOverError as instead:
        with conn.begin():
            other: T = instead.work(conn)
            attempt.committing = True
            return other


class PostgresDatabase:
    """The `Database` of a server, open or not."""

    def __init__(self) -> None:
        self._pools: Pools | None = None
        self._epoch = ""
        self._check: Callable[[], None] = lambda: None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reachable = True

    @property
    def epoch(self) -> str:
        self._open()
        return self._epoch

    @property
    def pools(self) -> Pools:
        """The connections.

        Raises:
            MadangError: `unavailable` if it is not open.
        """
        return self._open()

    def open(self, pools: Pools, epoch: str, check: Callable[[], None]) -> None:
        """Take work from now on; `check` raises while none may be begun."""
        self._pools, self._epoch, self._check = pools, epoch, check

    async def close(self) -> None:
        """Finish what was started, then close the connections. Safe to call twice."""
        pools, self._pools = self._pools, None
        if pools is None:
            return
        while self._tasks:
            await asyncio.wait(self._tasks)
        await pools.close(farewell=self._reachable)

    async def read(self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        engine = self._open().reads
        return await self.detached(
            self.repeated(lambda: self._run(engine, lambda conn: work(conn, *args, **kwargs), _Attempt()))
        )

    async def write(self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.detached(self.transaction(self._open().writes, lambda conn: work(conn, *args, **kwargs)))

    async def transaction(self, engine: AsyncEngine, work: Callable[[Connection], T], *, safe_twice: bool = False) -> T:
        """Run `work` in one transaction; call it inside `detached`. If it is `safe_twice`, a commit whose answer was lost
        is done again.
        """
        attempt = _Attempt()

        async def once() -> T:
            attempt.committing = False
            return await self._run(engine, work, attempt)

        return await self.repeated(
            once, again=lambda found: safe_twice or not (attempt.committing and found is Trouble.LOST)
        )

    async def call(self, engine: AsyncEngine, statement: str, *arguments: object) -> list[Any]:
        """Run one statement as a transaction of its own, without SQLAlchemy in between; call it inside `detached`.

        Raises:
            Exception: the driver's, as it is.
        """
        self._check()
        async with engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            try:
                return list(await driver.fetch(statement, *arguments))
            except asyncio.CancelledError:
                driver.terminate()  # as in _run
                raise
            except Exception as error:
                if driver.is_closed() or trouble(error) in {None, Trouble.LOST}:
                    await connection.invalidate()
                raise

    async def answered(
        self, engine: AsyncEngine, statement: str, arguments: Callable[[bool], Sequence[object]]
    ) -> tuple[list[Any], bool]:
        """Make a call that is safe twice until it is answered; inside `detached`.

        Returns:
            The rows, and whether an earlier call may have been committed without an answer. `arguments` is told the same.

        Raises:
            MadangError: `try_again`, `storage_full`.
            Exception: a data error, as it is.
        """
        lost = False

        async def once() -> list[Any]:
            nonlocal lost
            try:
                return await self.call(engine, statement, *arguments(lost))
            except Exception as error:
                lost = lost or trouble(error) is Trouble.LOST
                raise

        return await self.repeated(once), lost

    async def detached(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in a task of its own and wait for it. Cancelling abandons the result, not the work."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def repeated(
        self, once: Callable[[], Awaitable[T]], *, again: Callable[[Trouble], bool] = lambda _: True
    ) -> T:
        """Try until it succeeds, or patience ends.

        Raises:
            MadangError: `try_again`, `storage_full`.
            Exception: a data error, or what is not about the database, as it is.
        """
        deadline, pause = monotonic() + PATIENCE_SECONDS, FIRST_PAUSE_SECONDS
        while True:
            try:
                async with asyncio.timeout(min(ATTEMPT_SECONDS, deadline - monotonic())):
                    result = await once()
            except Exception as error:
                found = trouble(error)
                lasting = found not in {Trouble.UNDONE, Trouble.LOST} or monotonic() + pause > deadline
                if lasting or found is None or not again(found):
                    self._note(error, found)
                    raise translated(error) from error
            else:
                self._note_success()
                return result
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _run(self, engine: AsyncEngine, work: Callable[[Connection], T], attempt: _Attempt) -> T:
        self._check()
        async with engine.connect() as connection:
            try:
                return await connection.run_sync(_transaction, work, attempt)
            except asyncio.CancelledError:
                # A farewell to a server that has fallen silent would take seconds more.
                sync = connection.sync_connection
                if sync is not None and not sync.invalidated and sync.connection.driver_connection is not None:
                    sync.connection.driver_connection.terminate()
                raise

    def _open(self) -> Pools:
        if self._pools is None:
            raise MadangError(ErrorCode.UNAVAILABLE, "the store is not open")
        return self._pools

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may have gone: then nobody hears it, and asyncio shall not complain

    def _note(self, error: Exception, found: Trouble | None) -> None:
        """A server that is gone is logged once, not with every request."""
        if found is None or found is Trouble.DATA:
            return
        if found is Trouble.LOST:
            if self._reachable:
                _log.error("the database cannot be reached", reason=f"{type(error).__name__}: {error}")
            self._reachable = False
        else:
            _log.error("the database failed", reason=str(getattr(error, "orig", error)))

    def _note_success(self) -> None:
        if not self._reachable:
            self._reachable = True
            _log.info("the database can be reached again")
