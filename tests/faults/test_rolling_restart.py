"""Restarts that nobody notices: nodes stopped one after the other, as an operator does, while everybody talks."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.figures import FIGURES
from tests.faults.history import read
from tests.faults.load import talk
from tests.faults.world import world
from tests.postgres_server import PostgresServer
from tests.round_robin import RoundRobin
from tests.scale import SCALE
from tests.valkey_server import ValkeyServer

NODES = 2


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_rolling_restart_fails_no_send(
    tmp_path: Path, postgres: PostgresServer, valkey: ValkeyServer, workers: int
) -> None:
    """Behind a balancer that remembers nobody: every node is restarted in turn, and every message is sent in the end, once."""
    settings = {
        "database_url": postgres.url(await postgres.empty_database()),
        "redis_url": valkey.url,
        "secret": "the same for every node of this installation",
        "workers": str(workers),
    }
    async with (
        world(tmp_path, NODES, **settings) as here,
        RoundRobin([server.port for server in here.servers]) as balancer,
    ):
        ways = (("websocket",), ("polling",), ("polling", "websocket")) * 2
        devices = [await here.device(f"sender-{number}", *way, line=balancer) for number, way in enumerate(ways)]
        rooms = [await here.group(*devices) for _ in range(2)]
        done = asyncio.Event()
        talking = [asyncio.create_task(talk(device, rooms, done)) for device in devices]
        for server in here.servers * SCALE:
            await asyncio.sleep(1.0)
            assert await server.stop() == 0
            await server.start()
        await asyncio.sleep(1.0)
        done.set()
        await asyncio.gather(*talking)
        report = await here.rest(*rooms)
    assert report.clean, report
    failed = sum(record.outcome == "fail" for record in read(tmp_path / "history.jsonl"))
    FIGURES.hold("sends that failed while nodes were restarted in turn", failed, at_most=0, unit="sends")
    assert report.acknowledged > 100
