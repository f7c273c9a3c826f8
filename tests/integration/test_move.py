"""`madang migrate --from … --to …` as an operator runs it, and people who come back afterwards and notice nothing."""

import asyncio
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from madang.storage.sqlite import SqliteStore
from tests.conformance.chat import Chat, message
from tests.integration.sockets.coming_back import away, back
from tests.integration.test_serve import PASSWORD, run_madang, sign_up
from tests.people import Person
from tests.postgres_server import PostgresServer
from tests.server_process import ServerProcess

MESSAGES = 3_000


@pytest.fixture
async def url(postgres: PostgresServer) -> AsyncIterator[str]:
    """An empty database."""
    name = await postgres.empty_database()
    yield postgres.url(name)
    await postgres.drop(name)


async def test_people_come_back_and_notice_nothing(tmp_path: Path, url: str) -> None:
    """From SQLite to PostgreSQL and back: who was away is told exactly what was missed, is still signed in, and numbers go on."""
    file = f"sqlite:{tmp_path / 'data'}"
    server = ServerProcess(tmp_path)
    async with server:
        mina, joon = await Person.of_host(server, "mina"), await Person.of_host(server, "joon")
        room, idle = await mina.group(joon), await mina.group(joon)
        ann = sign_up(server.url, "ann")
        refresh = ann["refreshToken"]
        sender = await mina.device()
        await sender.send(room, "before")
        last = await away(joon)
        await sender.send(room, "missed")
        await sender.close()
        refused = run_madang("migrate", "--from", file, "--to", url)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert "madang: --from: another Madang" in refused.stderr
        await server.stop()
        for source, target, settings in (
            (file, url, {"database_url": url}),
            (url, f"sqlite:{tmp_path / 'data' / 'again.sqlite3'}", {}),
        ):
            done = run_madang("migrate", "--from", source, "--to", target)
            assert (done.returncode, done.stdout.split(":")[0]) == (0, "Copied and compared"), done.stderr
            if not settings:
                (tmp_path / "data" / "again.sqlite3").replace(tmp_path / "data" / "madang.sqlite3")
            server.settings = {**ServerProcess(tmp_path).settings, **settings}
            await server.start()
            device, answer = await back(joon, last)
            (changes,) = answer["changes"].values()
            assert (changes["status"], [missed["content"] for missed in changes["messages"]]) == ("delta", ["missed"])
            assert idle not in [summary["id"] for summary in answer["conversations"]]
            assert (await device.send(room, "hello"))["message"]["seq"] == changes["version"] + 1
            await device.close()
            last = await away(joon)
            sender = await mina.device()
            await sender.send(room, "missed")
            await sender.close()
            async with httpx2.AsyncClient(base_url=server.url) as http:
                body = {"refreshToken": refresh, "cookies": False}
                refreshed = await http.post("/api/auth/refresh", json=body)
                assert refreshed.status_code == 200, refreshed.text
                refresh = refreshed.json()["refreshToken"]
                again = await http.post("/api/auth/login", json={"username": "ann", "password": PASSWORD})
                assert again.status_code == 200
            await server.stop()


async def filled(folder: Path) -> str:
    """An installation with enough in it to be interrupted."""
    folder.mkdir()
    store = SqliteStore(folder / "madang.sqlite3")
    await store.open()
    chat = Chat(store)
    ann = await chat.user()
    room = await chat.group(ann)
    for _ in range(MESSAGES // 500):
        await chat.append(*(message(room, ann) for _ in range(500)))
    await store.close()
    return f"sqlite:{folder}"


async def test_it_says_how_far_it_is(tmp_path: Path, url: str) -> None:
    """A line for each table where nobody watches, a bar on a terminal; what was asked for stands alone on standard output."""
    source = await filled(tmp_path / "data")
    done = run_madang("migrate", "--from", source, "--to", url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Copied and compared: 1 conversations, 3,001 messages, 1 users, ")
    assert f"messages: {MESSAGES + 1:,}\n" in done.stderr
    assert "secret" in done.stdout
    shown = _on_a_terminal("migrate", "--from", url, "--to", f"sqlite:{tmp_path / 'back'}")
    assert re.search(rb"messages +\[#+-+\]", shown)
    assert f"{MESSAGES + 1}/{MESSAGES + 1}".encode() in shown


def _on_a_terminal(*arguments: str) -> bytes:
    """What a command shows on a terminal, which must succeed."""
    terminal, side = pty.openpty()
    command = [sys.executable, "-m", "madang", *arguments]
    with subprocess.Popen(command, stderr=side, stdout=subprocess.DEVNULL) as process:
        os.close(side)
        shown = b""
        while piece := _read(terminal):
            shown += piece
        assert process.wait(30) == 0
    os.close(terminal)
    return shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other side has closed
        return b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_an_interrupted_move_can_be_begun_again(
    tmp_path: Path, url: str, postgres: PostgresServer, number: signal.Signals
) -> None:
    """In both directions; what is copied from is as it was, and what is copied to has nothing."""
    source = await filled(tmp_path / "data")
    database = url.rpartition("@/")[2].partition("?")[0]
    _interrupted(source, url, number)
    await asyncio.sleep(0.2)  # the database hears of the end of a killed client
    assert await postgres.fetch("SELECT 1 FROM messages LIMIT 1", database=database) == []
    assert run_madang("migrate", "--from", source, "--to", url).returncode == 0
    _interrupted(url, f"sqlite:{tmp_path / 'back'}", number)
    assert not (tmp_path / "back" / "madang.sqlite3").exists()
    done = run_madang("migrate", "--from", url, "--to", f"sqlite:{tmp_path / 'back'}")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == ["madang.sqlite3", "madang.sqlite3.lock"]
    for folder in ("data", "back"):
        with sqlite3.connect(tmp_path / folder / "madang.sqlite3") as conn:
            assert conn.execute("SELECT count(*) FROM messages").fetchone() == (MESSAGES + 1,)
        conn.close()


def _interrupted(source: str, target: str, number: signal.Signals) -> None:
    """Ended while it compares: everything is written by then."""
    command = [sys.executable, "-m", "madang", "migrate", "--from", source, "--to", target]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "message_edits" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
        out, said = process.communicate(timeout=30)
    assert (process.returncode, out) == (1 if number is signal.SIGINT else -number, "")
    assert "Traceback" not in said
