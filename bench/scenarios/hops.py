"""The hop between nodes: what a message on the bus costs who says it, who hears it, and the server between them.

Owns buses of this process on a real Valkey; their processor time is this process'. It has no part of a node around it, so it says
what the hop costs and not how long one takes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final

import uvloop

from bench.errors import BenchError
from bench.processes import processor_seconds, resident_bytes
from madang.clock import SystemClock
from madang.cluster.bus import RedisBus
from madang.ids import new_id
from madang.ports.bus import LogAppended, LogEntry, conversation_channel
from madang.tasks import TaskSupervisor
from tests.valkey_server import ValkeyServer

LISTENERS: Final = 4
TURNS: Final = 3
"""How often each channel is published to."""
AT_ONCE: Final = 5
"""Messages that leave in one turn of the loop, as of a node that is neither idle nor flooded."""
PAYLOAD: Final = b'{"message":"%b"}' % (b"m" * 500)
_WAIT_SECONDS: Final = 30.0


def measure_hops(valkey: ValkeyServer, channels: int) -> dict[str, tuple[float, float]]:
    """Names of figures to what they are for a node and for Valkey. CPU in µs, memory in bytes.

    Args:
        valkey: a server that has nothing else to do.
        channels: how many conversations there are.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as a node has it
        return runner.run(_measure(valkey, channels))


async def _measure(valkey: ValkeyServer, count: int) -> dict[str, tuple[float, float]]:
    tasks, installation = TaskSupervisor(), new_id()
    names = [conversation_channel(new_id()) for _ in range(count)]
    async with AsyncExitStack() as stack:
        buses, ears = [], [_Ears() for _ in range(1 + LISTENERS)]
        for each in ears:
            bus = RedisBus(valkey.url, installation=installation, clock=SystemClock(), tasks=tasks)
            stack.push_async_callback(bus.close)
            bus.listen(each.hear)
            await bus.start()
            buses.append(bus)
        speaker, listeners = buses[0], buses[1:]
        nothing = await _say(valkey, lambda _: None, names, [])
        spoken = await _say(valkey, _publish(speaker), names, [])
        memory, meter = resident_bytes(valkey.pid), _Meter(valkey)
        for bus in listeners:
            await bus.subscribe(names)
        subscribed = meter.read(count * LISTENERS)
        taken = (resident_bytes(valkey.pid) - memory) / (count * LISTENERS)
        heard = await _say(valkey, _publish(speaker), names, ears[1:])
    return {
        "publishing to other nodes, CPU µs": (spoken[0] - nothing[0], spoken[1] - nothing[1]),
        "hearing another node, CPU µs": ((heard[0] - spoken[0]) / LISTENERS, (heard[1] - spoken[1]) / LISTENERS),
        "subscribing to a channel, CPU µs": subscribed,
        "a channel subscribed to, bytes": (0.0, taken),
    }


class _Ears:
    """Counts what a bus has heard."""

    def __init__(self) -> None:
        self.heard = 0

    def hear(self, _channel: str, _message: object) -> None:
        self.heard += 1


class _Meter:
    """Processor time of this process and of Valkey from its construction."""

    def __init__(self, valkey: ValkeyServer) -> None:
        self._valkey = valkey
        self._begun = time.process_time(), processor_seconds(valkey.pid)

    def read(self, operations: int) -> tuple[float, float]:
        """Microseconds of each for one of so many operations."""
        own, server = self._begun
        used = time.process_time() - own, processor_seconds(self._valkey.pid) - server
        return used[0] / operations * 1e6, used[1] / operations * 1e6


def _publish(speaker: RedisBus) -> Callable[[str], None]:
    entry = LogEntry(version=1, seq=1, epoch="e", event="message:new", payload=PAYLOAD)
    return lambda name: speaker.publish(name, LogAppended(conversation_id=name, entries=(entry,)))


async def _say(
    valkey: ValkeyServer, say: Callable[[str], None], names: Sequence[str], ears: Sequence[_Ears]
) -> tuple[float, float]:
    """What one message costs, with those ears all hearing it.

    Raises:
        BenchError: something was not heard.
    """
    meter, said = _Meter(valkey), 0
    for _ in range(TURNS):
        for name in names:
            say(name)
            said += 1
            if said % AT_ONCE == 0:
                await asyncio.sleep(0.001)
    deadline = time.monotonic() + _WAIT_SECONDS
    while any(each.heard < said for each in ears):
        if time.monotonic() > deadline:
            raise BenchError(f"of {said} messages {[each.heard for each in ears]} were heard")
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.1)
    return meter.read(said)
