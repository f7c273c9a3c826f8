"""`madang serve` on PostgreSQL, when there are two of it, and when its database is a standby that was promoted."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.integration.sockets.coming_back import away, back, history
from tests.integration.test_serve import run_madang
from tests.people import Device, Person
from tests.postgres_server import REPLICATED, PostgresServer, running_postgres
from tests.server_process import ServerProcess


@pytest.fixture
async def url(postgres: PostgresServer) -> AsyncIterator[str]:
    """An empty database."""
    name = await postgres.empty_database()
    yield postgres.url(name)
    await postgres.drop(name)


async def test_a_second_server_on_the_same_database_is_refused(tmp_path: Path, url: str) -> None:
    """And so are commands that would work beside it; a server that was killed is in nobody's way."""
    settings = {"MADANG_DATABASE_URL": url}
    async with ServerProcess(tmp_path, {"database_url": url}) as running:
        for command in (("serve", "--port", "0"), ("token", "ann")):
            refused = run_madang(*command, "--data", str(tmp_path / "other"), settings=settings)
            assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
            assert "MADANG_DATABASE_URL: another Madang has this database open" in refused.stderr
        assert httpx2.get(f"{running.url}/health/ready").status_code == 200
        await running.stop(signal.SIGKILL)
        await running.start()
        assert httpx2.get(f"{running.url}/health/ready").status_code == 200


@pytest.fixture
def primary() -> Iterator[PostgresServer]:
    """A server that has a standby."""
    with running_postgres(REPLICATED) as server:
        yield server


async def gone(device: Device, seconds: float = 20) -> None:
    """Wait until the server has closed a device's connection."""
    async with asyncio.timeout(seconds):
        while not device.disconnects:  # noqa: ASYNC110 - another library writes it
            await asyncio.sleep(0.05)


async def until_ready(server: ServerProcess, seconds: float = 10) -> None:
    """Wait until it would get traffic; a connection is answered all the while, or waits for one who answers."""
    async with asyncio.timeout(seconds), httpx2.AsyncClient(base_url=server.url) as http:
        while (await http.get("/health/ready")).status_code != 200:  # noqa: ASYNC110 - another process gets there
            await asyncio.sleep(0.05)


async def test_a_failover_that_lost_messages_confuses_nobody(tmp_path: Path, primary: PostgresServer) -> None:
    """The standby lacks what was acknowledged last. The server goes on there by itself under a new epoch: whoever is connected
    comes back, whoever comes back forgets, and a number given twice is never taken for the message it was first given to.
    """
    with running_postgres(REPLICATED, primary=primary) as standby:
        name = await primary.empty_database()
        url = f"{primary.url(name)},{standby.folder}"
        async with ServerProcess(tmp_path, {"database_url": url}) as server:
            mina, joon = await Person.of_host(server, "mina"), await Person.of_host(server, "joon")
            room = await mina.group(joon)
            sender = await mina.device()
            await sender.send(room, "kept")
            await asyncio.sleep(1)
            standby.stop()
            lost = (await sender.send(room, "lost"))["message"]
            last = await away(joon)
            assert (await history(joon, room))[-1]["id"] == lost["id"]
            standby.start(**REPLICATED, primary_conninfo="")
            primary.stop("immediate")
            standby.promote()
            await gone(sender)
            await until_ready(server)
            device, answer = await back(joon, last)
            (summary,) = [summary for summary in answer["conversations"] if summary["id"] == room]
            assert (answer["changes"][room]["status"], summary["epoch"] != lost["epoch"]) == ("reset", True)
            assert [row["content"] for row in (await history(joon, room))[1:]] == ["kept"]
            again = await device.send(room, "again")
            assert (again["message"]["seq"], again["message"]["epoch"]) == (lost["seq"], summary["epoch"])
            assert httpx2.get(f"{server.url}/health/ready").status_code == 200
            await server.stop()
            await server.start()
            _, answer = await back(joon, {**answer, "conversations": [{**summary, "version": lost["seq"]}]})
            assert answer["changes"] == {}
            await joon.close()
            await mina.close()
        assert "Traceback" not in server.log, server.log
        assert "a new epoch has begun" in server.log
