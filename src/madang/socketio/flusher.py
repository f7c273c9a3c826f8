"""Writes dirty outboxes, once per tick and within a time budget, so that no fan-out ever holds the loop.

Owns the list of outboxes that have something to write and the one callback that walks it. What does not fit into the
budget of a turn goes on in the next, after other work of the loop had its chance. Must never write outside its
callback or an explicit ``flush_now``: that is what joins the packets of a tick into one write.

Owns the counters of the way out as well, because it is the one object that every outbox knows.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from madang.socketio.heartbeat import TimerWheel, monotonic

if TYPE_CHECKING:
    from madang.socketio.options import ServerOptions
    from madang.socketio.outbox import Outbox

_log = logging.getLogger("madang.socketio")


class Flusher:
    """The one walker of dirty outboxes of a server."""

    def __init__(self, options: ServerOptions, wheel: TimerWheel) -> None:
        self.options = options
        self.wheel = wheel
        self.bytes_out = 0
        self.frames_out = 0
        self.slow_closes = 0
        self.dropped_volatile = 0
        self._dirty: deque[Outbox] = deque()
        self._scheduled = False

    def add(self, outbox: Outbox) -> None:
        """Have an outbox flushed in this tick, or as soon after it as the budget allows."""
        outbox.dirty = True
        self._dirty.append(outbox)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def flush_now(self, outbox: Outbox) -> None:
        """Flush one outbox without waiting for the tick to end, as a waiting poll or a farewell wants."""
        if outbox.flush() and not outbox.dirty:
            self.add(outbox)

    def _turn(self) -> None:
        dirty = self._dirty
        deadline = monotonic() + self.options.turn_budget
        while dirty:
            outbox = dirty.popleft()
            try:
                more = outbox.flush()
            except Exception:  # noqa: BLE001  # one broken connection must not keep the others from being written
                _log.exception("flushing an outbox failed")
                continue
            if more and not outbox.dirty:
                outbox.dirty = True
                dirty.append(outbox)
            if monotonic() > deadline:
                break
        if dirty:
            asyncio.get_running_loop().call_soon(self._turn)
        else:
            self._scheduled = False
