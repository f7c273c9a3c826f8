"""Too much: readers who do not read, and more messages than can be stored; early refusals, and nothing lost."""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults.device import Recorder
from tests.faults.world import World, until, world
from tests.scale import SCALE

# python-socketio leaves connections that broke to the garbage collector, and aiohttp says so
pytestmark = pytest.mark.filterwarnings("ignore:.*:pytest.PytestUnraisableExceptionWarning")

STUCK: Final = 3
WINDOW: Final = 16 * 1024
MESSAGES: Final = 400 * min(SCALE, 5)
TEXT: Final = "x" * 9_900
GROWTH_BYTES: Final = 64 << 20
FLOOD: Final = 1_500
"""More than is stored in the two seconds that somebody may wait, at 256 in each commit of 400 ms."""
PROMPT_SECONDS: Final = 2.0


def resident(here: World) -> int:
    """Bytes of memory of the server."""
    status = Path(f"/proc/{here.server.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


async def slow_closes(here: World, device: Recorder) -> int:
    """How many readers were cut as too slow."""
    text = (await device.http.get(f"{here.server.url}/metrics")).text
    return round(float(text.split("\nmadang_slow_closes_total ")[1].split()[0]))


async def test_readers_who_do_not_read_are_cut_and_come_back(tmp_path: Path) -> None:
    """Several members stop reading: what piles up for each is bounded, their engines are closed, others are served
    meanwhile, and when they read again they have everything.
    """
    async with world(tmp_path) as here:
        speaker, listener = await here.device("speaker"), await here.device("listener")
        lines = [await here.line(window=WINDOW) for _ in range(STUCK)]
        stuck = [await here.device(f"stuck-{number}", line=line) for number, line in enumerate(lines)]
        room = await here.group(speaker, listener, *stuck)
        before = resident(here)
        for line in lines:
            line.stalled = {"down"}
        slowest = 0.0
        for number in range(0, MESSAGES, 20):
            began = time.monotonic()
            await asyncio.wait([speaker.talk(room, f"{number + part} {TEXT}") for part in range(20)])
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < PROMPT_SECONDS
        await until(lambda: listener.rooms[room].seq == MESSAGES + 1)
        deadline = time.monotonic() + 10
        while await slow_closes(here, speaker) < STUCK:
            assert time.monotonic() < deadline, "nobody was cut"
            await asyncio.sleep(0.1)
        assert resident(here) - before < GROWTH_BYTES
        assert (speaker.connection, listener.connection) == (1, 1)
        for line in lines:
            line.stalled = set()
        await until(lambda: all(device.connection == 2 for device in stuck))
        report = await here.rest(room)
    assert report.clean, str(report)


async def test_a_flood_is_refused_early_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    """More than can be stored while one may wait: the rest is told `try_again` and when, whoever tries again succeeds, and
    another conversation goes on.
    """
    async with world(tmp_path, failpoints="before_commit=sleep:400") as here:
        flooding, other = await here.device("flooding"), await here.device("other")
        flooded, calm = await here.group(flooding, other), await here.group(other, flooding)
        refusals: list[Any] = []
        flooding.heard = refusals.append
        sending = [flooding.talk(flooded, f"{number}") for number in range(FLOOD)]
        await asyncio.sleep(2.2)
        sending += [flooding.talk(flooded, f"late {number}") for number in range(50)]
        await other.send(calm, "in between")
        assert not all(each.done() for each in sending)
        await asyncio.wait(sending)
        report = await here.rest(flooded, calm)
    refused = [ack for ack in refusals if not ack["ok"]]
    assert refused
    assert {ack["error"] for ack in refused} == {"try_again"}
    assert min(ack["retryAfterMs"] for ack in refused) >= 500
    assert report.clean, str(report)
    assert report.acknowledged >= FLOOD + 50 + 1  # who asks again may be answered twice
