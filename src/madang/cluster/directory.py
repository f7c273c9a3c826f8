"""Where nodes are: each writes down its address in Redis for as long as it lives, and looks others up there.

Owns the keys `…door:<name>`, which end by themselves soon after their node, and `…secret`, by which nodes with different
secrets notice. Without Redis nobody is found, and nobody is turned away for it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import structlog
from redis.asyncio import Redis

from madang.clock import Clock
from madang.cluster.client import answered
from madang.config import SettingsError
from madang.errors import MadangError
from madang.tasks import TaskSupervisor

__all__ = ["Directory"]

LIFE_SECONDS: Final = 15
"""How long a node that died is still looked for where it was."""
BEAT_SECONDS: Final = 5.0
REMEMBERED_SECONDS: Final = 5.0
REMEMBERED: Final = 1_024
_log = structlog.get_logger(__name__)


class Directory:
    """This node's entry, and those of others.

    Args:
        client: decodes what it gets; closed by whoever made it.
        installation: distinguishes this installation's keys from others' on the same server.
        name: this node's.
        address: `host:port` at which other machines reach it; empty: they do not.
        mark: tells secrets apart and gives none away.
    """

    def __init__(
        self,
        client: Redis,
        *,
        installation: str,
        name: str,
        address: str,
        mark: str,
        clock: Clock,
        tasks: TaskSupervisor,
    ) -> None:
        self._client = client
        self._prefix = f"madang:{{{installation}}}:"
        self._name = name
        self._address = address
        self._mark = mark
        self._clock = clock
        self._tasks = tasks
        self._known: dict[str, tuple[float, str | None]] = {}
        self._life: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Enter this node.

        Raises:
            SettingsError: other nodes run with another secret.
        """
        with suppress(MadangError):
            if not await self._enter():
                raise SettingsError(
                    "MADANG_SECRET",
                    "is not the one that other nodes run with: give all of them the same. After changing it, stop all of"
                    f" them for {LIFE_SECONDS} seconds.",
                )
        self._life = self._tasks.start(self._live(), "directory of nodes")

    async def close(self) -> None:
        """Remove this node. Safe to call twice."""
        if self._life is None:
            return
        self._life.cancel()
        with suppress(asyncio.CancelledError):
            await self._life
        self._life = None
        with suppress(MadangError):  # else it ends by itself
            await answered(self._client.delete(self._key(self._name)))

    async def find(self, name: str) -> str | None:
        """The address of a node; None if it has none, or Redis does not answer."""
        now = self._clock.monotonic()
        known = self._known.get(name)
        if known is not None and now - known[0] < REMEMBERED_SECONDS:
            return known[1]
        try:
            address: str | None = await answered(self._client.get(self._key(name)))
        except MadangError:
            return None
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[name] = (now, address)
        return address

    async def _live(self) -> None:
        said = False
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            with suppress(MadangError):
                if not await self._enter() and not said:
                    said = True
                    _log.error("another node runs with another MADANG_SECRET: they refuse each other's tokens")

    async def _enter(self) -> bool:
        """Write this node's entry anew; False if the nodes that live have another secret."""
        secret = f"{self._prefix}secret"
        found = await answered(self._client.set(secret, self._mark, nx=True, get=True, ex=LIFE_SECONDS))
        if found not in {None, self._mark}:
            return False
        await answered(self._client.expire(secret, LIFE_SECONDS))
        if self._address:
            await answered(self._client.set(self._key(self._name), self._address, ex=LIFE_SECONDS))
        return True

    def _key(self, name: str) -> str:
        return f"{self._prefix}door:{name}"
