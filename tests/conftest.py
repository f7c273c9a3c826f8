"""What every test stands on: the event loop, nothing else.

Owns the one fixture anyio's pytest plugin asks for, and the database servers, which start when the first test asks for one.
Fixtures of one kind of test live in the conftest of its folder, or in a module beside the tests that names what it makes.
"""

import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from tests.postgres_server import PostgresServer, running_postgres
from tests.valkey_server import ValkeyServer, running_valkey


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """asyncio alone, on uvloop where it exists: the loop the server runs on."""
    return "asyncio", {"use_uvloop": sys.platform != "win32"}


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """What a test makes of the log ends with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root.handlers, root.level = handlers, level


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL, one for all tests of this process; each makes a database of its own in it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """A real Valkey, one for all tests of this process, which share it under keys and channels of their own."""
    with running_valkey() as server:
        yield server
