"""One server per database, and one history per epoch: what the hold keeps out, and what it notices of a database that moved."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from time import monotonic

import asyncpg
import pytest
from structlog.testing import capture_logs

from madang.app.doctor import examine
from madang.config import InUseError, Settings
from madang.errors import ErrorCode, MadangError
from madang.ports.log import Outcome
from madang.storage import postgres_hold
from madang.storage.postgres import PostgresStore
from madang.storage.postgres_hold import PostgresHold
from tests.conformance.chat import Chat, message, outcomes
from tests.postgres_server import REPLICATED, PostgresServer, running_postgres

HOLDER = """
    SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND granted AND datname = current_database()
"""
CUT = f"SELECT pg_terminate_backend(pid) FROM ({HOLDER}) AS held"  # noqa: S608  # nothing of it comes from outside
WAIT = "SELECT pg_advisory_lock(hashtextextended('a server of madang', 0))"


@pytest.fixture
async def url(postgres: PostgresServer, database: str) -> str:
    """A database with the schema and nothing in it."""
    return postgres.url(database)


@pytest.fixture
async def chat(url: str) -> AsyncIterator[Chat]:
    """An open store."""
    store = PostgresStore(url)
    await store.open()
    yield Chat(store)
    await store.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused start need not wait as long as in life."""
    monkeypatch.setattr(postgres_hold, "PATIENCE_SECONDS", 0.3)


def hold_of(chat: Chat) -> PostgresHold:
    """The hold of its store."""
    assert isinstance(chat.store, PostgresStore)
    assert chat.store._hold is not None
    return chat.store._hold


async def until_it_answers(chat: Chat, seconds: float = 10) -> None:
    """Wait until the store takes work."""
    deadline = monotonic() + seconds
    while True:
        try:
            return await chat.store.ping()
        except MadangError:
            assert monotonic() < deadline
            await asyncio.sleep(0.02)


async def until_noticed(former: object, chat: Chat) -> None:
    """Wait until a connection that was cut is known to be: its end has to be read first."""
    async with asyncio.timeout(5):
        while hold_of(chat)._held and hold_of(chat)._connection is former:  # noqa: ASYNC110 - another process cuts it
            await asyncio.sleep(0.01)


async def test_a_database_is_for_one_server(chat: Chat, url: str) -> None:
    """A second one is refused while the first is open, then let in; the first does not notice."""
    second = PostgresStore(url)
    with pytest.raises(InUseError) as refused:
        await second.open()
    assert (refused.value.setting, "another Madang" in refused.value.sentence) == ("MADANG_DATABASE_URL", True)
    await chat.user()
    await chat.store.close()
    began = monotonic()
    await second.open()
    assert monotonic() - began < 1
    await second.close()


async def test_who_shares_lets_in_who_shares(url: str) -> None:
    """Nodes that hear of each other have it open together, and nobody else does."""
    first, second, alone = PostgresStore(url, shared=True), PostgresStore(url, shared=True), PostgresStore(url)
    await first.open()
    await second.open()
    with pytest.raises(InUseError):
        await alone.open()
    await first.close()
    await second.close()
    await alone.open()
    with pytest.raises(InUseError):
        await first.open()
    await alone.close()


async def test_the_doctor_of_a_running_server_notes_it(chat: Chat, url: str) -> None:
    """The server is not a fault."""
    found = {finding.subject: finding async for finding in examine(Settings(database_url=url, port=0))}
    assert (found["store"].verdict, "another Madang" in found["store"].sentence) == ("note", True)


async def test_a_cut_connection_is_taken_again(chat: Chat, postgres: PostgresServer, database: str, url: str) -> None:
    """At once, and without anybody who asks noticing; afterwards it keeps others out as before."""
    ann = await chat.user()
    group = await chat.group(ann)
    for _ in range(3):
        former = hold_of(chat)._connection
        await postgres.fetch(CUT, database=database)
        assert outcomes(await chat.append(message(group, ann))) == [Outcome.STORED]
        await until_noticed(former, chat)
        await until_it_answers(chat)
    with pytest.raises(InUseError):
        await PostgresStore(url).open()


async def test_whoever_takes_it_meanwhile_stops_the_first(
    chat: Chat, postgres: PostgresServer, database: str, url: str
) -> None:
    """Nothing is acknowledged or read while somebody else has the database, and the log says why; then it goes on by itself."""
    ann = await chat.user()
    group = await chat.group(ann)
    (holder,) = await postgres.fetch(HOLDER, database=database)
    other = await asyncpg.connect(url)
    waiting = asyncio.ensure_future(other.execute(WAIT))
    await asyncio.sleep(0.1)
    with capture_logs() as logs:
        former = hold_of(chat)._connection
        os.kill(holder["pid"], signal.SIGTERM)
        await waiting
        await until_noticed(former, chat)
        calls = (chat.append(message(group, ann)), chat.history(group), chat.store.ping())
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [getattr(answer, "code", answer) for answer in answers] == [ErrorCode.TRY_AGAIN] * 3
    assert [log["reason"] for log in logs if log["event"] == "nothing is stored"] == [
        "another Madang has the database open"
    ]
    assert len(await other.fetch("SELECT 1 FROM messages")) == 1
    await other.close()
    await until_it_answers(chat)
    assert outcomes(await chat.append(message(group, ann))) == [Outcome.STORED]


async def test_its_own_connection_of_before_is_ended(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line was cut and the database has not noticed: it does not keep its own server out."""
    hold = hold_of(chat)
    former = hold._connection
    assert former is not None
    hold._terminated(former)  # as if it were gone; it is not
    await until_it_answers(chat, 2)
    assert hold._connection is not former
    assert former.is_closed()


async def test_a_connection_that_falls_silent_is_noticed(
    url: str, postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is begun on a hold that may be gone; when the database answers again it is taken again."""
    monkeypatch.setattr(postgres_hold, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(postgres_hold, "ANSWER_SECONDS", 0.3)
    store = PostgresStore(url)
    await store.open()
    (holder,) = await postgres.fetch(HOLDER, database=database)
    os.kill(holder["pid"], signal.SIGSTOP)
    try:
        await asyncio.sleep(0.8)
        with pytest.raises(MadangError):
            await store.ping()
    finally:
        os.kill(holder["pid"], signal.SIGCONT)
    await until_it_answers(Chat(store))
    await store.close()


async def test_an_epoch_that_another_began_ends_the_store(chat: Chat, postgres: PostgresServer, database: str) -> None:
    """While the hold was lost somebody ran the doctor: numbers of the old epoch are given out no more."""
    await postgres.execute("UPDATE installation SET epoch = gen_random_uuid()", database=database)
    await postgres.fetch(CUT, database=database)
    await asyncio.wait_for(chat.store.moved(), 5)
    with pytest.raises(MadangError) as refused:
        await chat.user()
    assert refused.value.code is ErrorCode.TRY_AGAIN


async def test_a_role_that_is_not_told_the_timeline_is_served(postgres: PostgresServer, database: str) -> None:
    """It has an epoch that no failover changes; an ordinary role is told."""
    await postgres.execute(
        "CREATE ROLE ordinary LOGIN",
        "CREATE ROLE untold LOGIN",
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC",
        database=database,
    )
    url = postgres.url(database)
    try:
        for role, told in (("ordinary", True), ("untold", False)):
            if not told:
                await postgres.execute(
                    "REVOKE EXECUTE ON FUNCTION pg_walfile_name(pg_lsn) FROM PUBLIC", database=database
                )
            store = PostgresStore(url.replace("postgres@", f"{role}@"))
            await store.open()
            assert (store._hold is not None and store._hold.timeline is not None) is told
            await store.ping()
            await store.close()
    finally:
        await postgres.execute("DROP OWNED BY ordinary, untold", "DROP ROLE ordinary, untold", database=database)


@pytest.fixture
def primary() -> Iterator[PostgresServer]:
    """A server that can have a standby, or be restored."""
    with running_postgres(REPLICATED) as server:
        yield server


@pytest.fixture
async def moving(primary: PostgresServer) -> AsyncIterator[Chat]:
    """An open store on it."""
    store = PostgresStore(primary.url(await primary.database()))
    await store.open()
    yield Chat(store)
    await store.close()


async def test_a_restart_keeps_the_epoch(primary: PostgresServer, moving: Chat) -> None:
    """A crash too: what was acknowledged is there."""
    epoch = moving.store.epoch
    for mode in ("immediate", "fast"):
        primary.stop(mode)
        primary.start(**REPLICATED)
        await until_it_answers(moving)
    await moving.store.close()
    await moving.store.open()
    assert moving.store.epoch == epoch


async def test_a_restored_database_begins_a_new_epoch(primary: PostgresServer, moving: Chat) -> None:
    """Also under a running server, which says so and answers nothing any more; once, not with every start."""
    store, epoch = moving.store, moving.store.epoch
    ann = await moving.user()
    group = await moving.group(ann)
    primary.stop()
    primary.start_restored()
    with pytest.raises(MadangError) as refused:
        await moving.append(message(group, ann))
    assert refused.value.code is ErrorCode.TRY_AGAIN
    await asyncio.wait_for(store.moved(), 5)
    await store.close()
    epochs = []
    for _ in range(2):
        await store.open()
        epochs.append(store.epoch)
        assert len(await moving.history(group)) == 1
        await store.close()
    assert epochs[0] == epochs[1] != epoch


async def test_nothing_is_written_on_another_timeline_under_the_old_epoch(
    primary: PostgresServer, moving: Chat
) -> None:
    """The hold lives on, at the old server; new connections lead to the promoted standby, and are not used."""
    with running_postgres(REPLICATED, primary=primary) as standby:
        standby.promote()
        elsewhere = await asyncpg.connect(standby.url())
        with pytest.raises(ConnectionError, match="another timeline"):
            await hold_of(moving).admit(elsewhere)
        await elsewhere.close()
        await until_it_answers(moving)  # the address still leads to the old one, so the hold is taken again there
