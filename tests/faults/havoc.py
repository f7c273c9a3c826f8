"""Havoc: at times that chance chooses, something of an installation is killed, stands still, or is cut off.

Owns the plan, which follows from its seed alone, and its carrying out. Several things may be in trouble at once, one thing never
twice. When it is over everything runs, and every line carries faithfully.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from types import MappingProxyType
from typing import Final

from tests.faults.proxy import Direction, Proxy
from tests.faults.world import World
from tests.postgres_server import PostgresServer
from tests.server_process import ServerProcess
from tests.valkey_server import ValkeyServer

__all__ = ["Trouble", "Victim", "database", "line", "plan", "process", "queue", "wreak"]

QUIET_SECONDS: Final = 1.0
"""Between the beginnings of two troubles, on average: some fall together, some find everybody recovered."""
AT_ONCE: Final = 3
LONGEST: Final = MappingProxyType({"killed": 1.5, "paused": 4.0, "cut": 1.0, "silent": 4.0, "unanswered": 4.0})
"""Seconds that most troubles last at most."""
KILLS: Final = 6
"""How many times as likely as any other trouble of a victim it is that it is killed: half of all, or more."""
LONG: Final = 3, 0.1
"""How many times as long this part of them lasts: past what anybody waits for."""
START_SECONDS: Final = 60.0
"""In which a process is started again, though what it needs may be away at first."""

Act = Callable[[float], Awaitable[None]]
"""Does something to a victim for so many seconds, then makes it whole."""


@dataclass(frozen=True)
class Victim:
    """Something that gets into trouble, and the ways in which it does."""

    name: str
    """What figures call it; several may be of one name."""
    ways: Mapping[str, Act]


@dataclass(frozen=True)
class Trouble:
    """What happens to one victim."""

    after: float
    """Seconds since the one before it began."""
    victim: int
    way: str
    seconds: float


def plan(victims: Sequence[Victim], seed: int) -> Iterator[Trouble]:
    """What happens when, without an end; the same for the same seed."""
    chance = random.Random(seed)
    choices = [(place, way) for place, victim in enumerate(victims) for way in victim.ways]
    weights = [KILLS if way == "killed" else 1 for _, way in choices]
    times, part = LONG
    while True:
        ((place, way),) = chance.choices(choices, weights)
        longest = LONGEST[way] * (times if chance.random() < part else 1)
        yield Trouble(chance.expovariate(1 / QUIET_SECONDS), place, way, chance.uniform(0, longest))


async def wreak(victims: Sequence[Victim], seed: int, seconds: float) -> Counter[str]:
    """Follow the plan of a seed for a while, and wait until all is well; how often each kind of trouble happened.

    Raises:
        ExceptionGroup: something did not start again.
    """
    done = Counter[str]()
    alone = [asyncio.Lock() for _ in victims]
    places = asyncio.Semaphore(AT_ONCE)
    end = monotonic() + seconds

    async def befall(trouble: Trouble) -> None:
        victim = victims[trouble.victim]
        async with places, alone[trouble.victim]:
            await victim.ways[trouble.way](trouble.seconds)
        done[f"{victim.name} {trouble.way}"] += 1

    async with asyncio.TaskGroup() as group:
        for trouble in plan(victims, seed):
            await asyncio.sleep(min(trouble.after, end - monotonic()))
            async with places:  # if everything is in trouble already, it comes later
                pass
            if monotonic() >= end:
                break
            group.create_task(befall(trouble))
    return done


def process(here: World, server: ServerProcess, name: str) -> Victim:
    """A node or a worker."""

    async def killed(seconds: float) -> None:
        server.signal(signal.SIGKILL)
        await server.died()
        await asyncio.sleep(seconds)
        before = server.starts
        async with asyncio.timeout(START_SECONDS):
            while server.starts == before:
                with suppress(AssertionError):  # whoever looks after it tries until the database is there
                    await here.restart(server)

    return Victim(name, {"killed": killed, "paused": _paused(server.signal)})


def queue(server: ValkeyServer) -> Victim:
    """Valkey, which comes back without memory unless it was told to keep it."""

    async def killed(seconds: float) -> None:
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(server.start)

    return Victim("Valkey", {"killed": killed, "paused": _paused(server.send_signal)})


def database(server: PostgresServer) -> Victim:
    """PostgreSQL: a crash, from which it recovers when it starts."""

    async def killed(seconds: float) -> None:
        await asyncio.to_thread(server.stop, "immediate")
        await asyncio.sleep(seconds)
        await asyncio.to_thread(server.start)

    return Victim("PostgreSQL", {"killed": killed, "paused": _paused(server.send_signal)})


def line(proxy: Proxy, name: str) -> Victim:
    """What two of them speak through: cut and refused, or swallowing what both say, or only what one is answered."""

    async def cut(seconds: float) -> None:
        proxy.refusing = True
        proxy.cut()
        await asyncio.sleep(seconds)
        proxy.refusing = False

    def swallowing(*directions: Direction) -> Act:
        async def swallow(seconds: float) -> None:
            proxy.silent = set(directions)
            await asyncio.sleep(seconds)
            proxy.cut()

        return swallow

    return Victim(name, {"cut": cut, "silent": swallowing("up", "down"), "unanswered": swallowing("down")})


def _paused(tell: Callable[[signal.Signals], None]) -> Act:
    async def paused(seconds: float) -> None:
        tell(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            tell(signal.SIGCONT)

    return paused
