"""What a process of Madang asks of its machine: when to stop, how long that may take, and how to spend its time."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from threading import Timer
from typing import Any, Final

import structlog

__all__ = ["either", "settle_down", "stop_signals"]

SWITCH_SECONDS: Final = 0.0005
"""How long a thread may keep the interpreter while another wants it. With Python's own 5 ms a commit waits 8 to 25 ms
for a busy event loop, with this less than 1."""

COLLECT_AFTER: Final = (10_000, 20, 1_000)
"""When the collector looks, by generation. Nothing per socket or message is a cycle, so there is little for it to find;
with Python's own thresholds a batch for a thousand members pauses the loop for up to 40 ms, with these for up to 7."""

_log = structlog.get_logger(__name__)


async def either(*events: Coroutine[Any, Any, object]) -> None:
    """Wait for the first of them."""
    waiting = [asyncio.ensure_future(event) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def stop_signals(seconds: float, stack: ExitStack) -> tuple[asyncio.Event, Callable[[], None]]:
    """Set by SIGTERM and SIGINT, which start the time that stopping may take; the stack ends it. A second Ctrl+C ends the
    process at once, which the store survives; a second SIGTERM does not, because supervisors send it to the process and to
    its group. Beside it, what does the same without a signal.
    """
    overdue = Timer(seconds, _end_as_it_is)  # a thread, because the loop may be what hangs
    overdue.daemon = True
    stack.callback(overdue.cancel)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if not stopping.is_set():
            overdue.start()
        stopping.set()

    def interrupt() -> None:
        stop()
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    loop.add_signal_handler(signal.SIGINT, interrupt)
    loop.add_signal_handler(signal.SIGTERM, stop)
    return stopping, stop


def settle_down() -> None:
    """What was made at start lives as long as the process: the collector need not look at it again."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _end_as_it_is() -> None:
    """End the process although something hangs; the store survives that as it survives a crash."""
    _log.error("stopping hangs: ending as it is")
    os._exit(1)
