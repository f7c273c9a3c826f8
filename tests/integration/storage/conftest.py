"""What the tests of the store on PostgreSQL stand on: a database of their own."""

from collections.abc import AsyncIterator

import pytest

from madang.storage.postgres import PostgresStore
from tests.conformance.chat import Chat
from tests.postgres_server import PostgresServer


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[str]:
    """The name of a database with the schema and nothing in it."""
    name = await postgres.database()
    yield name
    await postgres.drop(name)


@pytest.fixture
async def postgres_chat(postgres: PostgresServer, database: str) -> AsyncIterator[Chat]:
    """An open store, with words to speak of it."""
    store = PostgresStore(postgres.url(database))
    await store.open()
    yield Chat(store)
    await store.close()
