"""The PostgreSQL server as it is in life: refused if it may lose messages, restarted under load, gone for a while."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from time import monotonic

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from madang.config import SettingsError
from madang.errors import ErrorCode
from madang.ports.log import Outcome
from madang.storage import postgres_checks
from madang.storage.postgres import PostgresStore
from madang.storage.postgres_connections import single_engine
from madang.storage.tables import metadata
from tests.conformance.chat import Chat, message, outcomes
from tests.postgres_server import PostgresServer, running_postgres


@pytest.fixture(scope="module")
def fragile() -> Iterator[PostgresServer]:
    """A server of these tests alone, which they stop and start."""
    with running_postgres() as server:
        yield server


@pytest.fixture
async def url(fragile: PostgresServer) -> AsyncIterator[str]:
    """A database with the schema and nothing in it."""
    name = await fragile.database()
    yield fragile.url(name)
    await fragile.drop(name)


@pytest.fixture
async def chat(url: str) -> AsyncIterator[Chat]:
    """An open store."""
    store = PostgresStore(url)
    await store.open()
    yield Chat(store)
    await store.close()


async def refusal(url: str) -> str:
    """The sentence with which a store does not open."""
    with pytest.raises(SettingsError) as refused:
        await PostgresStore(url).open()
    assert refused.value.setting == "MADANG_DATABASE_URL"
    return refused.value.sentence


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_server_that_may_lose_messages_is_refused(fragile: PostgresServer, url: str, name: str) -> None:
    """With a sentence that names the setting; unless the operator says that it is meant."""
    fragile.stop()
    fragile.start(**{name: "off"})
    try:
        assert f"{name}=off" in await refusal(url)
        store = PostgresStore(url, unsafe_durability=True)
        await store.open()
        await store.close()
    finally:
        fragile.stop()
        fragile.start()


async def test_a_role_that_does_not_wait_for_the_disk_is_refused(fragile: PostgresServer, url: str) -> None:
    """The setting counts as this user's sessions have it, not as the server's file says."""
    await fragile.execute("CREATE ROLE careless SUPERUSER LOGIN", "ALTER ROLE careless SET synchronous_commit = off")
    assert "synchronous_commit=off" in await refusal(url.replace("postgres@", "careless@"))


async def test_an_old_server_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lacks what the statements use."""
    monkeypatch.setattr(postgres_checks, "OLDEST_VERSION", 99)
    assert "too old: 99 is the least" in await refusal(url)


async def test_a_database_of_another_encoding_is_refused(fragile: PostgresServer) -> None:
    """It cannot hold every message."""
    await fragile.execute("CREATE DATABASE narrow ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    assert "SQL_ASCII" in await refusal(fragile.url("narrow"))
    await fragile.drop("narrow")


async def test_a_store_of_a_newer_madang_is_refused(fragile: PostgresServer, url: str) -> None:
    """With a sentence that says what to do."""
    name = url.rpartition("/test_")[2].partition("?")[0]
    await fragile.execute("UPDATE alembic_version SET version_num = '9999'", database=f"test_{name}")
    assert "newer than this Madang (it stands at revision 9999" in await refusal(url)


async def test_a_database_that_cannot_be_opened_is_refused(fragile: PostgresServer) -> None:
    """With what the server or the system says, and nothing of the URL's password."""
    unknown = fragile.url("nowhere").replace("postgres@", "postgres:secret-word@")
    unreachable = "postgresql://postgres:secret-word@127.0.0.1:1/x"
    for url, said in (
        (unknown, 'database "nowhere" does not exist'),
        (unreachable, "Connect(ion refused| call failed)"),
    ):
        sentence = await refusal(url)
        assert re.search(said, sentence)
        assert "secret-word" not in sentence


async def test_several_nodes_that_start_at_once_migrate_once(fragile: PostgresServer) -> None:
    """They take turns; all open, with the same epoch."""
    name = await fragile.empty_database()
    stores = [PostgresStore(fragile.url(name), shared=True) for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    assert len({store.epoch for store in stores}) == 1
    for store in stores:
        await store.close()
    await fragile.drop(name)


async def test_the_schema_is_the_sum_of_the_migrations(url: str) -> None:
    """On this database too: tables, types, defaults and indexes are those that the code believes in."""

    def differences(conn: Connection) -> list[object]:
        context = MigrationContext.configure(conn, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))

    engine = single_engine(url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_a_server_that_is_gone_is_said_in_time(fragile: PostgresServer, chat: Chat) -> None:
    """Sends, marks and reads each get an error within the time promised, and work again when it is back."""
    ann = await chat.user()
    group = await chat.group(ann)
    entry = message(group, ann)
    fragile.stop("immediate")
    began = monotonic()
    answers = await asyncio.gather(
        chat.append(entry), chat.read(group, ann), chat.history(group), chat.user("Bob"), return_exceptions=True
    )
    assert monotonic() - began < 5
    assert [getattr(answer, "code", answer) for answer in answers] == [ErrorCode.TRY_AGAIN] * 4
    fragile.start()
    assert outcomes(await chat.append(entry)) == [Outcome.STORED]
    assert len(await chat.history(group)) == 2


async def test_connections_cut_by_the_server_are_not_noticed(fragile: PostgresServer, chat: Chat) -> None:
    """Every connection is terminated; the next call of each kind opens another and succeeds."""
    ann = await chat.user()
    group = await chat.group(ann)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'madang'"
    for _ in range(3):
        await asyncio.gather(*(chat.history(group) for _ in range(8)))
        assert await fragile.fetch(cut)
        assert outcomes(await chat.append(message(group, ann))) == [Outcome.STORED]
        await chat.history(group)
        await chat.read(group, ann)
        await chat.store.accounts.update(ann, name="Ann")
    assert len(await chat.history(group)) == 4


async def test_a_cancelled_reader_leaves_its_connection_clean(chat: Chat) -> None:
    """Whoever comes after somebody who gave up gets the answer to their own question."""
    people = await chat.users(6)
    for person in people:
        await chat.group(person)
    for round_ in range(30):
        reads = [asyncio.ensure_future(chat.store.conversations.sharing(person, people)) for person in people * 3]
        await asyncio.sleep(0.0005 * (round_ % 7))
        for read in reads[round_ % 3 :: 3]:
            read.cancel()
        answers = await asyncio.gather(*reads, return_exceptions=True)
        for place, answer in enumerate(answers):
            assert isinstance(answer, asyncio.CancelledError) or answer == {people[place % 6]}
