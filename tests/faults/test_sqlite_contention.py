"""One SQLite file, and many who want it: writers, readers that take long, tools that lock it, backups while it is written."""

import asyncio
import random
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from threading import Event

from tests.faults.load import talk
from tests.faults.world import world
from tests.scale import SCALE

SENDERS = 6
KILLS = 2 * SCALE
LETTERS = 4_000
"""In each message, so that the write-ahead log has something to hold."""
WAL_BYTES = 64 << 20
BACK_UP = {
    "backup": "sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))",
    "vacuum": "sqlite3.connect(sys.argv[1]).execute('VACUUM INTO ?', sys.argv[2:])",
}
"""What programs for backups do, as programs of their own."""

Log = list[tuple[str, int, str]]
"""Conversation, seq and id of every message, in order."""


def log(file: Path) -> Log:
    """What a database holds, which must be sound."""
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return database.execute(
            "SELECT conversation_id, seq, id FROM messages ORDER BY conversation_id, seq"
        ).fetchall()


def read_long(file: Path, over: Event) -> None:
    """Two who keep a snapshot for a second and take the next at once, so that there is always one."""
    with (
        closing(sqlite3.connect(file, isolation_level=None)) as one,
        closing(sqlite3.connect(file, isolation_level=None)) as two,
    ):
        while not over.is_set():
            for reader in (one, two):
                if reader.in_transaction:
                    reader.execute("ROLLBACK")
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM messages").fetchone()
                over.wait(0.5)


def lock_shortly(file: Path, over: Event) -> None:
    """Hold the lock of writers for a moment, again and again, as tools do that copy the write-ahead log."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=10)) as tool:
        while not over.wait(0.05):
            tool.execute("BEGIN IMMEDIATE")
            over.wait(0.02)
            tool.execute("ROLLBACK")


async def back_up(file: Path, folder: Path, over: Event) -> list[Path]:
    """Copies of the database, made while it is written."""
    made: list[Path] = []
    while not over.is_set():
        for how, program in BACK_UP.items():
            copy = folder / f"{how}-{len(made)}.sqlite3"
            command = [sys.executable, "-c", f"import sqlite3, sys; {program}", str(file), str(copy)]
            assert await (await asyncio.create_subprocess_exec(*command)).wait() == 0
            made.append(copy)
        await asyncio.sleep(1.5)
    return made


async def watch(wal: Path, over: Event) -> int:
    """The largest that the write-ahead log has been."""
    largest = 0
    while not over.is_set():
        largest = max(largest, wal.stat().st_size if wal.exists() else 0)
        await asyncio.sleep(0.02)
    return largest


async def test_many_who_want_the_file_at_once(tmp_path: Path) -> None:
    """Nobody hears of locks, the write-ahead log stays small, killed servers leave a sound file, and each copy that another
    program made meanwhile is the beginning of the history.
    """
    file, over = tmp_path / "data" / "madang.sqlite3", Event()
    async with world(tmp_path) as here:
        first, *others = [await here.device(f"sender-{number}") for number in range(SENDERS)]
        rooms = [await here.group(first, other) for other in others]
        here.keep_alive()
        done, chance = asyncio.Event(), random.Random(38)
        talking = [
            asyncio.create_task(talk(device, [room], done, letters=LETTERS))
            for device, room in zip(others, rooms, strict=True)
        ]
        copying = asyncio.create_task(back_up(file, tmp_path, over))
        watching = asyncio.create_task(watch(file.with_name(file.name + "-wal"), over))
        disturbing = [
            asyncio.create_task(asyncio.to_thread(disturb, file, over)) for disturb in (read_long, lock_shortly)
        ]
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(1.5, 2.0))
            await here.kill()
        done.set()
        await asyncio.gather(*talking)
        over.set()
        copies, largest = await copying, await watching
        await asyncio.gather(*disturbing)
        report = await here.rest(*rooms)
        everything = log(file)
        logged = here.server.log
    assert report.clean, report
    assert "locked" not in logged
    assert "the store failed" not in logged
    assert largest < WAL_BYTES
    assert len(copies) >= 2
    for copy in copies:
        assert_begins(everything, log(copy))


def assert_begins(everything: Log, copied: Log) -> None:
    """Of each conversation the copy has all there is up to some number, and nothing else."""
    assert set(copied) <= set(everything)
    newest = {conversation: seq for conversation, seq, _ in copied}
    assert [entry for entry in everything if entry[1] <= newest.get(entry[0], 0)] == copied
