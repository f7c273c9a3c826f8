"""The SQLite store as a file: what opening refuses, what a full disk does, what a cancelled caller leaves."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection

from madang.config import InUseError, SettingsError
from madang.errors import ErrorCode, MadangError
from madang.ports.log import Mark, Outcome
from madang.storage.sqlite import SqliteStore
from madang.storage.sqlite_connections import raw
from tests.conformance.chat import Chat, creation, message, outcomes


async def limit_pages(store: SqliteStore, pages: int) -> None:
    """Let the file grow by so many pages only: SQLite then reports a full disk, as the file system would."""

    def limit(conn: Connection) -> None:
        (size,) = raw(conn).execute("PRAGMA page_count").fetchone()
        raw(conn).execute(f"PRAGMA max_page_count={size + pages}")

    await store._database._open().writer.submit(limit)


async def test_a_second_server_on_the_folder_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    """And the first is not disturbed; when it has gone the folder is free."""
    second = SqliteStore(tmp_path / "madang.db")
    with pytest.raises(InUseError, match="stop it, or give this one a folder of its own"):
        await second.open()
    await second.close()
    await store.ping()
    await store.close()
    await second.open()
    await second.close()


async def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """With a sentence, not a traceback of SQLite."""
    with pytest.raises(SettingsError, match="there is no folder"):
        await SqliteStore(tmp_path / "nowhere" / "madang.db").open()


@pytest.mark.parametrize(
    "content", [b"this is a letter, not a database, and long enough " * 40, b"SQLite format 3\0" * 99]
)
async def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    """The folder is free again afterwards, and the file is as it was."""
    path = tmp_path / "madang.db"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"cannot open .*madang\.db"):
        await SqliteStore(path).open()
    assert path.read_bytes() == content
    path.unlink()
    store = SqliteStore(path)
    await store.open()
    await store.close()


async def test_before_opening_it_is_unavailable(tmp_path: Path) -> None:
    """Every noun can be handed out before, and says so when it is called."""
    store = SqliteStore(tmp_path / "madang.db")
    for call in (store.ping(), store.accounts.exists_any(), store.log.heads([])):
        with pytest.raises(MadangError) as refused:
            await call
        assert refused.value.code is ErrorCode.UNAVAILABLE
    with pytest.raises(MadangError):
        _ = store.epoch


async def test_it_reports_its_library(store: SqliteStore) -> None:
    """Operators need the version: some have faults."""
    assert store.sqlite_version == sqlite3.sqlite_version


async def test_closing_leaves_one_file_and_the_lock(store: SqliteStore, tmp_path: Path) -> None:
    """The last connection to go is the writer, which puts everything into the database."""
    await Chat(store).user()
    await store.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["madang.db", "madang.db.lock"]


async def test_a_full_disk_stores_nothing_and_passes(store: SqliteStore) -> None:
    """Every verdict of the batch says STORAGE_FULL, reads go on, and with room again so do writes, without a hole."""
    chat = Chat(store)
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    await chat.send(group, ann, "before")
    await limit_pages(store, 0)
    large = [message(group, ann, "x" * 9_000) for _ in range(5)]
    verdicts = await chat.append(*large, creation(ann, bob))
    assert outcomes(verdicts) == [Outcome.STORAGE_FULL] * 6
    assert all(verdict.message is None and verdict.commits == () for verdict in verdicts)
    assert [m.content for m in await chat.history(group)][1:] == ["before"]
    await store.ping()
    await limit_pages(store, 1_000)
    assert outcomes(await chat.append(*large)) == [Outcome.STORED] * 5
    assert [m.seq for m in await chat.history(group)] == list(range(1, 8))
    assert await store.faults() == []


async def test_a_full_disk_refuses_other_writes(store: SqliteStore) -> None:
    """With `storage_full`."""
    chat = Chat(store)
    ann = await chat.user()
    await limit_pages(store, 0)
    with pytest.raises(MadangError) as refused:
        await store.accounts.update(ann, custom={"much": "x" * 100_000})
    assert refused.value.code is ErrorCode.STORAGE_FULL


async def test_a_mark_on_a_full_disk_is_told(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks change rows in place, so SQLite is made to say it."""

    async def full(*_: object, **__: object) -> None:
        raise MadangError(ErrorCode.STORAGE_FULL, "full")

    monkeypatch.setattr(store._database, "write", full)
    verdicts = await store.log.mark([Mark(conversation_id="c", user_id="u", seq=1)] * 2, 1)
    assert [verdict.outcome for verdict in verdicts] == [Outcome.STORAGE_FULL] * 2


async def test_what_fails_half_way_leaves_nothing(store: SqliteStore) -> None:
    """An error inside a repository function undoes all it did."""

    def half(conn: Connection) -> None:
        raw(conn).execute("UPDATE installation SET created_at = 0")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store._database.write(half)

    def made(conn: Connection) -> int:
        (at,) = raw(conn).execute("SELECT created_at FROM installation").fetchone()
        return int(at)

    assert await store._database.read(made) > 0


async def test_a_broken_file_is_said_and_found(store: SqliteStore, tmp_path: Path) -> None:
    """What SQLite cannot read is `try_again`, for nothing is known of what was asked, and `faults` says where."""
    chat = Chat(store)
    ann = await chat.user()
    group = await chat.group(ann)
    await chat.append(*(message(group, ann, "x" * 3_000) for _ in range(50)))
    await store.close()
    content = bytearray((tmp_path / "madang.db").read_bytes())
    content[60 * 4_096 : 75 * 4_096] = bytes(15 * 4_096)
    (tmp_path / "madang.db").write_bytes(content)
    await store.open()
    assert await store.faults()
    with pytest.raises(MadangError) as refused:
        await chat.history(group)
    assert refused.value.code is ErrorCode.TRY_AGAIN


async def test_many_at_once_never_meet_a_lock(store: SqliteStore) -> None:
    """Writers, readers and checkpoints side by side: nobody hears of `locked` or `busy`."""
    chat = Chat(store)
    people = await chat.users(4)
    groups = [await chat.group(*people) for _ in range(5)]

    async def writes(number: int) -> None:
        for place in range(8):
            batch = [message(groups[(number + n) % 5], people[n % 4], "y" * 500) for n in range(40)]
            assert outcomes(await store.log.append(batch, 5_000 + place)) == [Outcome.STORED] * 40

    async def reads(number: int) -> None:
        for _ in range(20):
            await chat.history(groups[number % 5])
            await store.conversations.inbox(people[number % 4], limit=50)

    await asyncio.gather(*(writes(n) for n in range(6)), *(reads(n) for n in range(6)))
    heads = await store.log.heads(groups)
    assert sum(head.seq for head in heads.values()) == 6 * 8 * 40 + 5


async def test_a_full_disk_is_logged_once(store: SqliteStore, capsys: pytest.CaptureFixture[str]) -> None:
    """However many batches meet it; and once when it has passed."""
    chat = Chat(store)
    ann = await chat.user()
    group = await chat.group(ann)
    for _ in range(2):
        await limit_pages(store, 0)
        for _ in range(5):
            await chat.append(message(group, ann, "x" * 9_000))
        await limit_pages(store, 1_000)
        await chat.send(group, ann)
    logged = capsys.readouterr().out
    assert logged.count("database or disk is full") == 2
    assert logged.count("has room again") == 2


async def test_what_people_write_is_not_logged(store: SqliteStore, capsys: pytest.CaptureFixture[str]) -> None:
    """A failing statement is named in the log without its parameters."""
    chat = Chat(store)
    ann = await chat.user()
    await limit_pages(store, 0)
    with pytest.raises(MadangError):
        await store.accounts.update(ann, custom={"much": "my secret " * 10_000})
    logged = capsys.readouterr().out
    assert "database or disk is full" in logged
    assert "secret" not in logged
