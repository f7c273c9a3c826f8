"""What was answered stays: killed processes, and what the kernel was asked before the answer."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from madang.ports.log import PageWindow
from madang.storage.postgres import PostgresStore
from madang.storage.sqlite import SqliteStore
from tests.postgres_server import PostgresServer, running_postgres

ROOT = Path(__file__).resolve().parents[3]
FOREVER = 1_000_000


def appending(place: Path | str, batches: int) -> list[str]:
    """The command of the process that appends."""
    return [sys.executable, "-m", "tests.integration.storage.appending_process", str(place), str(batches)]


def killed_after(place: Path | str, lines: int) -> list[tuple[str, str, int]]:
    """What a process had said when it was killed in the middle of its work, after at least so many lines."""
    with subprocess.Popen(appending(place, FOREVER), cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        heard = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        heard += process.stdout.readlines()
    said = [line.decode().split() for line in heard]
    return [(conversation_id, message_id, int(seq)) for conversation_id, message_id, seq in said]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_killed_server_has_kept_what_it_answered(
    kind: str, tmp_path: Path, postgres: PostgresServer, database: str
) -> None:
    """Killed again and again while appending: the store is sound, every verdict is there, the numbers have no hole."""
    url = postgres.url(database)
    said: dict[str, dict[int, str]] = defaultdict(dict)
    for life in range(4):
        for conversation_id, message_id, seq in killed_after(tmp_path if kind == "sqlite" else url, 60 + 37 * life):
            assert seq not in said[conversation_id]
            said[conversation_id][seq] = message_id
    store = SqliteStore(tmp_path / "madang.db") if kind == "sqlite" else PostgresStore(url)
    await store.open()
    assert await store.faults() == []
    for conversation_id, messages in said.items():
        head = (await store.log.heads([conversation_id]))[conversation_id]
        history = await store.log.page(conversation_id, PageWindow(limit=head.seq), 1)
        assert [entry.seq for entry in history] == list(range(1, head.seq + 1))
        assert messages.items() <= {entry.seq: entry.id for entry in history}.items()
    await store.close()


strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed, which shows what the kernel is asked"
)


@strace
def test_every_answer_follows_a_flush(tmp_path: Path) -> None:
    """Between a batch's last write to the WAL and the word that it is stored stands a flush of the WAL, each time."""
    assert flushed_answers(traced(tmp_path / "trace", [], appending(tmp_path, 30))) == 30


@strace
async def test_every_answer_of_postgresql_follows_a_flush(tmp_path: Path) -> None:
    """On PostgreSQL too: every process of the server is watched, those that serve us and those that write for all."""
    with running_postgres() as server:
        url = server.url(await server.database())
        server.stop()
        server.start(autovacuum="off")  # what is written now is written for us
        trace = traced(tmp_path / "trace", server.processes, appending(url, 30))
    assert flushed_answers(trace) == 30


def traced(trace: Path, others: list[int], command: list[str]) -> str:
    """What a command, and processes that run already, asked of the kernel about files until the command had ended."""
    watched = [argument for pid in others for argument in ("-p", str(pid))]
    calls = "trace=openat,write,pwrite64,pwritev,fsync,fdatasync"
    shell = ["sh", "-c", f"{shlex.join(command)} && echo ended"]  # strace itself ends with the last of the others
    strace = ["strace", "-I", "anywhere", "-f", "-y", "-e", calls, "-o", str(trace), *watched, *shell]
    with subprocess.Popen(strace, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        said = []
        while (line := running.stdout.readline()) not in {"ended\n", ""}:
            said.append(line)
        running.terminate()
        if "not permitted" in (errors := running.stderr.read()):
            pytest.skip("strace may not trace here")
        assert len(said) > 30, errors
    return trace.read_text(errors="replace")


def flushed_answers(trace: str) -> int:
    """How many batches were answered after the WAL had been written and flushed, in the words of strace.

    Raises:
        AssertionError: one was answered before.
    """
    wrote, dirty, answers = 0, False, 0
    flushing = set[str]()
    """Processes that are just asking for a flush."""
    for line in trace.splitlines():
        process = line.split(maxsplit=1)[0]
        if re.search(r"(pwrite64|pwritev|write)\(\d+<[^>]*(-wal|/pg_wal/\w+)>", line):
            dirty, wrote = True, wrote + 1
        elif re.search(r"(fdatasync|fsync)\(\d+<[^>]*(-wal|/pg_wal/\w+)>", line):
            flushing.add(process)
        if process in flushing and re.search(r"(fdatasync|fsync)(\(\d+<| resumed>).*= 0", line):
            flushing.discard(process)
            dirty = False
        elif re.search(r'write\(1<[^>]*>, "[0-9a-f]{8}-', line):
            assert wrote, f"answered before anything was written: {line}"
            assert not dirty, f"answered before the flush: {line}"
            answers, wrote = answers + 1, 0
    return answers


def test_the_process_that_appends_ends_by_itself(tmp_path: Path) -> None:
    """And leaves one file, with everything in it."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(appending(tmp_path, 5), cwd=ROOT, check=True, capture_output=True, text=True, env=environment)
    assert run.stdout.startswith("ready\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["madang.db", "madang.db.lock"]
