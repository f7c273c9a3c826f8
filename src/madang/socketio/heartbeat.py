"""One timer wheel for all connections: pings, timeouts and checks without a task or a timer handle per socket.

Owns when the loop is woken. A target has at most one deadline on the wheel; deadlines are rounded up to the resolution,
targets that share one share a bucket, and only buckets that exist wake the loop, so an idle server sleeps. Setting and
cancelling cost O(1) plus O(log buckets) when a bucket is new.

Must never keep a target that was cancelled: a closed connection is free at once.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import math
import time
from typing import Protocol

_log = logging.getLogger("madang.socketio")
monotonic = time.monotonic

NO_SLOT = -1
_FIRING = -2
_FINEST, _COARSEST = 0.001, 0.05
_STEPS_PER_INTERVAL = 200


class Timed(Protocol):
    """Something with a deadline. ``slot`` belongs to the wheel; it starts as ``NO_SLOT``."""

    slot: int

    def on_timer(self, now: float) -> None:
        """Do what is due; set a new deadline here if there is another."""


class TimerWheel:
    """Deadlines in seconds of the monotonic clock, fired late by at most the resolution.

    Args:
        shortest: the shortest interval that matters, in seconds; the resolution is a two-hundredth of it, 1 to 50 ms.

    """

    def __init__(self, shortest: float) -> None:
        self.resolution = min(max(shortest / _STEPS_PER_INTERVAL, _FINEST), _COARSEST)
        self._buckets: dict[int, set[Timed]] = {}
        self._due: list[int] = []
        self._handle: asyncio.TimerHandle | None = None
        self._armed_for = 0
        self._reached = 0  # slots up to here have fired: a deadline in the past fires in the next one, never at once
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to fire, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._arm()

    def set(self, target: Timed, deadline: float) -> None:
        """Give a target its deadline, in place of the one it had."""
        self.cancel(target)
        slot = max(math.ceil(deadline / self.resolution), self._reached + 1)
        bucket = self._buckets.get(slot)
        if bucket is None:
            self._buckets[slot] = bucket = set()
            heapq.heappush(self._due, slot)
            if self._loop is not None and (self._handle is None or slot < self._armed_for):
                self._arm()
        bucket.add(target)
        target.slot = slot

    def cancel(self, target: Timed) -> None:
        """Take a target's deadline away; harmless when it has none."""
        if target.slot != NO_SLOT:
            bucket = self._buckets.get(target.slot)
            if bucket is not None:
                bucket.discard(target)
            target.slot = NO_SLOT

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._loop is not None and self._due:
            self._armed_for = self._due[0]
            delay = self._armed_for * self.resolution - monotonic()
            self._handle = self._loop.call_later(max(delay, 0), self._fire)

    def _fire(self) -> None:
        self._handle = None
        # The loop's clock may be a hair behind ours; half a step early is on time, and targets are told the full time.
        self._reached = max(self._reached, math.floor(monotonic() / self.resolution + 0.5))
        now = max(monotonic(), self._reached * self.resolution)
        while self._due and self._due[0] <= self._reached:
            bucket = self._buckets.pop(heapq.heappop(self._due))
            for target in bucket:
                target.slot = _FIRING
            for target in bucket:
                if target.slot == _FIRING:  # an earlier target of this bucket may have cancelled or moved this one
                    target.slot = NO_SLOT
                    try:
                        target.on_timer(now)
                    except Exception:  # noqa: BLE001  # one broken target must not stop the wheel
                        _log.exception("a timer failed")
        self._arm()
