"""Lines that fail while everybody talks: whoever comes back has exactly what was missed, by every way there is to come."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from tests.faults.device import Recorder
from tests.faults.proxy import Proxy
from tests.faults.world import World, world
from tests.scale import SCALE

# python-socketio leaves connections that broke to the garbage collector, and aiohttp says so
pytestmark = pytest.mark.filterwarnings("ignore:.*:pytest.PytestUnraisableExceptionWarning")

RECEIVERS: Final = 20
CUTS: Final = SCALE
"""How often each receiver is cut off."""
WAYS: Final = (("websocket",), ("polling",), ("websocket",), ("polling", "websocket"))
CATCH_UP_SECONDS: Final = 1.0
"""Within which 99 of 100 are back; held in the long runs, which have enough of them and the machine to themselves."""


async def reset(line: Proxy, seconds: float) -> None:
    """RST, and nobody gets through for a while."""
    line.refusing = True
    line.cut()
    await asyncio.sleep(seconds)
    line.refusing = False


async def finish(line: Proxy, seconds: float) -> None:
    """FIN in both directions, as by a server or a proxy that goes."""
    line.refusing = True
    for route in line.routes:
        for direction in route.ends:
            route.finish(direction)
    await asyncio.sleep(seconds)
    line.refusing = False


async def silence(line: Proxy, seconds: float) -> None:
    """Nothing arrives any more, and nobody is told."""
    line.silent = {"up", "down"}
    await asyncio.sleep(seconds)
    line.cut()


FAILURES: Final[tuple[Callable[[Proxy, float], Awaitable[None]], ...]] = (reset, finish, silence)


async def receivers(here: World) -> list[tuple[Recorder, Proxy]]:
    """People who only listen, each on a line of their own, by one way after the other."""
    found = []
    for number in range(RECEIVERS):
        line = await here.line(seed=number)
        found.append((await here.device(f"receiver-{number}", *WAYS[number % len(WAYS)], line=line), line))
    return found


async def talk(device: Recorder, room: str, done: asyncio.Event) -> None:
    """About thirty messages a second."""
    number = 0
    while not done.is_set():
        await device.send(room, f"{device.name}:{number}")
        number += 1
        await asyncio.sleep(0.025)


async def test_whoever_was_cut_off_has_exactly_what_was_missed(tmp_path: Path, database: dict[str, str]) -> None:
    """Cut by RST, by FIN and by silence, for any time, by all ways, and joined midway: one connection more for each cut, what
    was missed before what is live, nothing twice, and soon.
    """
    chance = random.Random(4)
    async with world(tmp_path, ping_interval="1", ping_timeout="1", **database) as here:
        senders = [await here.device(f"sender-{number}") for number in range(3)]
        listening = await receivers(here)
        room = await here.group(*senders, *(device for device, _ in listening))
        done = asyncio.Event()
        talking = [asyncio.create_task(talk(sender, room, done)) for sender in senders]

        async def cut(device: Recorder, line: Proxy) -> None:
            for _ in range(CUTS):
                await asyncio.sleep(chance.uniform(0, 0.8))
                await chance.choice(FAILURES)(line, chance.uniform(0.05, 0.8))
                await device.ready.wait()

        cutting = [asyncio.create_task(cut(*each)) for each in listening]
        late = await here.device("late", line=await here.line())
        await senders[0].call("POST", f"conversations/{room}/members", {"userIds": [late.me["id"]]})
        await here.opened(room, late)
        await asyncio.gather(*cutting)
        done.set()
        await asyncio.gather(*talking)
        report = await here.rest(room)
    assert report.clean, str(report)
    # of a poll's answer that was lost nobody is told, and aiohttp asks again by itself: the client finds the hole
    strict = [device for number, (device, _) in enumerate(listening) if WAYS[number % len(WAYS)] == WAYS[0]]
    times = sorted(seconds for device in strict for seconds in device.caught_up[1:])
    assert times
    assert SCALE == 1 or times[int(len(times) * 0.99)] < CATCH_UP_SECONDS, times
    assert max(device.connection for device in strict) <= CUTS + 1, "the server had to send somebody back"
    assert sum(device.holes for device in strict) == 0
