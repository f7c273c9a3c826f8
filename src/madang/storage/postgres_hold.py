"""The hold on a database: one connection of its own that says "a server is open here", and on which timeline.

Owns the lock that keeps a second server out, the question whether the database still has the history it was opened with,
and what becomes of both when the connection is lost: a restart of the database, a failover, a cut line.

    HELD -> LOST [the connection is gone, silent or doubted]
    LOST -> HELD [taken again, same timeline, same epoch]     LOST -> MOVED [another timeline or epoch; for good]

Invariants:
1. Nothing is begun unless it is HELD (`check`). While it is LOST somebody else may have the database: what they store
   would be safe, but nobody here would hear of it, so callers are told to try again until it is taken.
2. The pools use a connection only if it is on the timeline of the hold (`admit`). So nothing is ever answered with the epoch
   of one history and the numbers of another.
3. MOVED ends the store, because numbers of the old history are everywhere above it. Opening anew begins the new epoch.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from madang.config import InUseError
from madang.errors import outcome_unknown
from madang.storage.postgres_checks import SETTING, check_server
from madang.storage.postgres_connections import connect
from madang.storage.postgres_errors import plain

__all__ = ["PostgresHold", "timeline_of"]

BEAT_SECONDS: Final = 5.0
"""How often the connection is asked whether it lives; one that was closed is noticed at once."""
ANSWER_SECONDS: Final = 3.0
PATIENCE_SECONDS: Final = 2.0
"""How long a start waits for the lock: of a server that has just been killed, the database hears in a moment."""
PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 0.2

_KEY: Final = "hashtextextended('a server of madang', 0)"
_LOCK: Final = f"SELECT pg_try_advisory_lock({_KEY})"
_LOCK_SHARED: Final = f"SELECT pg_try_advisory_lock_shared({_KEY})"
_TIMELINE: Final = """
    SELECT system_identifier::text || '/' || ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
    FROM pg_control_system()
"""
"""Not `timeline_id` of `pg_control_checkpoint()`: after a promotion that is the old one until the next checkpoint."""
_ITSELF: Final = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_END: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2"
_log = structlog.get_logger(__name__)


async def timeline_of(connection: asyncpg.Connection) -> str | None:
    """Which cluster it is and on which timeline; None if the server does not tell this role."""
    try:
        timeline: str = await connection.fetchval(_TIMELINE)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError, asyncpg.UndefinedFunctionError):
        return None
    return timeline


class PostgresHold:
    """Held while a store is open.

    Args:
        url: the database.
        shared: others may have it open too, if they share it as well: nodes that hear of each other. Else nobody.
        unsafe_durability: also on a server that acknowledges what it may lose.
    """

    def __init__(self, url: str, *, shared: bool = False, unsafe_durability: bool = False) -> None:
        self._url = url
        self._lock = _LOCK_SHARED if shared else _LOCK
        self._unsafe_durability = unsafe_durability
        self._connection: asyncpg.Connection | None = None
        self._itself: tuple[int, datetime] | None = None
        self._held = False
        self._lost = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._why = ""
        self.moved = asyncio.Event()
        """Set when the database turns out to have another history than it was opened with."""
        self.version = ""
        """The server's, in its words."""
        self.timeline: str | None = None
        """Where the database stands; None if it does not tell."""

    async def take(self) -> None:
        """Examine the server and take the lock.

        Raises:
            SettingsError: the server cannot be trusted with messages.
            InUseError: somebody else has the database open.
            Exception: the driver's, if it cannot be reached.
        """
        self._connection = connection = await connect(self._url)
        self.version = await check_server(connection, SETTING, unsafe_durability=self._unsafe_durability)
        self.timeline = await timeline_of(connection)
        if self.timeline is None:
            _log.warning("the database does not tell its timeline: run madang doctor --new-epoch when it was promoted")
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await connection.fetchval(self._lock):  # noqa: ASYNC110 - another process lets go of it
                    await asyncio.sleep(PAUSE_SECONDS)
                await self._hold(connection)
        if not self._held:
            raise InUseError(SETTING, "another Madang has this database open: stop it, or give this one its own.")

    def watch(self, epoch: str) -> None:
        """From now on notice when the connection is lost, and take the lock again; `epoch` is what the store was opened with."""
        self._watch = asyncio.get_running_loop().create_task(self._keep(epoch), name="hold on the database")

    def check(self) -> None:
        """Raise unless it is held.

        Raises:
            ConnectionError: not now; it may be taken again.
            MadangError: `try_again`, and never another answer: whoever tries again finds the store that is opened next.
        """
        if self.moved.is_set():
            raise outcome_unknown("the database has another history: the store must be opened anew")
        if not self._held:
            raise ConnectionError(self._why or "the hold on the database is lost")

    async def admit(self, connection: asyncpg.Connection) -> None:
        """Raise `ConnectionError` if a new connection leads to another history than the hold."""
        if self.timeline is not None and await timeline_of(connection) != self.timeline:
            if self._connection is not None:
                self._connection.terminate()  # the address leads elsewhere by now: the hold has to follow
            raise ConnectionError("the database is on another timeline")

    async def release(self) -> None:
        """Let go. Safe to call twice."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        connection, self._connection, self._watch, self._held = self._connection, None, None, False
        if connection is not None and not connection.is_closed():
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    if self._itself is not None:
                        await connection.execute("SELECT pg_advisory_unlock_all()")
                    await connection.close()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                connection.terminate()

    async def _hold(self, connection: asyncpg.Connection) -> None:
        self._itself = tuple(await connection.fetchrow(_ITSELF))
        connection.add_termination_listener(self._terminated)
        self._connection, self._held, self._why = connection, True, ""
        self._lost.clear()

    def _terminated(self, connection: asyncpg.Connection) -> None:
        if connection is self._connection:
            self._held = False
            self._lost.set()

    async def _keep(self, epoch: str) -> None:
        while not self.moved.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._lost.wait()
            if not await self._lives():
                self._held = False
                _log.warning("the hold on the database is lost")
                await self._regain(epoch)

    async def _lives(self) -> bool:
        if self._connection is None or not self._held:
            return False
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._connection.execute("SELECT 1")
        except asyncio.CancelledError:
            self._connection.terminate()  # let go of in the middle of a question, whose answer a farewell would wait for
            raise
        except Exception:  # noqa: BLE001  # whatever it is, a connection that cannot answer this holds nothing
            self._connection.terminate()
            return False
        return True

    async def _regain(self, epoch: str) -> None:
        """Try until it is held again, or has moved."""
        pause = PAUSE_SECONDS
        while not await self._take_again(epoch):
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        if self.moved.is_set():
            _log.error("the database has another history: everything that knows the old one ends")
        else:
            _log.info("the hold on the database is taken again")

    async def _take_again(self, epoch: str) -> bool:
        """Whether there is an end of trying: it is held, or has moved."""
        connection: asyncpg.Connection | None = None
        try:
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                connection = await connect(self._url)
                found = await connection.fetchval("SELECT epoch::text FROM installation")
                if found != epoch or await timeline_of(connection) != self.timeline:
                    self.moved.set()
                    return True
                if self._itself is not None:  # its own connection of before, if the server has not noticed its end
                    await connection.execute(_END, *self._itself)
                if await connection.fetchval(self._lock):
                    await self._hold(connection)
                    return True
            self._say("another Madang has the database open")
        except Exception as error:  # noqa: BLE001  # whatever it is, giving up would leave the server without its store
            self._say(f"the database cannot be reached: {plain(error)}")
        finally:
            if connection is not None and not self._held:
                connection.terminate()
        return False

    def _say(self, why: str) -> None:
        """Why it is not held, logged when it changes: attempts come many times a second."""
        if why != self._why:
            _log.error("nothing is stored", reason=why)
        self._why = why
