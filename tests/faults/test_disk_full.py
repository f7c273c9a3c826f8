"""A disk that fills up while people write, and has room again."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from madang.ids import new_id
from tests.people import Device, Person
from tests.postgres_server import PostgresServer
from tests.scale import SCALE
from tests.server_process import ServerProcess

SENDS = 1_000
"""More than the room that is left holds."""
DIGITS = 7_500
"""Characters of a message, which no database makes much smaller."""
ROOM_LEFT = 2 << 20

Acknowledged = dict[str, str]
"""Contents by id, in the order of the answers."""


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 96 MiB that everybody may write to."""
    with TemporaryDirectory(prefix="madang-disk-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=96m,mode=777", "tmpfs", folder], check=False, capture_output=True
        )
        if mounted.returncode:
            pytest.skip("a small file system can be mounted by root only")
        Path(folder).chmod(0o777)
        yield Path(folder)
        subprocess.run(["umount", folder], check=True)


def fill(disk: Path) -> Path:
    """Take all the room but a little; the file to remove again."""
    filler = disk / "filler"
    room = os.statvfs(disk)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_bsize - ROOM_LEFT)
    return filler


async def send(device: Device, room: str) -> Any:
    """Send a long message, once."""
    draft = {"id": new_id(), "conversationId": room, "content": os.urandom(DIGITS // 2).hex()}
    return await device.ask("message:send", draft, seconds=8)


async def send_until_refused(device: Device, room: str) -> tuple[Acknowledged, str]:
    """Send until one is not stored; what was, and the error."""
    stored: Acknowledged = {}
    for _ in range(SENDS):
        answer = await send(device, room)
        if not answer["ok"]:
            return stored, answer["error"]
        stored[answer["message"]["id"]] = answer["message"]["content"]
    raise AssertionError("the disk did not fill up")


async def history(person: Person, room: str) -> Acknowledged:
    """All messages, oldest first, without the first, which says that the room was made."""
    found: list[Any] = []
    path = f"/api/conversations/{room}/messages?limit=200&after="
    while page := (await person.http("GET", f"{path}{found[-1]['seq'] if found else 0}")).json():
        found += page
    assert [message["seq"] for message in found] == list(range(1, len(found) + 1))
    return {message["id"]: message["content"] for message in found[1:]}


async def fill_and_free(server: ServerProcess, disk: Path) -> None:
    """Write until the disk is full, look around, make room, go on."""
    mina, joon = await Person.of_host(server, "mina"), await Person.of_host(server, "joon")
    phone = await mina.device()
    room = await mina.group(joon)
    filler = fill(disk)
    stored, error = await send_until_refused(phone, room)
    assert error == "storage_full"
    assert stored == await history(joon, room)
    other = await joon.device()
    assert other.init["ok"]
    assert (await other.ask("message:read", {"conversationId": room})).get("error", "storage_full") == "storage_full"
    filler.unlink()
    last = await send(phone, room)
    assert last["ok"], last
    assert await history(joon, room) == stored | {last["message"]["id"]: last["message"]["content"]}
    assert (phone.disconnects, other.disconnects) == ([], [])
    assert "Traceback" not in server.log, server.log
    await mina.close()
    await joon.close()


async def test_a_full_disk_of_sqlite_loses_nothing(small_disk: Path, tmp_path: Path) -> None:
    """What was answered is there, what was refused is not, people read on; with room again the numbers go on, and the file
    is sound.
    """
    (tmp_path / "data").symlink_to(small_disk)
    async with ServerProcess(tmp_path) as server:
        await fill_and_free(server, small_disk)
    with closing(sqlite3.connect(small_disk / "madang.sqlite3")) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_full_disk_of_postgresql_loses_nothing(
    small_disk: Path, tmp_path: Path, postgres: PostgresServer
) -> None:
    """The same, where PostgreSQL keeps the tables on that disk."""
    shutil.chown(small_disk, "nobody")  # it wants the folder for itself
    await postgres.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    name = await postgres.empty_database(tablespace="small")
    async with ServerProcess(tmp_path, {"database_url": postgres.url(name)}) as server:
        await fill_and_free(server, small_disk)
    await postgres.drop(name)
    await postgres.execute("DROP TABLESPACE small")


@pytest.mark.skipif(SCALE == 1, reason="takes ten seconds: only in the long run")
async def test_a_full_disk_that_ends_postgresql_loses_nothing(small_disk: Path, tmp_path: Path) -> None:
    """Without room for its log PostgreSQL ends itself: people are told to try again, and nothing that was answered is missing
    when it is started with room.
    """
    folder = small_disk / "postgres"
    folder.mkdir()
    database = PostgresServer(folder)
    database.start(max_wal_size="32MB", min_wal_size="32MB")
    try:
        url = database.url(await database.empty_database())
        async with ServerProcess(tmp_path, {"database_url": url}) as server:
            mina = await Person.of_host(server, "mina")
            phone = await mina.device()
            room = await mina.group()
            filler = fill(small_disk)
            stored, error = await send_until_refused(phone, room)
            assert error == "try_again"
            filler.unlink()
            await asyncio.to_thread(database.start)
            assert (await send(phone, room))["ok"]
            assert stored.items() <= (await history(mina, room)).items()
            assert phone.disconnects == []
            await mina.close()
    finally:
        database.stop("immediate")
