"""Every suite here runs on every implementation of its port."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from madang.memory.store import MemoryStore
from madang.ports.store import Store
from madang.storage.sqlite import SqliteStore
from tests.conformance.chat import Chat

MAX_MEMBERS = 8
"""Few, so that the limit can be met."""


def new_store(kind: str, folder: Path) -> Store:
    """A store that is not open yet; one of the same folder has the same content where the kind is durable."""
    if kind == "memory":
        return MemoryStore(max_members=MAX_MEMBERS)
    return SqliteStore(folder / "madang.db", max_members=MAX_MEMBERS)


@pytest.fixture(scope="session")
async def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema and nothing in it; copying it is ten times faster than running the migrations."""
    folder = tmp_path_factory.mktemp("empty")
    store = new_store("sqlite", folder)
    await store.open()
    await store.close()
    return folder / "madang.db"


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, empty_sqlite: Path) -> AsyncIterator[Store]:
    """An open store."""
    if request.param == "sqlite":
        shutil.copy(empty_sqlite, tmp_path)
    store = new_store(request.param, tmp_path)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def chat(store: Store) -> Chat:
    """The store, with words to speak of it."""
    return Chat(store)
