"""Read marks in large rooms: how many people have read up to where, for those who look.

Owns when that is counted. One message in a room of a thousand makes a thousand marks: nobody is told of each, and they are not
kept here. Whatever moves, a node asks the store once for all who look, and tells them the same.

Invariants:
1. A conversation is counted at most every `PAUSE_SECONDS`, and takes at most a `SHARE` of the time; nothing is counted where
   nobody looks.
2. Whatever moved after a count began is in the next one.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
import structlog

from madang.clock import Clock
from madang.contract.server_events import ReadSteps
from madang.errors import MadangError
from madang.gateway.feed import Feed
from madang.gateway.focus import Focus
from madang.gateway.packets import one_event
from madang.ports.sync import Sync
from madang.socketio import Traffic
from madang.tasks import TaskSupervisor

__all__ = ["StepCounts"]

PAUSE_SECONDS: Final = 0.5
SHARE: Final = 1 / 20
"""Of the time, that counting one conversation may take: a room of a hundred thousand is counted less often."""

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class StepCounts:
    """Counts, and tells those who look."""

    def __init__(self, *, focus: Focus, feed: Feed, sync: Sync, clock: Clock, tasks: TaskSupervisor) -> None:
        self._focus = focus
        self._feed = feed
        self._sync = sync
        self._clock = clock
        self._tasks = tasks
        self._pausing: dict[str, asyncio.TimerHandle | None] = {}
        """Conversations that are being counted (None), or were not long ago."""
        self._moved: set[str] = set()
        """Those of them in which something has moved since."""

    def moved(self, conversation_id: str) -> None:
        """A mark may have moved, or somebody has begun to look."""
        if not self._focus.of(conversation_id) or not self._feed.is_large(conversation_id):
            return
        if conversation_id in self._pausing:
            self._moved.add(conversation_id)
            return
        self._pausing[conversation_id] = None
        self._tasks.start(self._count(conversation_id), "read steps")

    def close(self) -> None:
        """Count no more. Safe to call twice."""
        for timer in self._pausing.values():
            if timer is not None:
                timer.cancel()
        self._pausing.clear()
        self._moved.clear()

    async def _count(self, conversation_id: str) -> None:
        began = self._clock.monotonic()
        try:
            steps = await self._sync.steps(conversation_id)
        except MadangError as error:
            _log.info("marks are counted later", reason=error.reason)
            self._moved.add(conversation_id)
        else:
            payload = _encode(ReadSteps(conversation_id=conversation_id, steps=steps))
            frames = one_event("message:reads", payload)
            for connection in self._focus.of(conversation_id):
                connection.socket.send(frames, traffic=Traffic.LATEST, key=f"reads:{conversation_id}")
        finally:
            pause = max(PAUSE_SECONDS, (self._clock.monotonic() - began) / SHARE)
            if conversation_id in self._pausing:  # else it has been closed
                self._pausing[conversation_id] = asyncio.get_running_loop().call_later(
                    pause, self._pause_over, conversation_id
                )

    def _pause_over(self, conversation_id: str) -> None:
        del self._pausing[conversation_id]
        if conversation_id in self._moved:
            self._moved.discard(conversation_id)
            self.moved(conversation_id)
