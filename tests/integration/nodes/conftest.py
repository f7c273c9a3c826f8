"""Three nodes on one database and one Valkey, for the tests of a module; their people have names of their own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count

import pytest

from tests.people import Person
from tests.postgres_server import PostgresServer
from tests.server_process import ServerProcess
from tests.valkey_server import ValkeyServer

SECRET = "the same for every node of this installation"
NODES = 3
_numbers = count(1)


@pytest.fixture(scope="module")
async def nodes(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[ServerProcess]]:
    """Running servers; nothing of what they log has a traceback."""
    settings = {
        "database_url": postgres.url(await postgres.empty_database()),
        "redis_url": valkey.url,
        "secret": SECRET,
    }
    async with AsyncExitStack() as stack:
        servers = [ServerProcess(tmp_path_factory.mktemp("node"), settings) for _ in range(NODES)]
        running = await asyncio.gather(*(stack.enter_async_context(server) for server in servers))
        yield running
        for server in running:
            assert "Traceback" not in server.log, server.log


@pytest.fixture
async def person(nodes: list[ServerProcess]) -> AsyncIterator[Callable[[], Awaitable[Person]]]:
    """Makes people, who call the first node over HTTP; their devices are disconnected at the end."""
    people: list[Person] = []

    async def make() -> Person:
        someone = await Person.of_host(nodes[0], f"person-{next(_numbers)}")
        people.append(someone)
        return someone

    yield make
    for someone in people:
        await someone.close()
