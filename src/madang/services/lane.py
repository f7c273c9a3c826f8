"""A lane: batches that form by themselves.

Owns the one idea of Madang: at most one batch is in flight, and the next batch is whatever arrived meanwhile. No timer
waits for a batch to fill, so an idle lane adds no delay and a busy one gets cheaper per item as load rises.

Invariants:
1. Batches are committed one after another, in the order they were taken.
2. The next commit is under way before the results of the one before are handed out, so the store and the fan-out work
   at the same time; results are still handed out in commit order.
3. A commit is never cancelled by whoever waits for it.

    IDLE -> BUSY [wake]     BUSY -> IDLE [_run, when nothing is left to take or to settle]
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

from madang.errors import MadangError, outcome_unknown
from madang.tasks import TaskSupervisor

__all__ = ["Lane"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_log = structlog.get_logger(__name__)


class Lane(Generic[Item, Result]):
    """Runs `commit` over batches given by `take` and hands the outcome to `settle`.

    Args:
        take: the next batch, empty if there is nothing; called when the lane is free.
        commit: one result per item, in order.
        settle: gets a batch with its results, or with the error that spoiled all of it. It may await to give other
            work a turn, but must not wait for the lane itself.
    """

    def __init__(
        self,
        name: str,
        *,
        take: Callable[[], list[Item]],
        commit: Callable[[list[Item]], Awaitable[list[Result]]],
        settle: Callable[[list[Item], list[Result] | MadangError], Awaitable[None]],
        tasks: TaskSupervisor,
    ) -> None:
        self._name = name
        self._take = take
        self._commit = commit
        self._settle = settle
        self._tasks = tasks
        self._running: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There is something to take. Cheap when the lane is busy already."""
        if self._running is None:
            self._running = self._tasks.start(self._run(), f"lane {self._name}")

    async def idle(self) -> None:
        """Wait until everything taken has been settled. Safe to cancel."""
        while self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        finished: tuple[list[Item], list[Result] | MadangError] | None = None
        try:
            while True:
                batch = self._take()
                if not batch and finished is None:
                    return
                commit = asyncio.ensure_future(self._attempt(batch)) if batch else None
                if finished is not None:
                    if commit is not None:
                        await asyncio.sleep(0)  # it sets off before the results of the last one keep the loop busy
                    await self._hand_out(*finished)
                finished = (batch, await commit) if commit is not None else None
        finally:
            self._running = None

    async def _hand_out(self, batch: list[Item], outcome: list[Result] | MadangError) -> None:
        try:
            await self._settle(batch, outcome)
        except Exception as error:  # noqa: BLE001  # a lane must outlive any batch; what follows is in flight already
            _log.exception("the results of a batch were not handed out", lane=self._name, exc_info=error)

    async def _attempt(self, batch: list[Item]) -> list[Result] | MadangError:
        try:
            return await self._commit(batch)
        except MadangError as error:
            return error
        except Exception as error:  # noqa: BLE001  # a lane must outlive any batch; it is logged and answered
            _log.exception("a batch failed", lane=self._name, items=len(batch), exc_info=error)
            return outcome_unknown("the outcome is unknown: send it again with the same id")
