"""A storm: everybody's connection is cut in one moment, and those who were not cut notice nothing."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.faults.proxy import Proxy
from tests.people import Device, Person
from tests.scale import SCALE
from tests.server_process import ServerProcess

pytestmark = pytest.mark.serial

CLIENTS = min(2_000, 100 + 100 * SCALE)
SURVIVORS = 4
BACK_SECONDS = 10 + CLIENTS / 25
P99_SECONDS = 1.0
"""Of a send of somebody who was not cut."""


async def test_a_storm_of_reconnects_leaves_the_others_in_peace(tmp_path: Path) -> None:
    """All come back, are caught up, and meanwhile sends of the others are acknowledged as before."""
    async with ServerProcess(tmp_path, {"connect_rate": "200"}) as server, Proxy(server.port) as line:
        people = [await Person.of_host(server, f"person-{number}") for number in range(8)]
        room = await people[0].group(*people[1:])
        here = [await people[number].device() for number in range(SURVIVORS)]
        url, server.url = server.url, line.url
        cut = [Device(people[number % len(people)]) for number in range(CLIENTS)]
        for start in range(0, CLIENTS, 20):
            await asyncio.gather(*(device.connect() for device in cut[start : start + 20]))
        server.url = url
        done, took = asyncio.Event(), list[float]()

        async def talk(device: Device) -> None:
            while not done.is_set():
                began = time.monotonic()
                assert (await device.send(room, "still here"))["ok"]
                took.append(time.monotonic() - began)
                await asyncio.sleep(0.05)

        talking = [asyncio.create_task(talk(device)) for device in here]
        await asyncio.sleep(0.5)
        took.clear()
        line.cut()
        began = time.monotonic()
        await asyncio.gather(*(come_back(device, line.url, began + BACK_SECONDS) for device in cut))
        done.set()
        await asyncio.gather(*talking)
        head = (await here[0].send(room, "everybody is back"))["message"]["seq"]
        for device in (*here, *cut):
            await device.got("message:new", lambda message: message["seq"] == head)
            await device.close()
    assert sorted(took)[int(len(took) * 0.99)] <= P99_SECONDS


async def come_back(device: Device, url: str, deadline: float) -> None:
    """Connect again as a stock client does, until it works, and say what is known."""
    known = {each["id"]: [each["epoch"], each["version"]] for each in device.init["conversations"]}
    while time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        if not device.client.connected:
            again = Device(device.person)
            device.client, device.events, device.disconnects = again.client, again.events, again.disconnects
            device.client.on("*", device._event)
            try:
                await device.client.connect(
                    url, auth={"token": device.person.token}, transports=["websocket"], wait_timeout=10
                )
                answer = await device.ask("init", {"known": known}, seconds=20)
            except Exception:  # noqa: BLE001 - whatever it is, a client tries again
                await asyncio.sleep(0.5)
                continue
            assert answer["ok"], answer
            return
    raise AssertionError("not back in time")
