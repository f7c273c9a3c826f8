"""Faults: the databases scenarios run on, and the sum that a run of them ends with."""

import pytest

from tests.faults.figures import FIGURES
from tests.postgres_server import PostgresServer


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, postgres: PostgresServer) -> dict[str, str]:
    """The setting of an empty store."""
    if request.param == "sqlite":
        return {}
    return {"database_url": postgres.url(await postgres.empty_database())}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was found, added up."""
    if FIGURES.scenarios:
        terminalreporter.section("faults")
        terminalreporter.write_line(str(FIGURES))
