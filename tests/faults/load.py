"""Load: devices that send as long as a scenario lasts.

Owns how much is on its way at once. What becomes of it is in the history.
"""

from __future__ import annotations

import asyncio
from typing import Final

from tests.faults.device import Recorder
from tests.faults.world import World

__all__ = ["crowd", "talk"]

UNDER_WAY: Final = 4
"""Messages of a device that are not answered yet."""


async def talk(
    device: Recorder, rooms: list[str], done: asyncio.Event, *, letters: int = 0, pause: float = 0.0
) -> None:
    """Send to one room after another, some messages on their way at once, until it is over; each of so many letters, and with
    a pause of so many seconds each time that as many were sent as may be on their way.
    """
    under_way: set[asyncio.Task[None]] = set()
    number = 0
    while not done.is_set():
        under_way.add(device.talk(rooms[number % len(rooms)], f"{device.name}:{number}".ljust(letters, "x")))
        number += 1
        if len(under_way) >= UNDER_WAY:
            _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0.002 if number % UNDER_WAY else max(0.002, pause))
    if under_way:
        await asyncio.wait(under_way)


async def crowd(here: World, senders: int = 6) -> list[str]:
    """Senders with one device each, and the rooms all of them are in."""
    devices = [await here.device(f"sender-{number}") for number in range(senders)]
    return [await here.group(*devices) for _ in range(3)]
