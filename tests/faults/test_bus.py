"""Redis goes away in every way it can: several nodes go on, and are one chat again within five seconds of its return."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import redis

from tests.faults.device import Recorder
from tests.faults.figures import FIGURES
from tests.faults.load import talk
from tests.faults.world import World, until, world
from tests.postgres_server import PostgresServer
from tests.scale import SCALE
from tests.valkey_server import ValkeyServer

NODES = 3
AWAY_SECONDS = 7.0
"""Longer than the probe takes to notice."""
BACK_SECONDS = 5.0
"""In which everything is as before, once Redis has returned."""


@asynccontextmanager
async def several(folder: Path, postgres: PostgresServer, own_valkey: ValkeyServer) -> AsyncIterator[World]:
    """Nodes on one database and one Valkey."""
    settings = {
        "database_url": postgres.url(await postgres.empty_database()),
        "redis_url": own_valkey.url,
        "secret": "the same for every node of this installation",
    }
    async with world(folder, NODES, **settings) as here:
        yield here


async def ready(here: World) -> list[int]:
    """What each node answers to whoever asks whether it should get traffic."""
    async with httpx2.AsyncClient() as http:
        return [(await http.get(f"{server.url}/health/ready")).status_code for server in here.servers]


def has_all(devices: list[Recorder], room: str) -> bool:
    """Whether every device has what every other one has, without a hole."""
    return len({device.rooms[room].seq for device in devices}) == 1 and not any(
        device.rooms[room].held for device in devices
    )


async def restarted_empty(here: World, own_valkey: ValkeyServer) -> None:
    """Killed, gone for a while, and back without memory."""
    own_valkey.stop()
    await until(lambda: "the bus is not heard" in here.servers[-1].log)
    await asyncio.sleep(AWAY_SECONDS / 2)
    assert await ready(here) == [503] * NODES
    own_valkey.start()


async def paused(here: World, own_valkey: ValkeyServer) -> None:
    """It takes connections and bytes, and says nothing."""
    own_valkey.send_signal(signal.SIGSTOP)
    await asyncio.sleep(AWAY_SECONDS)
    assert await ready(here) == [503] * NODES
    own_valkey.send_signal(signal.SIGCONT)


async def cut(here: World, own_valkey: ValkeyServer) -> None:
    """Every subscriber is thrown out, again and again."""
    with redis.Redis(port=own_valkey.port) as operator:
        for _ in range(5):
            operator.client_kill_filter(_type="pubsub")
            await asyncio.sleep(0.5)


@pytest.mark.parametrize("trouble", [restarted_empty, paused, cut])
async def test_chat_goes_on_without_redis(
    tmp_path: Path,
    postgres: PostgresServer,
    own_valkey: ValkeyServer,
    trouble: Callable[[World, ValkeyServer], Awaitable[None]],
) -> None:
    """Sends are acknowledged all the time, everybody gets everything in order, and nobody has to do anything after it."""
    async with several(tmp_path, postgres, own_valkey) as here:
        devices = [await here.device(f"sender-{number}", node=number % NODES) for number in range(6)]
        room = await here.group(*devices)
        for _ in range(SCALE):
            done = asyncio.Event()
            talking = [asyncio.create_task(talk(device, [room], done)) for device in devices]
            await asyncio.sleep(0.5)
            before = max(device.rooms[room].seq for device in devices)
            await trouble(here, own_valkey)
            returned = time.monotonic()
            others_heard = min(device.rooms[room].seq for device in devices)
            done.set()
            await asyncio.gather(*talking)
            assert others_heard > before, "nothing reached other nodes meanwhile"
            await until(lambda: has_all(devices, room), BACK_SECONDS - (time.monotonic() - returned))
            while await ready(here) != [200] * NODES:
                assert time.monotonic() - returned < BACK_SECONDS
                await asyncio.sleep(0.05)
            took = time.monotonic() - returned
            FIGURES.hold("all nodes agree and are ready again after Redis returned", took, at_most=BACK_SECONDS)
        report = await here.rest(room)
    assert report.clean, report
    assert report.acknowledged > 500 * SCALE


async def test_an_ack_waits_for_no_redis(tmp_path: Path, postgres: PostgresServer, own_valkey: ValkeyServer) -> None:
    """While it is silent, and nobody has noticed yet, a message is acknowledged as fast as ever, and seen here at once."""
    async with several(tmp_path, postgres, own_valkey) as here:
        one, two = await here.device("mina", node=0), await here.device("joon", node=0)
        room = await here.group(one, two)
        own_valkey.send_signal(signal.SIGSTOP)
        for number in range(50):
            started = time.monotonic()
            await one.talk(room, f"{number}")
            await until(lambda: two.rooms[room].seq == one.rooms[room].seq)
            assert time.monotonic() - started < 1
        own_valkey.send_signal(signal.SIGCONT)
        report = await here.rest(room)
    assert report.clean, report


async def test_a_node_dies_and_the_others_have_what_it_stored(
    tmp_path: Path, postgres: PostgresServer, own_valkey: ValkeyServer
) -> None:
    """Killed at any time, also between storing and telling: what was acknowledged reaches everybody, on every node."""
    async with several(tmp_path, postgres, own_valkey) as here:
        devices = [await here.device(f"sender-{number}", node=number % NODES) for number in range(6)]
        room = await here.group(*devices)
        here.keep_alive()
        done = asyncio.Event()
        talking = [asyncio.create_task(talk(device, [room], done)) for device in devices]
        for _ in range(2 * SCALE):
            await asyncio.sleep(1)
            await here.kill()
        done.set()
        await asyncio.gather(*talking)
        report = await here.rest(room)
    assert here.deaths == 2 * SCALE
    assert report.clean, report
