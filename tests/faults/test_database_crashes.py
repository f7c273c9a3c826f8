"""A PostgreSQL that crashes again and again under load."""

import asyncio
import random
from pathlib import Path

import httpx2
import pytest

from madang.config import SettingsError
from madang.storage.postgres import PostgresStore
from tests.faults.load import crowd, talk
from tests.faults.world import world
from tests.postgres_server import PostgresServer
from tests.scale import SCALE

AWAY_SECONDS = (0.0, 0.2, 4.6, *(0.5,) * 3 * (SCALE - 1))
"""How long the database is away after each crash; work is tried again for four seconds."""
READY_SECONDS = 10.0
"""Within which the first message is stored when the database is ready again."""


async def test_crashes_of_the_database_lose_nothing(tmp_path: Path, fragile: PostgresServer) -> None:
    """Crashed and started again while everybody sends: nothing acknowledged is lost, no socket closes, Madang stays alive,
    soon after the database is ready the next message is stored, and other servers are still kept out of it.
    """
    url = fragile.url(await fragile.empty_database())
    async with world(tmp_path, database_url=url) as here:
        rooms = await crowd(here)
        done, chance = asyncio.Event(), random.Random(10)
        talking = [asyncio.create_task(talk(device, rooms, done)) for device in here.devices]
        for away in AWAY_SECONDS:
            await asyncio.sleep(chance.uniform(0.2, 0.4))
            await asyncio.to_thread(fragile.stop, "immediate")
            await asyncio.sleep(away)
            assert httpx2.get(f"{here.server.url}/health/live").status_code == 200
            await asyncio.to_thread(fragile.start)
            await asyncio.wait_for(here.devices[0].talk(rooms[0], "the first"), READY_SECONDS)
        done.set()
        await asyncio.gather(*talking)
        report = await here.rest(*rooms)
        with pytest.raises(SettingsError, match="another Madang has this database open"):
            await PostgresStore(url).open()
        assert [device.connection for device in here.devices] == [1] * len(here.devices)
    assert report.clean, report
    assert report.acknowledged > 20 * len(AWAY_SECONDS)
