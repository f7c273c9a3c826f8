"""Opening PostgreSQL connections the way Madang needs them.

Owns what a session is told (time limits, read-write servers only) and the pools: one per purpose, so that reads cannot
keep commits waiting nor commits reads.

Invariants:
1. A connection serves one piece of work at a time, and is thrown away after a cancel, a timeout or a broken protocol.
2. No statement runs longer than `STATEMENT_SECONDS`, waits for a lock longer than `LOCK_SECONDS`, or leaves a
   transaction open: a node that stops never keeps others from a row for long.
3. Parameters are never part of an error: they are what people write, and errors are logged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qs, urlsplit
from weakref import WeakSet

import asyncpg
import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

__all__ = ["LANES", "Pools", "connect", "single_engine"]

LANES: Final = 2
"""Batches of the log in flight at once; each has a connection. More of them make smaller batches, and each message then costs
more on both sides: with 4 a tenth more than with 2. With 1, nobody's message would pass a change that takes long."""
READS: Final = 4
WRITES: Final = 4
"""Connections for read marks, accounts, sessions: everything that writes beside the lanes."""
SPARE: Final = 2
"""Connections for batches that wait for a conversation which another writer holds."""
CONNECT_SECONDS: Final = 3.0
STATEMENT_SECONDS: Final = 4.0
LOCK_SECONDS: Final = 2.0
IDLE_SECONDS: Final = 10.0
"""How long a transaction may stand open without a statement."""
_KEEPALIVE: Final = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""The server notices within half a minute that the machine of a node is gone, and with it what that held."""


Admit = Callable[[asyncpg.Connection], Awaitable[None]]
"""Raises `ConnectionError` for a connection that must not be used."""


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1_000))


async def connect(url: str, *, patient: bool = False) -> asyncpg.Connection:
    """One connection of PostgreSQL's own driver; `patient`: its statements and transactions may take as long as they take."""
    asked = parse_qs(urlsplit(url).query)
    return await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        target_session_attrs=None if "target_session_attrs" in asked else "read-write",
        server_settings={
            "application_name": "madang",
            "jit": "off",  # compiling costs more than every statement here
            "statement_timeout": _milliseconds(0 if patient else STATEMENT_SECONDS),
            "lock_timeout": _milliseconds(LOCK_SECONDS),
            "idle_in_transaction_session_timeout": _milliseconds(0 if patient else IDLE_SECONDS),
            **_KEEPALIVE,
        },
    )


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _pool(url: str, admit: Admit, opened: WeakSet[asyncpg.Connection], size: int, **options: object) -> AsyncEngine:
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: _admitted(url, admit, opened),
        pool_size=size,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
        pool_use_lifo=True,
        json_serializer=_encode,
        json_deserializer=msgspec.json.decode,
        hide_parameters=True,
        **options,
    )


def single_engine(url: str) -> AsyncEngine:
    """For one connection without a time limit, which changes the schema or copies everything."""
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: connect(url, patient=True),
        poolclass=NullPool,
        json_serializer=_encode,
        json_deserializer=msgspec.json.decode,
        hide_parameters=True,
    )


async def _admitted(url: str, admit: Admit, opened: WeakSet[asyncpg.Connection]) -> asyncpg.Connection:
    connection = await connect(url)
    try:
        await admit(connection)
    except BaseException:
        connection.terminate()
        raise
    opened.add(connection)
    return connection


class Pools(Struct, frozen=True):
    """The connections of an open store."""

    reads: AsyncEngine
    lanes: AsyncEngine
    writes: AsyncEngine
    spare: AsyncEngine
    opened: WeakSet[asyncpg.Connection]

    @classmethod
    def of(cls, url: str, admit: Admit) -> Pools:
        """Pools that connect when they are first used, and use what `admit` lets pass."""
        snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        opened = WeakSet[asyncpg.Connection]()
        return cls(
            reads=_pool(url, admit, opened, READS, execution_options=snapshot),
            lanes=_pool(url, admit, opened, LANES),
            writes=_pool(url, admit, opened, WRITES),
            spare=_pool(url, admit, opened, SPARE),
            opened=opened,
        )

    async def close(self, *, farewell: bool) -> None:
        """Close every connection; without a `farewell`, for a server that does not answer it: each would wait for seconds."""
        if not farewell:
            for connection in list(self.opened):
                connection.terminate()
        for engine in (self.reads, self.lanes, self.writes, self.spare):
            await engine.dispose()
