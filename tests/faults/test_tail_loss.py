"""The last message of a quiet conversation: nothing follows it that would show that it was missed."""

import asyncio
from pathlib import Path
from typing import Final

from tests.faults.device import Recorder
from tests.faults.world import World, until, world
from tests.scale import SCALE

QUIET: Final = 30 * min(SCALE, 5)
"""Conversations in which one thing is said."""
FOUND_SECONDS: Final = 10.0


async def quiet(here: World) -> tuple[Recorder, Recorder, list[str]]:
    """Two people, each with a device, and what they share."""
    mina, joon = await here.device("mina"), await here.device("joon")
    return mina, joon, [await here.group(mina, joon) for _ in range(QUIET)]


async def test_a_bus_that_loses_every_last_message(tmp_path: Path) -> None:
    """Whoever is online has all of them within ten seconds, without doing anything; the one who said it has an ack only."""
    async with world(tmp_path, failpoints="before_publish=error:1") as here:
        mina, joon, rooms = await quiet(here)
        asked = len(joon.caught_up)
        async with asyncio.timeout(FOUND_SECONDS + 2):
            await asyncio.gather(*(mina.send(room, "good night") for room in rooms))
            assert not any(joon.rooms[room].seq == 2 for room in rooms)
            await until(lambda: all(joon.rooms[room].seq == 2 for room in rooms), FOUND_SECONDS)
        assert (len(joon.caught_up), joon.connection) == (asked, 1)
        report = await here.rest(*rooms)
    assert report.clean, str(report)


async def test_a_crash_between_the_commit_and_everybody_else(tmp_path: Path) -> None:
    """The sender has an ack and nobody was told: whoever comes back has it, in the quietest of conversations too."""
    async with world(tmp_path) as here:
        mina, joon, rooms = await quiet(here)
        await here.server.stop()
        here.server.settings["failpoints"] = f"before_publish=crash:{QUIET // 2}"
        await here.server.start()
        for device in (mina, joon):
            await until(lambda device=device: device.connection == 2 and device.ready.is_set())  # type: ignore[misc] # mypy cannot infer a lambda's default
        saying = [asyncio.create_task(mina.send(room, "good night")) for room in rooms]
        await asyncio.wait_for(here.server.died(), 10)
        del here.server.settings["failpoints"]
        await here.restart()
        await asyncio.gather(*saying)
        report = await here.rest(*rooms)
        assert all(joon.rooms[room].seq == 2 for room in rooms)
    assert report.clean, str(report)
