"""Everything at once, by chance: nodes, Valkey, PostgreSQL and the lines between them, killed, stopped and cut while everybody talks.

`MADANG_TEST_SEED` repeats what a run chose; its figures, and the output of one that failed, name the seed.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from tests.faults import havoc
from tests.faults.device import Recorder
from tests.faults.figures import FIGURES
from tests.faults.havoc import Victim
from tests.faults.load import talk
from tests.faults.proxy import Proxy
from tests.faults.world import World, until, world
from tests.interop.documented_client import Refused
from tests.postgres_line import PostgresLine
from tests.postgres_server import PostgresServer
from tests.scale import SCALE
from tests.server_process import WorkerProcess
from tests.valkey_server import ValkeyServer, running_valkey

NODES = 3
SECONDS = 15.0 if SCALE == 1 else 62.0 * SCALE
SEED = int(os.environ.get("MADANG_TEST_SEED") or (1 if SCALE == 1 else random.SystemRandom().randrange(1 << 32)))
PEOPLE, DEVICES = 5, 9
"""Most people have two devices, on different nodes."""
PAUSE_SECONDS = 0.4
"""Between what one device says at once and the next: what is said in ten minutes must be read again by everybody."""
AWAY_SECONDS = 0.3, 3.0
"""How long somebody stays out of a conversation, and in it."""
KILLS = SECONDS / 15
"""Of nodes, Valkey and PostgreSQL, at least; about four times as many are to be expected."""
REST_SECONDS = 30.0
"""In which everybody is back after the last trouble."""


@dataclass
class Installation:
    """Nodes behind lines that can be cut, and all that they stand on."""

    here: World
    settings: dict[str, str]
    """Of every process of it."""
    postgres: PostgresServer
    valkey: ValkeyServer
    inner: list[tuple[Proxy, str]]
    outer: list[Proxy]

    @property
    def victims(self) -> list[Victim]:
        """All that may get into trouble."""
        return [
            *(havoc.process(self.here, node, "node") for node in self.here.servers),
            havoc.queue(self.valkey),
            havoc.database(self.postgres),
            *(havoc.line(proxy, name) for proxy, name in self.inner),
            *(havoc.line(proxy, "line to a node") for proxy in self.outer),
        ]


@asynccontextmanager
async def installed(
    folder: Path, postgres: PostgresServer, valkey: ValkeyServer, **settings: str
) -> AsyncIterator[Installation]:
    """Nodes on one database and one Valkey, and lines to all of it."""
    async with (
        PostgresLine(postgres.url(await postgres.empty_database())) as to_postgres,
        Proxy(valkey.port, seed=SEED) as to_valkey,
    ):
        settings |= {
            "database_url": to_postgres.url,
            "redis_url": f"redis://127.0.0.1:{to_valkey.port}",
            "secret": "the same for every node of this installation",
        }
        async with world(folder, NODES, **settings) as here:
            outer = [await here.line(node=node) for node in range(NODES)]
            inner = [(to_postgres, "line to PostgreSQL"), (to_valkey, "line to Valkey")]
            yield Installation(here, settings, postgres, valkey, inner, outer)


async def come_and_go(here: World, room: str, comer: Recorder, chance: random.Random, done: asyncio.Event) -> None:
    """The owner takes somebody out of a room and brings them back, again and again; in the end they are there."""
    owner, path = here.devices[0], f"conversations/{room}/members"
    while not done.is_set():
        with suppress(Refused):  # it was done already when it was asked the second time
            await owner.call("DELETE", f"{path}/{comer.me['id']}")
        await asyncio.sleep(chance.uniform(*AWAY_SECONDS))
        with suppress(Refused):
            await owner.call("POST", path, {"userIds": [comer.me["id"]]})
        await asyncio.sleep(chance.uniform(*AWAY_SECONDS))


async def suffer(house: Installation, *others: Victim) -> None:
    """Everybody talks and somebody comes and goes, while all of it and others get into trouble; then nothing was lost."""
    print(f"MADANG_TEST_SEED={SEED}")  # noqa: T201 - pytest shows it of a test that failed
    here, chance = house.here, random.Random(SEED)
    for number in range(DEVICES):
        await here.device(f"sender-{number % PEOPLE}", "websocket", line=house.outer[number % NODES])
    talkers = here.devices[:]
    comer = await here.device("comer", "websocket", line=house.outer[0])
    rooms = [await here.group(*talkers) for _ in range(3)]
    lobby = await here.group(*talkers[:NODES], comer)
    done, began = asyncio.Event(), monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(come_and_go(here, lobby, comer, chance, done))
        for number, device in enumerate(talkers):
            mine = [*rooms, lobby] if number < NODES else rooms
            group.create_task(talk(device, mine, done, pause=PAUSE_SECONDS))
        faults = await havoc.wreak([*house.victims, *others], SEED, SECONDS)
        done.set()
    seconds = monotonic() - began
    await until(lambda: lobby in comer.rooms and all(device.ready.is_set() for device in here.devices), REST_SECONDS)
    await until(lambda: not any(device.accepted for device in here.devices), REST_SECONDS)
    report = await here.rest(*rooms, lobby)
    FIGURES.at_random(seconds, faults, SEED, report)
    assert report.clean, report
    assert sum(times for kind, times in faults.items() if kind.endswith("killed")) >= KILLS
    assert report.acknowledged > 10 * SECONDS


async def test_nothing_acknowledged_is_lost(tmp_path: Path, fragile: PostgresServer, own_valkey: ValkeyServer) -> None:
    """It is stored once, in order; everybody ends with all that they may see, and has seen nothing else."""
    async with installed(tmp_path, fragile, own_valkey) as house:
        await suffer(house)


@pytest.mark.skipif(SCALE == 1, reason="takes as long as the other one, and test_queue.py has its parts")
async def test_nothing_accepted_is_lost(tmp_path: Path, fragile: PostgresServer) -> None:
    """The same of a queue and its worker, which are killed too."""
    with running_valkey({"appendonly": "yes", "appendfsync": "always"}) as durable:
        async with installed(tmp_path, fragile, durable, persistence="queue", embedded_worker="0") as house:
            (tmp_path / "worker").mkdir()
            async with WorkerProcess(tmp_path / "worker", house.settings) as worker:
                await suffer(house, havoc.process(house.here, worker, "worker"))
