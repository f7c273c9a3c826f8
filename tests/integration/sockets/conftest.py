"""One server for the tests of a module; its people have names of their own, so tests do not meet."""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path

import pytest

from tests.people import Person
from tests.server_process import ServerProcess

_numbers = count(1)


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """A running server."""
    folder: Path = tmp_path_factory.mktemp("server")
    async with ServerProcess(folder) as running:
        yield running
        assert "Traceback" not in running.log, running.log


@pytest.fixture
async def person(server: ServerProcess) -> AsyncIterator[Callable[[], Awaitable[Person]]]:
    """Makes people; their devices are disconnected at the end."""
    people: list[Person] = []

    async def make() -> Person:
        someone = await Person.of_host(server, f"person-{next(_numbers)}")
        people.append(someone)
        return someone

    yield make
    for someone in people:
        await someone.close()
