"""Buses of several nodes on one Redis server, in this process: what tests of the bus between nodes stand on.

Owns their making and what each has heard. They are the real ones, with shorter waits where a test asks for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from madang.clock import SystemClock
from madang.cluster.bus import RedisBus
from madang.ids import new_id
from madang.ports.bus import BusMessage, LogAppended, LogEntry
from madang.tasks import TaskSupervisor

__all__ = ["Node", "eventually", "log_entry", "nodes"]

WAIT_SECONDS: Final = 10.0


@dataclass(kw_only=True)
class Node:
    """One node's bus and what it has heard."""

    bus: RedisBus
    heard: list[tuple[str, BusMessage]] = field(default_factory=list)
    losses: int = 0
    """How often it was told that something may have been lost."""

    def listen(self) -> None:
        """Write down what comes."""

        def lost() -> None:
            self.losses += 1

        self.bus.listen(lambda channel, message: self.heard.append((channel, message)), lost)

    def versions(self, channel: str) -> list[int]:
        """Versions of the log entries heard on a channel, in order."""
        return [
            entry.version
            for where, message in self.heard
            if where == channel and isinstance(message, LogAppended)
            for entry in message.entries
        ]


def log_entry(version: int, payload: bytes = b"{}") -> LogAppended:
    """News of one version of a conversation."""
    entry = LogEntry(version=version, seq=version, epoch="e", event="message:new", payload=payload)
    return LogAppended(conversation_id="c", entries=(entry,))


@asynccontextmanager
async def nodes(url: str, count: int = 2, **options: Any) -> AsyncIterator[list[Node]]:
    """So many nodes of one installation for as long as the context lasts, started; nothing of them has failed."""
    tasks, installation = TaskSupervisor(), options.pop("installation", None) or new_id()
    made = [
        Node(bus=RedisBus(url, installation=installation, clock=SystemClock(), tasks=tasks, **options))
        for _ in range(count)
    ]
    try:
        for node in made:
            node.listen()
            await node.bus.start()
        yield made
    finally:
        for node in made:
            await node.bus.close()
        assert not len(tasks)
        assert not tasks.failures


async def eventually(happened: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not happened():  # noqa: ASYNC110  # anything, not an event
            await asyncio.sleep(0.005)
