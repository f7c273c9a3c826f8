"""A whole installation moved between SQLite and PostgreSQL: everything is there, or nothing is, and the source stays as it was."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from madang.app.move import move
from madang.config import InUseError, Settings, SettingsError
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.accounts import ExternalProfile
from madang.ports.sessions import Session
from madang.ports.store import Store
from madang.storage import copying
from madang.storage.postgres import PostgresStore
from madang.storage.postgres_connections import single_engine
from madang.storage.sqlite import SqliteStore
from madang.storage.sqlite_connections import reader_engine
from madang.storage.tables import installation, metadata
from tests.conformance.chat import Chat
from tests.conformance.test_histories import History, drawn
from tests.postgres_server import PostgresServer

DIRECTIONS = [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql")]
SEED = 7
"""Of a history that leaves something in every table."""
Place = Callable[[str], str]


@pytest.fixture
async def place(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[Place]:
    """Makes places of a kind that are empty: folders, or databases which do not even have tables."""
    databases = [await postgres.empty_database() for _ in range(2)]
    free = iter(databases)

    def make(kind: str) -> str:
        name = next(free)
        return postgres.url(name) if kind == "postgresql" else f"sqlite:{tmp_path / name}"

    yield make
    for name in databases:
        await postgres.drop(name)


def file_of(place: str) -> Path:
    """The file of a folder."""
    return Path(place.removeprefix("sqlite:")) / "madang.sqlite3"


def name_of(place: str) -> str:
    """The name of a database."""
    return place.rpartition("@/")[2].partition("?")[0]


def store_of(place: str) -> Store:
    """A store there, not open."""
    if place.startswith("postgresql:"):
        return PostgresStore(place, max_members=4)
    file_of(place).parent.mkdir(exist_ok=True)
    return SqliteStore(file_of(place), max_members=4)


async def rows_of(place: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table as Python has it, but for where the database stands."""

    def read(conn: Any) -> dict[str, list[tuple[Any, ...]]]:
        return {
            table.name: sorted(
                (tuple(row) for row in conn.execute(select(*[c for c in table.c if c is not installation.c.timeline]))),
                key=repr,
            )
            for table in metadata.sorted_tables
        }

    if not place.startswith("postgresql:"):
        with reader_engine(file_of(place)).connect() as conn:
            return read(conn)
    engine = single_engine(place)
    async with engine.connect() as connection:
        found = await connection.run_sync(read)
    await engine.dispose()
    return found


async def lived_in(place: str) -> History:
    """An installation with a past: random histories, people of all kinds, sessions that live, were rotated and have ended."""
    store = store_of(place)
    await store.open()
    history = History(store, [])
    await history.run(drawn(SEED, 10))
    profile = ExternalProfile(
        id=new_id(), issuer="host", subject="s", name="Ünï 안녕", avatar_url="/a.png", issued_at=7
    )
    await store.accounts.provision(profile, 1)
    for number, person in enumerate(history.teller.people):
        session = Session(id=new_id(), user_id=person, token_hash=bytes([number]) * 32, created_at=1, expires_at=10**15)
        await store.sessions.create(session)
        if number == 1:
            await store.sessions.rotate(session.id, session.token_hash, b"n" * 32, 5, expires_at=10**15, grace_ms=1_000)
        if number == 2:
            await store.sessions.revoke(session.id, 9)
    await store.accounts.set_disabled(history.teller.people[0], False)
    await Chat(store).group(
        history.teller.people[0], custom={"n": [100.0, 0.1, 10**25], "b": True, "z": {"y": None, "x": "안"}}
    )
    await store.close()
    return history


@contextmanager
def quiet(_what: str, _rows: int) -> Iterator[Callable[[int], None]]:
    """Progress that nobody looks at."""
    yield lambda _: None


async def moved(source: str, target: str) -> dict[str, int]:
    """Everything copied."""
    return await move(source, target, Settings(), quiet)


async def refusal(source: str, target: str) -> SettingsError:
    """How it is refused."""
    with pytest.raises(SettingsError) as refused:
        await moved(source, target)
    return refused.value


async def is_empty(place: str) -> bool:
    """Whether nothing is there, and something could be."""
    if not place.startswith("postgresql:"):
        return not file_of(place).parent.exists() or [path.suffix for path in file_of(place).parent.iterdir()] == [
            ".lock"
        ]
    return not any(rows for name, rows in (await rows_of(place)).items() if name != "installation")


@pytest.mark.parametrize(("from_kind", "to_kind"), DIRECTIONS)
async def test_everything_moves(place: Place, from_kind: str, to_kind: str) -> None:
    """Row by row it is the same; the ports answer the same, and go on the same."""
    source, target = place(from_kind), place(to_kind)
    history = await lived_in(source)
    before = await rows_of(source)
    counts = await moved(source, target)
    assert counts == {name: len(rows) for name, rows in before.items()}
    assert all(counts.values()), "there is a table of which nothing was tested"
    assert await rows_of(source) == before
    copied = await rows_of(target)
    for name, rows in before.items():
        assert copied[name] == rows, name
    history.teller.stores = [store_of(source), store_of(target)]
    for store in history.teller.stores:
        await store.open()
    assert len({store.epoch for store in history.teller.stores}) == 1
    await history.teller.compare()
    for person in history.teller.people:
        await history.teller.ask(lambda store: store.accounts.by_id(person))  # noqa: B023  # awaited at once
    await history.go_on(drawn(SEED + 1, 1))
    await history.teller.compare()
    for store in history.teller.stores:
        await store.close()


async def test_numbers_in_another_spelling_are_the_same(place: Place) -> None:
    """PostgreSQL keeps JSON's numbers by value: 1e300 comes back with three hundred zeros, and that is no difference."""
    source, target = place("sqlite"), place("postgresql")
    store = store_of(source)
    await store.open()
    chat = Chat(store)
    await chat.group(await chat.user(), custom={"n": [100.0, 1e300, -0.0, 5e-324]})
    await store.close()
    assert (await moved(source, target))["conversations"] == 1


async def test_there_and_back_again_is_the_same(place: Place, tmp_path: Path) -> None:
    """Nothing is lost on the way that only the other direction would show."""
    source, target = f"sqlite:{tmp_path / 'first'}", place("postgresql")
    await lived_in(source)
    await moved(source, target)
    await moved(target, f"sqlite:{tmp_path / 'second'}")
    assert await rows_of(f"sqlite:{tmp_path / 'second'}") == await rows_of(source)


@pytest.mark.parametrize(("from_kind", "to_kind"), DIRECTIONS)
async def test_rows_come_in_batches(
    place: Place, from_kind: str, to_kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are; what is counted on the way is what was said before."""
    source, target = place(from_kind), place(to_kind)
    await lived_in(source)
    monkeypatch.setattr(copying, "BATCH", 7)
    said: list[tuple[int, list[int]]] = []

    @contextmanager
    def watching(_what: str, rows: int) -> Iterator[Callable[[int], None]]:
        said.append((rows, []))
        yield said[-1][1].append

    await move(source, target, Settings(), watching)
    assert max(step for _, steps in said for step in steps) == 7
    assert [rows for rows, _ in said] == [sum(steps) for _, steps in said]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_source_in_use_is_refused(place: Place, kind: str) -> None:
    """By a server, which goes on; afterwards it moves."""
    source, target = place(kind), place("postgresql")
    store = store_of(source)
    await store.open()
    refused = await refusal(source, target)
    assert (type(refused), refused.setting) == (InUseError, "--from")
    assert "another Madang" in refused.sentence
    await Chat(store).user()
    await store.close()
    assert (await moved(source, target))["users"] == 1


@pytest.mark.parametrize(("from_kind", "to_kind"), DIRECTIONS)
async def test_a_target_in_use_is_refused(place: Place, from_kind: str, to_kind: str) -> None:
    """Even if there is nothing in it yet."""
    source, target = place(from_kind), place(to_kind)
    await lived_in(source)
    store = store_of(target)
    await store.open()
    refused = await refusal(source, target)
    assert (type(refused), refused.setting) == (InUseError, "--to")
    await store.close()


@pytest.mark.parametrize(("from_kind", "to_kind"), DIRECTIONS)
async def test_a_target_with_something_in_it_is_refused(place: Place, from_kind: str, to_kind: str) -> None:
    """It keeps what it has; one that is migrated and has nothing is filled."""
    source, target = place(from_kind), place(to_kind)
    await lived_in(source)
    store = store_of(target)
    await store.open()
    await store.close()
    await moved(source, target)
    before = await rows_of(target)
    refused = await refusal(source, target)
    assert (refused.setting, "in it already" in refused.sentence) == ("--to", True)
    assert await rows_of(target) == before


async def test_a_file_of_something_else_is_refused(place: Place, tmp_path: Path) -> None:
    """It would be replaced."""
    source = place("postgresql")
    await lived_in(source)
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (id)")
    other.close()
    assert "something else in it (recipes)" in (await refusal(source, f"sqlite:{path}")).sentence
    path.write_text("not a database at all, but long enough to be looked at as one" * 20)
    assert "is no database of SQLite" in (await refusal(source, f"sqlite:{path}")).sentence


async def test_a_source_that_is_none_is_refused(place: Place, tmp_path: Path) -> None:
    """A folder without a store, an empty database, a database that is not there."""
    target, empty = place("postgresql"), place("postgresql")
    nowhere = empty.replace("/test_", "/nowhere_")
    for source, said in (
        (f"sqlite:{tmp_path / 'none'}", "there is no file"),
        (empty, "there is no store of Madang in it"),
        (nowhere, "does not exist"),
    ):
        refused = await refusal(source, target)
        assert (refused.setting, said in refused.sentence) == ("--from", True), refused


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(("revision", "said"), [("9999", "newer than this Madang"), ("0002", "run madang migrate")])
async def test_a_source_of_another_version_is_refused(
    place: Place, postgres: PostgresServer, kind: str, revision: str, said: str
) -> None:
    """It is read as it is or not at all: moving does not change it."""
    source, target = place(kind), place("postgresql")
    store = store_of(source)
    await store.open()
    await store.close()
    statement = f"UPDATE alembic_version SET version_num = '{revision}'"  # noqa: S608  # a word of this test
    if kind == "sqlite":
        with sqlite3.connect(file_of(source)) as conn:
            conn.execute(statement)
        conn.close()
    else:
        await postgres.execute(statement, database=name_of(source))
    refused = await refusal(source, target)
    assert (refused.setting, said in refused.sentence) == ("--from", True), refused


async def test_a_source_that_was_restored_is_refused(place: Place, postgres: PostgresServer) -> None:
    """Its epoch names a history that is over, which clients on the copy would believe in; `madang migrate` begins the next."""
    source, target = place("postgresql"), place("sqlite")
    await lived_in(source)
    await postgres.execute("UPDATE installation SET timeline = '1/1'", database=name_of(source))
    refused = await refusal(source, target)
    assert (refused.setting, "begins a new epoch" in refused.sentence) == ("--from", True)
    before = (await rows_of(source))["installation"]
    store = store_of(source)
    await store.open()
    await store.close()
    assert (await rows_of(source))["installation"] != before
    await moved(source, target)


async def test_flags_that_make_no_sense_are_refused(place: Place, tmp_path: Path) -> None:
    """Each with what it takes instead."""
    url = place("postgresql")
    for source, target, flag, said in (
        ("mysql://x", url, "--from", "accepts sqlite:FOLDER"),
        (url, "sqlite:", "--to", "accepts sqlite:FOLDER"),
        (url, url, "--to", "the same database"),
        (f"sqlite:{tmp_path}", f"sqlite:{tmp_path}/new", "--to", "copying its data folder"),
    ):
        refused = await refusal(source, target)
        assert (refused.setting, said in refused.sentence) == (flag, True), refused


async def test_a_copy_that_differs_is_not_kept(place: Place) -> None:
    """A database that changes what it is given is found out, by content and not only by number."""
    source, target = place("sqlite"), place("postgresql")
    await lived_in(source)
    store = store_of(target)
    await store.open()
    await store.close()
    engine = single_engine(target)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " NEW.last_read_seq := NEW.last_read_seq + (NEW.role = 'owner')::int; RETURN NEW; END $$"
        )
        await connection.exec_driver_sql(
            "CREATE TRIGGER spoil BEFORE INSERT ON members FOR EACH ROW EXECUTE FUNCTION spoil()"
        )
    await engine.dispose()
    with pytest.raises(MadangError, match=r"nothing was copied: the copy is not what was read \(members\)") as failed:
        await moved(source, target)
    assert failed.value.code is ErrorCode.CONFLICT
    assert await is_empty(target)


async def test_a_row_that_goes_missing_is_noticed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file too, which then never gets its name."""
    source, target = place("postgresql"), place("sqlite")
    await lived_in(source)
    write = copying._write
    monkeypatch.setattr(
        copying, "_write", lambda conn, table, rows: write(conn, table, rows[table.name == "sessions" :])
    )
    with pytest.raises(MadangError, match=r"\(sessions\)"):
        await moved(source, target)
    assert await is_empty(target)


async def test_what_the_target_cannot_hold_stops_it(place: Place) -> None:
    """PostgreSQL keeps no NUL in a text: one sentence, and nothing of what came before it."""
    source, target = place("sqlite"), place("postgresql")
    await lived_in(source)
    with sqlite3.connect(file_of(source)) as conn:
        conn.execute("UPDATE messages SET content = 'a' || char(0) WHERE rowid = (SELECT max(rowid) FROM messages)")
    conn.close()
    with pytest.raises(MadangError, match=r"nothing was copied: .*0x00"):
        await moved(source, target)
    assert await is_empty(target)


@pytest.mark.parametrize(("from_kind", "to_kind"), DIRECTIONS)
@pytest.mark.parametrize("at", ["users", "messages", "compared"])
async def test_an_interrupted_move_leaves_nothing(place: Place, from_kind: str, to_kind: str, at: str) -> None:
    """Cancelled as Ctrl+C does it, wherever it is; the source is as it was, and the next attempt succeeds."""
    source, target = place(from_kind), place(to_kind)
    await lived_in(source)
    before = await rows_of(source)
    task = asyncio.current_task()
    assert task is not None

    @contextmanager
    def interrupted(what: str, _rows: int) -> Iterator[Callable[[int], None]]:
        yield lambda _: None if what != at else (moving.cancel(), None)[1]

    moving = asyncio.ensure_future(move(source, target, Settings(), interrupted))
    with pytest.raises(asyncio.CancelledError):
        await moving
    assert await is_empty(target)
    assert await rows_of(source) == before
    await moved(source, target)
    assert await rows_of(target) == before
