"""A planned restart under load: everybody is told, everybody comes back by themselves, and nothing is lost or left open."""

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Final

from tests.faults.device import Recorder
from tests.faults.world import until, world
from tests.scale import SCALE

RESTARTS: Final = 2 * SCALE
STOP_SECONDS: Final = 5.0
DEADLINE_SECONDS: Final = 7.0
"""In which a server ends also when something hangs, if it may take a second for commits and four in all, as here."""
IMPATIENT: Final = """
import sys
from madang.app import server
from madang.cli import main
server.COMMIT_SECONDS, server.STOP_SECONDS = 1.0, 4.0
sys.argv = sys.argv[3:]  # after: python -m
main()
"""


async def talk(device: Recorder, room: str, done: asyncio.Event) -> None:
    """Send without waiting, a few at a time."""
    number = 0
    while not done.is_set():
        await asyncio.wait([device.talk(room, f"{device.name}:{number}:{part}") for part in range(3)])
        number += 1
        await asyncio.sleep(0.01)


async def test_a_restart_under_load_loses_nothing(tmp_path: Path, database: dict[str, str]) -> None:
    """SIGTERM while all send: each WebSocket hears `server:closing` and is closed so that it comes back, what was submitted is
    settled, the process ends well and soon, and its successor has everything.
    """
    async with world(tmp_path, failpoints="before_commit=sleep:20", **database) as here:
        ways = (("websocket",), ("polling",), ("polling", "websocket"), ("websocket",))
        devices = [await here.device(f"person-{number}", *way) for number, way in enumerate(ways)]
        room = await here.group(*devices)
        closings = {device.name: 0 for device in devices if device.socket.transport() == "websocket"}
        for device in devices:  # python-socketio drops what comes in one poll with the end of the connection
            device.socket.on(
                "server:closing", lambda _, name=device.name: closings.update({name: closings.get(name, 0) + 1})
            )
        done = asyncio.Event()
        talking = [asyncio.create_task(talk(device, room, done)) for device in devices]
        for restart in range(RESTARTS):
            await asyncio.sleep(0.5)
            began = time.monotonic()
            assert await here.server.stop(signal.SIGTERM) == 0
            assert time.monotonic() - began < STOP_SECONDS
            await here.server.start()
            for device in devices:
                await until(lambda device=device, restart=restart: device.connection == restart + 2)  # type: ignore[misc] # mypy cannot infer a lambda's default
                await device.ready.wait()
        done.set()
        await asyncio.gather(*talking)
        report = await here.rest(room)
    assert report.clean, str(report)
    assert closings == dict.fromkeys(closings, RESTARTS)


async def test_a_restart_does_not_wait_for_what_hangs(tmp_path: Path) -> None:
    """A commit that does not return for a minute: the process ends by its deadline all the same, and the message, of which
    nobody was promised anything, is stored by its successor when it is sent again.
    """
    async with world(tmp_path) as here:
        device = await here.device("mina")
        room = await here.group(device)
        await here.server.stop()
        here.server.settings["failpoints"] = "before_commit=sleep:60000"
        here.server.wrapper = (sys.executable, "-c", IMPATIENT)
        await here.server.start()
        await until(device.ready.is_set)
        sending = device.talk(room, "is anybody there?")
        await asyncio.sleep(0.5)
        began = time.monotonic()
        here.server.signal(signal.SIGTERM)
        await until(lambda: not device.socket.connected, 3.5)  # sent away in time, whatever hangs
        assert await here.server.stop(signal.SIGTERM) == 1  # a second one changes nothing
        assert time.monotonic() - began < DEADLINE_SECONDS
        del here.server.settings["failpoints"]
        await here.server.start()
        await sending
        report = await here.rest(room)
    assert report.clean, str(report)
    assert report.acknowledged == 1
