"""Rate limits that hold over several nodes: a moving window per subject, kept on Redis or Valkey.

Owns the question and what happens without an answer: this node counts by itself, as one that is alone. So a limit is never off:
while Redis is away, somebody who goes from node to node has at most one window's worth on each.
"""

from __future__ import annotations

from typing import Final

import structlog
from redis.asyncio import Redis

from madang.clock import Clock
from madang.cluster.client import Scripts
from madang.errors import MadangError
from madang.ports.ratelimit import RateLimit

__all__ = ["RedisRateLimit"]

ALONE_SECONDS: Final = 5.0
"""How long Redis is not asked after it has not answered: who signs in must not wait for it each time."""

_log = structlog.get_logger(__name__)


class RedisRateLimit:
    """The port `RateLimit` on Redis.

    Args:
        client: closed by whoever made it.
        alone: counts while Redis does not answer.
    """

    def __init__(self, client: Redis, *, installation: str, clock: Clock, alone: RateLimit) -> None:
        self._scripts = Scripts(client, "attempt")
        self._prefix = f"madang:{{{installation}}}:rate:"
        self._clock = clock
        self._alone = alone
        self._alone_until = 0.0

    async def hit(self, name: str, subject: str, *, limit: int, seconds: int) -> float:
        """See the port."""
        if self._clock.monotonic() >= self._alone_until:
            try:
                key = f"{self._prefix}{name}:{subject}"
                wait_ms: int = await self._scripts.run("attempt", [key], [limit, seconds * 1_000])
            except MadangError as error:
                self._alone_until = self._clock.monotonic() + ALONE_SECONDS
                _log.warning("this node limits by itself", reason=error.reason)
            else:
                return wait_ms / 1_000
        return await self._alone.hit(name, subject, limit=limit, seconds=seconds)
