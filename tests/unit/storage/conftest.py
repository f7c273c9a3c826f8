"""What the tests of the store as a file stand on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from madang.storage.sqlite import SqliteStore
from tests.conformance.chat import Chat


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """An open store."""
    store = SqliteStore(tmp_path / "madang.db")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def chat(store: SqliteStore) -> Chat:
    """The store, with words to speak of it."""
    return Chat(store)
