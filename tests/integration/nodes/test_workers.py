"""Workers that share a port are one server: from outside, with processes that die."""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.integration.nodes.conftest import SECRET
from tests.people import Person
from tests.postgres_server import PostgresServer
from tests.server_process import ServerProcess
from tests.valkey_server import ValkeyServer

WORKERS = 3
ROOMS = 24


@pytest.fixture(scope="module")
async def server(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServerProcess]:
    """One server of three workers."""
    settings = {
        "database_url": postgres.url(await postgres.empty_database()),
        "redis_url": valkey.url,
        "secret": SECRET,
        "workers": str(WORKERS),
    }
    async with ServerProcess(tmp_path_factory.mktemp("workers"), settings) as running:
        yield running
        assert "Traceback" not in running.log, running.log
        assert await running.stop() == 0


async def scrape(server: ServerProcess) -> dict[str, dict[str, float]]:
    """Name of each metric without other labels to its value by worker."""
    async with httpx2.AsyncClient() as http:
        page = (await http.get(f"{server.url}/metrics")).text
    found: dict[str, dict[str, float]] = {}
    for name, worker, value in re.findall(r'^(\w+)\{worker="(\d+)"\} (\S+)$', page, re.MULTILINE):
        found.setdefault(name, {})[worker] = float(value)
    return found


def started(server: ServerProcess) -> list[int]:
    """The processes of workers so far, oldest first, as the supervisor logs them."""
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    return [line["pid"] for line in lines if line["event"] == "a worker starts"]


async def test_the_welcome_comes_once(server: ServerProcess) -> None:
    """However many workers there are, it is one server that is ready."""
    assert server.log.count("is ready: http") == 1
    assert len(started(server)) == WORKERS


async def test_connections_are_dealt_out(server: ServerProcess) -> None:
    """Every worker gets its share, and metrics of all come from whichever is asked, each once."""
    mina = await Person.of_host(server, "mina")
    devices = [await mina.device(start=False) for _ in range(60)]
    sockets = (await scrape(server))["madang_sockets"]
    assert sum(sockets.values()) == len(devices)
    assert sorted(sockets) == ["0", "1", "2"]
    assert min(sockets.values()) >= 6
    await mina.close()


async def test_a_worker_that_dies_is_replaced(server: ServerProcess) -> None:
    """The others go on, another takes its place and its number, and the log says so."""
    joon = await Person.of_host(server, "joon")
    victim = started(server)[-1]
    os.kill(victim, signal.SIGKILL)
    async with asyncio.timeout(20):
        while len(started(server)) == WORKERS:
            await asyncio.sleep(0.05)
            assert (await joon.http("GET", "/api/me")).is_success
        while len((await scrape(server))["madang_sockets"]) < WORKERS:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)
    assert '"a worker has ended: starting another"' in server.log
    await joon.close()


async def test_workers_share_the_queue(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> None:
    """Each stores from shards of its own, so that together they have all, and what any of them accepts is stored."""
    settings = {
        "database_url": postgres.url(await postgres.empty_database()),
        "redis_url": valkey.url,
        "secret": SECRET,
        "workers": "2",
        "persistence": "queue",
    }
    async with ServerProcess(tmp_path, settings) as running:
        async with asyncio.timeout(20):
            while sorted((await scrape(running))["madang_queue_shards"].values()) != [8, 8]:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)
        mina = await Person.of_host(running, "mina")
        devices = [await mina.device() for _ in range(3)]
        for _ in range(ROOMS):  # so many that none of the two is left without one
            room = await mina.group()
            acks = [await device.send(room, "안녕") for device in devices]
            assert {ack["level"] for ack in acks} == {"accepted"}
            for device, ack in zip(devices, acks, strict=True):
                await device.got("message:persisted", lambda it, sent=ack["tempId"]: it["tempId"] == sent)
        stored = (await scrape(running))["madang_queue_stored_total"]
        assert sum(stored.values()) == ROOMS * len(devices)
        assert min(stored.values()) > 0
        await mina.close()
        assert "Traceback" not in running.log, running.log
        assert await running.stop() == 0


async def test_workers_end_with_their_supervisor(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path
) -> None:
    """Killed as by the system, the supervisor leaves nobody behind."""
    settings = {
        "database_url": postgres.url(await postgres.empty_database()),
        "redis_url": valkey.url,
        "secret": SECRET,
        "workers": "2",
    }
    async with ServerProcess(tmp_path, settings) as running:
        await running.stop(signal.SIGKILL)
        async with asyncio.timeout(20):
            for pid in started(running):
                while Path(f"/proc/{pid}").exists():  # noqa: ASYNC110 - another process ends
                    await asyncio.sleep(0.05)
