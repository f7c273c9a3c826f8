"""Faults: the databases scenarios run on, and the sum that a run of them ends with."""

from collections.abc import Iterator

import pytest

from tests.faults.figures import FIGURES
from tests.postgres_server import PostgresServer, running_postgres
from tests.valkey_server import ValkeyServer, running_valkey


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, postgres: PostgresServer) -> dict[str, str]:
    """The setting of an empty store."""
    if request.param == "sqlite":
        return {}
    return {"database_url": postgres.url(await postgres.empty_database())}


@pytest.fixture(scope="module")
def fragile() -> Iterator[PostgresServer]:
    """A PostgreSQL of these tests alone, which they stop and start."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A Valkey that a scenario may stop."""
    with running_valkey() as server:
        yield server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was found, added up."""
    if FIGURES.scenarios:
        terminalreporter.section("faults")
        terminalreporter.write_line(str(FIGURES))
