"""Every suite here runs on every implementation of its port."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from madang.memory.store import MemoryStore
from madang.ports.store import Store
from madang.storage.postgres import PostgresStore
from madang.storage.sqlite import SqliteStore
from tests.conformance.chat import Chat
from tests.postgres_server import PostgresServer

MAX_MEMBERS = 8
"""Few, so that the limit can be met."""


DURABLE = ("sqlite", "postgres")
MakeStore = Callable[[], Store]


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema and nothing in it; copying it is ten times faster than running the migrations."""
    path = tmp_path_factory.mktemp("empty") / "madang.db"

    async def make() -> None:
        store = SqliteStore(path)
        await store.open()
        await store.close()

    asyncio.run(make())  # not on the loop of a test: tests without one ask for it as well
    return path


@pytest.fixture(params=["memory", *DURABLE])
def store_kind(request: pytest.FixtureRequest) -> str:
    """What the port is implemented on; a test that is about durable ones asks for some by parameter."""
    return str(request.param)


@pytest.fixture
async def postgres_url(postgres: PostgresServer) -> str:
    """An empty store on PostgreSQL."""
    url = postgres.url(await postgres.shared_database())
    await postgres.clear(url)
    return url


@pytest.fixture
def make_store(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Makes stores that are not open yet; durable ones of one test have the same content."""
    if store_kind == "memory":
        return lambda: MemoryStore(max_members=MAX_MEMBERS)
    if store_kind == "sqlite":
        path = Path(shutil.copy(request.getfixturevalue("empty_sqlite"), tmp_path))
        return lambda: SqliteStore(path, max_members=MAX_MEMBERS)
    url: str = request.getfixturevalue("postgres_url")
    return lambda: PostgresStore(url, max_members=MAX_MEMBERS)


@pytest.fixture
async def store(make_store: MakeStore) -> AsyncIterator[Store]:
    """An open store."""
    store = make_store()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def chat(store: Store) -> Chat:
    """The store, with words to speak of it."""
    return Chat(store)
