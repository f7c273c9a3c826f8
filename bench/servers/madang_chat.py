"""`madang serve` with a stop-watch on its event loop: how long did one turn ever keep everybody else waiting?

Takes the flags of `madang serve`. At SIGUSR1 it prints one line of JSON with the longest stalls since the last such
line, and begins anew. Nothing of the server is replaced; a timer of one millisecond runs beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import signal
import sys
import time
from typing import Final

import uvloop

from madang.app.server import serve
from madang.config import load_settings
from madang.telemetry import configure_logging

TICK_SECONDS: Final = 0.001


class StallWatch:
    """Notes how much later than due a timer fires, and how much of that was processor time of the loop's thread.

    A stall with little processor time is the machine's: the thread was ready and had no core, or no interpreter lock.
    The longest run of the garbage collector is noted too, because it stops the loop whichever thread it happens in.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._used = 0.0
        self._worst = 0.0
        self._worst_own = 0.0
        self._collecting = 0.0
        self._worst_collection = 0.0
        gc.callbacks.append(self._collected)
        self._schedule()

    def _collected(self, phase: str, _: object) -> None:
        if phase == "start":
            self._collecting = time.thread_time()
        else:
            self._worst_collection = max(self._worst_collection, time.thread_time() - self._collecting)

    def _schedule(self) -> None:
        self._used = time.thread_time()
        self._due = time.perf_counter() + TICK_SECONDS
        self._loop.call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        late = time.perf_counter() - self._due
        self._worst = max(self._worst, late)
        self._worst_own = max(self._worst_own, min(late, time.thread_time() - self._used))
        self._schedule()

    def report(self) -> None:
        """Print the longest stalls in seconds, and begin anew."""
        found = {"stall": self._worst, "own": self._worst_own, "collection": self._worst_collection}
        print(json.dumps(found), flush=True)
        self._worst = self._worst_own = self._worst_collection = 0.0


async def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port")
    parser.add_argument("--data")
    settings = load_settings(vars(parser.parse_args()))
    configure_logging(settings.log, settings.log_level, sys.stderr)
    watch = StallWatch()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, watch.report)
    await serve(settings, lambda _: None)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
