"""Threads that hold SQLite connections.

Owns how work gets from the event loop to a connection and back. Must never look at what the work does.

Invariants:
1. A connection belongs to one thread and runs one piece of work at a time, in the order of `submit`.
2. Once submitted, work is done, whether somebody still waits for it or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Connection

from madang.errors import ErrorCode, MadangError

__all__ = ["ConnectionThreads"]

T = TypeVar("T")
_log = structlog.get_logger(__name__)

_Settle = Callable[[Any, BaseException | None], None]
_Job = tuple[Callable[[Connection], Any], _Settle]


class ConnectionThreads:
    """One thread per connection, all fed from one queue."""

    def __init__(
        self, name: str, connections: Sequence[Connection], *, between: Callable[[Connection], None] | None = None
    ) -> None:
        """Start the threads; `between` runs on a thread after each result has been handed over."""
        self._jobs: Final[SimpleQueue[_Job | None]] = SimpleQueue()
        self._between = between
        self._closed = False
        self._threads = [
            Thread(target=self._run, args=(connection,), name=f"madang-{name}-{number}", daemon=True)
            for number, connection in enumerate(connections)
        ]
        for thread in self._threads:
            thread.start()

    def __len__(self) -> int:
        """Pieces of work that wait."""
        return self._jobs.qsize()

    def submit(self, work: Callable[[Connection], T]) -> asyncio.Future[T]:
        """Queue `work`. Cancelling the future abandons the result, not the work.

        Raises:
            MadangError: `unavailable` after `close`.
        """
        if self._closed:
            raise MadangError(ErrorCode.UNAVAILABLE, "the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: T, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        def hand_over(result: T, error: BaseException | None) -> None:
            try:
                loop.call_soon_threadsafe(settle, result, error)
            except RuntimeError:  # the loop has closed: nobody is left to hear it
                _log.debug("a result of the store had no listener")

        self._jobs.put((work, hand_over))
        return future

    def _run(self, connection: Connection) -> None:
        while (job := self._jobs.get()) is not None:
            work, hand_over = job
            del job
            try:
                result = work(connection)
            except BaseException as error:  # noqa: BLE001  # it belongs to whoever asked, and the thread must live on
                hand_over(None, error)
            else:
                hand_over(result, None)
                del result
            del work, hand_over
            if self._between is not None:
                self._between(connection)
        connection.close()

    async def close(self) -> None:
        """Do what was submitted, then end the threads and close their connections. Safe to call twice."""
        if not self._closed:
            self._closed = True
            for _ in self._threads:
                self._jobs.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
