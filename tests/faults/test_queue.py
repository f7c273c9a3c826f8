"""What was accepted is stored: workers, a node and the queue itself ended at any time, under load.

The history is that of direct persistence, and so is what is asked of it: nothing accepted is lost, nothing is there twice,
nobody gets in front of what was accepted before, and every device is told each version once.
"""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.device import Recorder
from tests.faults.load import crowd
from tests.faults.proxy import Proxy
from tests.faults.test_lost_answers import Losing
from tests.faults.world import World, until, world
from tests.postgres_server import PostgresServer
from tests.scale import SCALE
from tests.server_process import WorkerProcess
from tests.valkey_server import ValkeyServer, running_valkey

KILLS = 2 * SCALE
PLACES = ("after_commit", "after_publish", *(("before_commit", "during_commit", "before_publish") if SCALE > 1 else ()))
"""Every crash costs the time of a lease, so with every change only those that could double something are tried."""
LOST = 30 * SCALE
"""Answers of the queue that never arrive."""
STOP_SECONDS = 14.0
"""In which a node ends by itself; after 15 it ends as it is."""
OUTSTANDING = 60
"""Messages of one device; a person does not write hundreds while none of theirs appears."""
SECRET = "every process of this installation has the same one"
Settings = dict[str, str]


@pytest.fixture
async def durable() -> AsyncIterator[ValkeyServer]:
    """A Valkey that keeps what it has acknowledged."""
    with running_valkey({"appendonly": "yes", "appendfsync": "always"}) as server:
        yield server


@pytest.fixture
async def queued(postgres: PostgresServer, durable: ValkeyServer) -> Settings:
    """The settings of every process of an installation that accepts before it stores."""
    return {
        "database_url": postgres.url(await postgres.empty_database()),
        "redis_url": durable.url,
        "secret": SECRET,
        "persistence": "queue",
    }


async def talk(device: Recorder, rooms: list[str], done: asyncio.Event) -> None:
    """Send to one room after another until it is over, with some messages accepted and not stored at most."""
    number = 0
    under_way: set[asyncio.Task[None]] = set()
    while not done.is_set():
        if len(device.accepted) + len(under_way) < OUTSTANDING:
            under_way.add(device.talk(rooms[number % len(rooms)], f"{device.name}:{number}"))
            number += 1
        await asyncio.sleep(0.004)
        under_way = {task for task in under_way if not task.done()}
    if under_way:
        await asyncio.wait(under_way)


async def under_load(here: World, faults: object) -> None:
    """Everybody talks while `faults` happens; at the end everything has come to rest and nothing was found."""
    rooms = await crowd(here)
    done = asyncio.Event()
    talking = [asyncio.create_task(talk(device, rooms, done)) for device in here.devices]
    try:
        await faults()  # type: ignore[operator]  # a coroutine function without arguments
    finally:
        done.set()
        await asyncio.gather(*talking)
    await until(lambda: not any(device.accepted for device in here.devices), 30)
    report = await here.rest(*rooms)
    assert not any(device.rejected for device in here.devices)
    assert report.clean, report
    assert report.acknowledged > 300


async def test_workers_that_are_killed_lose_and_double_nothing(tmp_path: Path, queued: Settings) -> None:
    """Two workers, and one of them killed again and again at any time: the other takes over, in order."""
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(world(tmp_path, **queued, embedded_worker="0"))
        workers = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            workers.append(await stack.enter_async_context(WorkerProcess(tmp_path / name, queued)))
        chance = random.Random(3)

        async def kills() -> None:
            for number in range(KILLS):
                await asyncio.sleep(chance.uniform(0.5, 2.0))
                worker = workers[number % 2]
                worker.signal(signal.SIGKILL)
                await worker.died()
                await worker.start()

        await under_load(here, kills)
        for worker in workers:
            assert "Traceback" not in worker.log, worker.log


async def test_a_node_that_is_killed_with_its_worker_keeps_what_it_accepted(tmp_path: Path, queued: Settings) -> None:
    """The one process of a small installation: what it has accepted is stored when it is back."""
    async with world(tmp_path, **queued) as here:
        here.keep_alive()
        chance = random.Random(4)

        async def kills() -> None:
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.5, 1.5))
                await here.kill()

        await under_load(here, kills)


@pytest.mark.parametrize("place", PLACES)
async def test_a_worker_that_crashes_between_two_steps(tmp_path: Path, queued: Settings, place: str) -> None:
    """Before the commit, after it, before it was told, and before it left the queue: stored once, told once."""
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(world(tmp_path, **queued, embedded_worker="0"))
        (tmp_path / "worker").mkdir()
        failing = queued | {"failpoints": f"{place}=crash:{random.Random(5).randint(20, 60)}"}
        worker = await stack.enter_async_context(WorkerProcess(tmp_path / "worker", failing))

        async def crash() -> None:
            await asyncio.wait_for(worker.died(), 30)
            del worker.settings["failpoints"]
            await worker.start()
            await asyncio.sleep(0.5)

        await under_load(here, crash)


async def test_a_stop_does_not_wait_for_a_database_that_hangs(
    tmp_path: Path, postgres: PostgresServer, queued: Settings
) -> None:
    """Told to stop while its database says nothing, a node ends well and in time, and leaves what it has accepted in the queue:
    its successor stores it.
    """
    name = await postgres.empty_database()
    async with Proxy(postgres.socket) as line:
        url = f"postgresql://postgres@127.0.0.1:{line.port}/{name}"
        async with world(tmp_path, **queued | {"database_url": url}) as here:
            devices = [await here.device(f"sender-{number}") for number in range(3)]
            room = await here.group(*devices)
            await asyncio.gather(*(device.talk(room, "before") for device in devices))
            await until(lambda: not any(device.accepted for device in devices))
            line.silent = {"up", "down"}
            await asyncio.gather(*(device.talk(room, f"{number}") for number in range(20) for device in devices))
            assert [len(device.accepted) for device in devices] == [20] * 3
            began = time.monotonic()
            assert await here.server.stop(signal.SIGTERM) == 0
            assert time.monotonic() - began < STOP_SECONDS
            assert [len(device.accepted) for device in devices] == [20] * 3
            line.cut()
            await here.server.start()
            await until(lambda: not any(device.accepted for device in devices), 30)
            report = await here.rest(room)
    assert report.clean, report
    assert not any(device.rejected for device in devices)
    assert report.acknowledged >= 63


async def test_answers_of_the_queue_that_are_lost_change_no_order(
    tmp_path: Path, queued: Settings, durable: ValkeyServer
) -> None:
    """One in ten of whatever is asked of it, after it was done: appending, taking, settling, the leases."""
    async with Proxy(durable.port) as line:
        lost = Losing(line, mark=b"redis.call", seed=7)
        async with world(tmp_path, **queued | {"redis_url": f"redis://127.0.0.1:{line.port}"}) as here:

            async def losses() -> None:
                lost.active = True
                await until(lambda: lost.lost >= LOST, 20 + LOST)
                lost.active = False

            await under_load(here, losses)


async def test_a_queue_that_crashes_keeps_what_it_accepted(
    tmp_path: Path, queued: Settings, durable: ValkeyServer
) -> None:
    """With appendfsync always: killed and started again while everybody sends, and nothing accepted is gone."""
    async with world(tmp_path, **queued) as here:
        chance = random.Random(6)

        async def kills() -> None:
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.5, 1.5))
                durable.stop()
                await asyncio.sleep(chance.uniform(0.0, 0.5))
                durable.start()

        await under_load(here, kills)
