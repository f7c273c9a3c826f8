"""Polling and upgrades through a balancer that remembers nobody: two machines of two workers each, and official clients."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx2
import pytest

from tests.integration.nodes.conftest import SECRET
from tests.interop.stock_client import StockClient
from tests.people import Person
from tests.postgres_server import PostgresServer
from tests.round_robin import RoundRobin
from tests.server_process import ServerProcess, free_port
from tests.valkey_server import ValkeyServer

CLIENTS = 6
"""So many that some upgrade at their engine's worker, some at its sibling and some on the other machine."""
UPGRADE_SECONDS = 30.0
"""Far more than it takes; the server itself gives a probe ten."""


@pytest.fixture(scope="module")
async def machines(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[ServerProcess]]:
    """Two servers of two workers that know each other by address alone."""
    settings = {
        "database_url": postgres.url(await postgres.empty_database()),
        "redis_url": valkey.url,
        "secret": SECRET,
        "workers": "2",
    }
    async with AsyncExitStack() as stack:
        servers = []
        for _ in range(2):
            port = free_port()
            server = ServerProcess(tmp_path_factory.mktemp("machine"), settings | {"advertise": f"127.0.0.1:{port}"})
            server.port = port
            servers.append(server)
        running = await asyncio.gather(*(stack.enter_async_context(server) for server in servers))
        yield running
        for server in running:
            assert "Traceback" not in server.log, server.log


@pytest.fixture
async def balancer(machines: list[ServerProcess]) -> AsyncIterator[RoundRobin]:
    """What people connect to."""
    async with RoundRobin([server.port for server in machines]) as running:
        yield running


async def counted(server: ServerProcess, name: str) -> float:
    """A metric of all workers of a machine."""
    async with httpx2.AsyncClient() as http:
        page = (await http.get(f"{server.url}/metrics")).text
    return sum(float(value) for value in re.findall(rf'^{name}\{{worker="\d+"\}} (\S+)$', page, re.MULTILINE))


async def test_the_stock_client_upgrades_anywhere(machines: list[ServerProcess], balancer: RoundRobin) -> None:
    """With its default transports, polling first: it connects, upgrades, talks and hears, whoever its requests reach."""
    mina = await Person.of_host(machines[0], "mina")
    for _ in range(CLIENTS):
        async with StockClient() as client:
            await client.connect(balancer.url, token=mina.token)
            (init,) = await client.ask("init", {})
            room = init["conversations"][0]["id"]
            (ack,) = await client.ask("message:send", {"conversationId": room, "content": "가" * 20_000})
            assert ack["error"] == "too_large"  # and what is too long for the contract still fits on the way
            (ack,) = await client.ask("message:send", {"conversationId": room, "content": "안녕"})
            assert ack["ok"], ack
            await client.until("event", lambda it: it["event"] == "message:new")
            await client.until("upgrade", seconds=UPGRADE_SECONDS)
            (ack,) = await client.ask("message:send", {"conversationId": room, "content": "위로"})
            assert ack["ok"], ack
        assert (client.count("connect"), client.count("disconnect")) == (1, 0)
    assert set(balancer.turns) == {0, 1}
    assert sum([await counted(server, "madang_passed_on_total") for server in machines]) > 4


async def test_polling_alone_works_anywhere(machines: list[ServerProcess], balancer: RoundRobin) -> None:
    """A client that never upgrades: events and acks, in order."""
    joon = await Person.of_host(machines[1], "joon")
    async with StockClient() as client:
        await client.connect(balancer.url, token=joon.token, transports=["polling"])
        (init,) = await client.ask("init", {})
        room = init["conversations"][0]["id"]
        for number in range(20):
            (ack,) = await client.ask("message:send", {"conversationId": room, "content": str(number)})
            assert ack["ok"], ack
        await client.until("event", lambda it: it["event"] == "message:new" and it["args"][0]["content"] == "19")
    assert [message["content"] for message in client.events("message:new")] == [str(number) for number in range(20)]
    assert client.count("disconnect") == 0
