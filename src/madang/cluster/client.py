"""Commands to Redis, beside the bus: one client for all of them, and the scripts they run.

Owns how a client is made, the form of a script's file and what a server that does not answer becomes. Nothing waits for Redis
longer than `ANSWER_SECONDS`, and nothing is tried twice behind a caller's back. Only commands of Redis 7.0 and Valkey 7.2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from importlib.resources import files
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as BrokenConnection
from redis.exceptions import RedisError

from madang.errors import ErrorCode, MadangError

__all__ = ["Scripts", "answered", "connect", "tell_breaks"]

ANSWER_SECONDS: Final = 2.0
CONNECTIONS: Final = 8


def connect(url: str) -> Redis:
    """A client; it connects with the first command. `aclose` ends it."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
    )
    tell_breaks(pool)
    return Redis.from_pool(pool)


def tell_breaks(pool: ConnectionPool) -> None:
    """Have connections of a pool say that they broke, also when they did so just before something was written to them: uvloop
    calls that a `RuntimeError`, which nobody takes for trouble of the network.
    """
    kind: Any = pool.connection_class

    class Line(kind):  # type: ignore[misc]  # which class it is depends on the address
        async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            try:
                await super().send_packed_command(command, check_health)
            except RuntimeError as error:
                raise BrokenConnection(str(error)) from error

    pool.connection_class = Line


async def answered(command: Awaitable[Any]) -> Any:
    """What a command gives. It may have been run also when this raises or is cancelled.

    Raises:
        MadangError: `unavailable`: no answer in `ANSWER_SECONDS`.
    """
    task = asyncio.current_task()
    assert task is not None
    cancelled = task.cancelling()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await command
    except (TimeoutError, OSError, RedisError) as error:
        raise MadangError(ErrorCode.UNAVAILABLE, f"Redis does not answer: {type(error).__name__}") from error
    finally:
        if task.cancelling() > cancelled:
            raise asyncio.CancelledError  # redis-py may lose it while it gives a connection up


class Scripts:
    """The scripts of `lua/`, run by their hash; a server that does not know one is given it."""

    def __init__(self, client: Redis, *stems: str) -> None:
        self._scripts = {stem: client.register_script(_text(stem)) for stem in stems}

    async def run(self, stem: str, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        """What the script gives; see `answered`."""
        return await answered(self._scripts[stem](keys=keys, args=args))


def _text(stem: str) -> str:
    return files(__package__).joinpath("lua", f"{stem}.lua").read_text(encoding="utf-8")
