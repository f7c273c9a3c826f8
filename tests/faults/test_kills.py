"""What was acknowledged survives: servers killed at every place and at any time, under load."""

import asyncio
import random
from pathlib import Path

from tests.faults.load import crowd, talk
from tests.faults.world import until, world
from tests.scale import SCALE

KILLS = 4 if SCALE == 1 else 10 * SCALE
LONGEST_LIFE = 1.2 if SCALE == 1 else 5.0
"""Seconds between somebody's return and the next kill."""
PLACES = ("before_commit", "during_commit", "after_commit", "before_publish", "after_publish")


async def test_an_ack_survives_kills_at_any_time(tmp_path: Path, database: dict[str, str]) -> None:
    """Killed at random while everybody sends: nothing acknowledged is lost, nothing is there twice, nobody misses anything."""
    async with world(tmp_path, **database) as here:
        rooms = await crowd(here)
        here.keep_alive()
        done, chance = asyncio.Event(), random.Random(1)
        talking = [asyncio.create_task(talk(device, rooms, done)) for device in here.devices]
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.3, LONGEST_LIFE))
            await here.kill()
            await until(lambda: any(device.ready.is_set() for device in here.devices), 30)
        done.set()
        await asyncio.gather(*talking)
        report = await here.rest(*rooms)
    assert here.deaths == KILLS
    assert report.clean, report
    assert report.acknowledged > KILLS * 50


async def test_an_ack_survives_a_crash_at_every_place(tmp_path: Path, database: dict[str, str]) -> None:
    """Crashed between one step and the next: what was promised before holds, and what was not is sent again."""
    async with world(tmp_path, **database) as here:
        rooms = await crowd(here)
        done, chance = asyncio.Event(), random.Random(2)
        talking = [asyncio.create_task(talk(device, rooms, done)) for device in here.devices]
        for place in PLACES * SCALE:
            await here.server.stop()
            here.server.settings["failpoints"] = f"{place}=crash:{chance.randint(1, 40)}"
            await here.server.start()
            await asyncio.wait_for(here.server.died(), 30)
            del here.server.settings["failpoints"]
            await here.restart()
        done.set()
        await asyncio.gather(*talking)
        report = await here.rest(*rooms)
    assert report.clean, report
