"""The store on PostgreSQL: one database, one server, or several that hear of each other.

Owns opening and closing. What sessions are told is in `postgres_connections`, what is tried again in `postgres_database`,
what errors mean in `postgres_errors`, what a server must be like in `postgres_checks`, who else may use it in `postgres_hold`.

    CLOSED -> OPEN [open]     OPEN -> CLOSED [close, after everything started is done]
"""

from __future__ import annotations

import structlog
from sqlalchemy import Connection, select, text

from madang.clock import Clock, SystemClock
from madang.contract.limits import LIMITS
from madang.errors import ErrorCode, MadangError
from madang.storage.accounts import DatabaseAccounts
from madang.storage.conversations import DatabaseConversations
from madang.storage.database import one_at_a_time
from madang.storage.installation import begin_epoch, epoch_of
from madang.storage.members import DatabaseMembers
from madang.storage.migrate import upgrade
from madang.storage.postgres_checks import SETTING, refusing
from madang.storage.postgres_connections import LANES, Pools, single_engine
from madang.storage.postgres_database import PostgresDatabase
from madang.storage.postgres_hold import PostgresHold
from madang.storage.postgres_log import PostgresLog
from madang.storage.sessions import DatabaseSessions
from madang.storage.sync import DatabaseSync
from madang.storage.tables import installation

__all__ = ["PostgresStore"]

_log = structlog.get_logger(__name__)


class PostgresStore:
    """The port `Store` on a PostgreSQL database.

    Args:
        url: `postgresql://user:password@host:port/database?sslmode=…`, as libpq takes it; the database must exist and the
            user may create tables in it. It is never logged.
        clock: says when the installation was made.
        max_members: people a conversation may have.
        unsafe_durability: open on a server that acknowledges what it may lose.
        shared: let others in that share it too: nodes that hear of each other. Else it is for this process alone.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        max_members: int = LIMITS.members,
        unsafe_durability: bool = False,
        shared: bool = False,
    ) -> None:
        self._url = url
        self._clock = clock or SystemClock()
        self._unsafe_durability = unsafe_durability
        self._shared = shared
        self._hold: PostgresHold | None = None
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
        self._hold = hold = PostgresHold(self._url, shared=self._shared, unsafe_durability=self._unsafe_durability)
        try:
            with refusing():
                await hold.take()
                epoch = await self._prepare(hold.timeline)
        except BaseException:
            await hold.release()
            raise
        self._database.open(Pools.of(self._url, hold.admit), epoch, hold.check)
        hold.watch(epoch)
        _log.info("store opened", postgresql_version=hold.version, epoch=epoch, timeline=hold.timeline)

    async def close(self) -> None:
        await self._database.close()
        if self._hold is not None:
            await self._hold.release()

    async def moved(self) -> None:
        if self._hold is None:
            raise MadangError(ErrorCode.UNAVAILABLE, "the store is not open")
        await self._hold.moved.wait()

    async def ping(self) -> None:
        await self._database.write(_ping)

    async def new_epoch(self) -> str:
        """See the port."""
        return await self._database.write(begin_epoch)

    async def faults(self) -> list[str]:
        """What the server itself reports as damaged; empty if nothing."""
        return await self._database.read(_faults)

    async def _prepare(self, timeline: str | None) -> str:
        """The schema brought up to date and the epoch of the installation; several nodes take turns."""
        engine = single_engine(self._url)
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(self._migrate, timeline)
        finally:
            await engine.dispose()

    def _migrate(self, conn: Connection, timeline: str | None) -> str:
        with conn.begin():
            conn.exec_driver_sql("SET LOCAL lock_timeout = 0")  # another node may be at it, for minutes
            one_at_a_time(conn, "the schema of madang")
            if upgrade(conn, SETTING):
                _log.info("schema brought up to date")
            return epoch_of(conn, self._clock.now(), timeline)


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
