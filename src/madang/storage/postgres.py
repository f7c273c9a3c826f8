"""The store on PostgreSQL: any number of nodes, one database.

Owns opening and closing. What sessions are told is in `postgres_connections`, what is tried again in `postgres_database`,
what errors mean in `postgres_errors`, what a server must be like in `postgres_checks`.

    CLOSED -> OPEN [open]     OPEN -> CLOSED [close, after everything started is done]
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import asyncpg
import structlog
from sqlalchemy import Connection, select, text

from madang.clock import Clock, SystemClock
from madang.config import SettingsError
from madang.contract.limits import LIMITS
from madang.storage.accounts import DatabaseAccounts
from madang.storage.conversations import DatabaseConversations
from madang.storage.database import one_at_a_time
from madang.storage.installation import begin_epoch, epoch_of
from madang.storage.members import DatabaseMembers
from madang.storage.migrate import upgrade
from madang.storage.postgres_checks import check_server
from madang.storage.postgres_connections import LANES, Pools, connect, single_engine
from madang.storage.postgres_database import PostgresDatabase
from madang.storage.postgres_errors import sqlstate, trouble
from madang.storage.postgres_log import PostgresLog
from madang.storage.sessions import DatabaseSessions
from madang.storage.sync import DatabaseSync
from madang.storage.tables import installation

__all__ = ["PostgresStore"]

SETTING: Final = "MADANG_DATABASE_URL"
"""The setting that a refusal to open names."""
_log = structlog.get_logger(__name__)


class PostgresStore:
    """The port `Store` on a PostgreSQL database.

    Args:
        url: `postgresql://user:password@host:port/database?sslmode=…`, as libpq takes it; the database must exist and the
            user may create tables in it. It is never logged.
        clock: says when the installation was made.
        max_members: people a conversation may have.
        unsafe_durability: open on a server that acknowledges what it may lose.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        max_members: int = LIMITS.members,
        unsafe_durability: bool = False,
    ) -> None:
        self._url = url
        self._clock = clock or SystemClock()
        self._unsafe_durability = unsafe_durability
        self._database = PostgresDatabase()
        self.log = PostgresLog(self._database, max_members=max_members)
        self.accounts = DatabaseAccounts(self._database)
        self.sessions = DatabaseSessions(self._database)
        self.conversations = DatabaseConversations(self._database)
        self.members = DatabaseMembers(self._database)
        self.sync = DatabaseSync(self._database)

    @property
    def lanes(self) -> int:
        return LANES

    @property
    def epoch(self) -> str:
        return self._database.epoch

    async def open(self) -> None:
        try:
            version = await self._examine()
            epoch = await self._prepare()
        except SettingsError:
            raise
        except Exception as error:
            if trouble(error) is None and not isinstance(error, ValueError):
                raise
            raise SettingsError(SETTING, f"cannot open the database: {_plain(error)}.") from error
        self._database.open(Pools.of(self._url), epoch)
        _log.info("store opened", postgresql_version=version, epoch=epoch)

    async def close(self) -> None:
        await self._database.close()

    async def ping(self) -> None:
        await self._database.write(_ping)

    async def new_epoch(self) -> str:
        """See the port."""
        return await self._database.write(begin_epoch)

    async def faults(self) -> list[str]:
        """What the server itself reports as damaged; empty if nothing."""
        return await self._database.read(_faults)

    async def _examine(self) -> str:
        connection = await connect(self._url)
        try:
            return await check_server(connection, SETTING, unsafe_durability=self._unsafe_durability)
        finally:
            await connection.close()

    async def _prepare(self) -> str:
        """The schema brought up to date and the epoch of the installation; several nodes take turns."""
        engine = single_engine(self._url)
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(self._migrate)
        finally:
            await engine.dispose()

    def _migrate(self, conn: Connection) -> str:
        with conn.begin():
            conn.exec_driver_sql("SET LOCAL lock_timeout = 0")  # another node may be at it, for minutes
            one_at_a_time(conn, "the schema of madang")
            if upgrade(conn, SETTING):
                _log.info("schema brought up to date")
            return epoch_of(conn, self._clock.now())


def _ping(conn: Connection) -> None:
    """Lock a row, as everything does that is acknowledged, and give it back."""
    conn.execute(select(installation.c.id).with_for_update(key_share=True))


def _faults(conn: Connection) -> list[str]:
    """Indexes that were never finished, and pages that were read with a wrong checksum."""
    broken = conn.scalars(text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1"))
    wrong = conn.scalar(text("SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"))
    return [f"the index {name} is not valid" for name in broken] + (
        [f"{wrong} pages were read with a wrong checksum"] if wrong else []
    )


def _plain(error: Exception) -> str:
    """The server's sentence, or the system's, without anything of the URL."""
    original: Any = getattr(error, "orig", None) or error
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "it does not answer"
    if isinstance(original, asyncpg.PostgresError) or sqlstate(error):
        return str(original.args[0]).rstrip(".")
    return (getattr(original, "strerror", None) or str(original) or type(original).__name__).rstrip(".")
