"""Running a coroutine as a whole program does: on the fastest loop the platform has."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

__all__ = ["run"]


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end."""
    if sys.platform == "win32":
        asyncio.run(work)
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)
