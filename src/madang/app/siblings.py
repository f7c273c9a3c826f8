"""One of several processes that share a port: which it is, who watches it, and metrics that speak of all of them.

Owns what a worker knows of its siblings: a folder where each has its sockets. Whichever of them is asked for metrics asks the
others and answers for all, each sample with the number of its worker; so it does not matter whom a scrape reaches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Self

from madang.telemetry import Metrics, merged

__all__ = ["Worker", "WorkerMetrics"]

ANSWER_SECONDS: Final = 1.0
"""After this a worker is left out of the metrics."""
MOST_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Worker:
    """This process among its siblings."""

    number: int
    """From 0; a process that takes the place of another has its number."""
    folder: Path
    """Where they find each other, for their user only."""
    supervisor: Connection
    """Nothing comes from it but its end."""

    def stop_with_supervisor(self, stop: Callable[[], None]) -> None:
        """Stop when the supervisor has ended, however it did."""
        loop, descriptor = asyncio.get_running_loop(), self.supervisor.fileno()

        def ended() -> None:
            loop.remove_reader(descriptor)
            stop()

        loop.add_reader(descriptor, ended)


class WorkerMetrics:
    """The metrics of all workers, from any of them."""

    def __init__(self, worker: Worker, own: Metrics) -> None:
        self._worker = worker
        self._own = own

    @classmethod
    async def open(cls, worker: Worker, own: Metrics, stack: AsyncExitStack) -> Self:
        """Tell siblings this worker's metrics when they ask."""
        metrics = cls(worker, own)
        place = metrics._place(worker.number)  # of this class
        place.unlink(missing_ok=True)  # of the process that was here before
        server = await asyncio.start_unix_server(metrics._tell, place)  # of this class
        stack.callback(server.close)
        return metrics

    async def __call__(self) -> tuple[bytes, str]:
        """The text Prometheus reads, and its content type."""
        text, content_type = await self._own.exposition()
        numbers = sorted(int(place.stem) for place in self._worker.folder.glob("*.metrics"))
        others = [number for number in numbers if number != self._worker.number]
        answers = await asyncio.gather(*(self._ask(number) for number in others))
        pages = {self._worker.number: text} | dict(zip(others, answers, strict=True))
        return merged({str(number): page for number, page in sorted(pages.items()) if page}), content_type

    async def _tell(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await self._own.exposition())[0])
        writer.close()

    async def _ask(self, number: int) -> bytes:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._place(number))
                try:
                    return await reader.read(-1)
                finally:
                    writer.close()
        return b""

    def _place(self, number: int) -> Path:
        return self._worker.folder / f"{number}.metrics"
