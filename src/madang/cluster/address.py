"""The address of a Redis server, as `MADANG_REDIS_URL` gives it."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

__all__ = ["RedisAddress"]

PORT: Final = 6379


class RedisAddress(Struct, frozen=True, kw_only=True):
    """Where a server is and what it asks of who connects."""

    host: str
    port: int
    tls: bool
    username: str
    password: str
    database: int

    @classmethod
    def of(cls, url: str) -> RedisAddress:
        """The address of `redis[s]://[[user]:password@]host[:port][/database]`, which the settings have checked."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "",
            port=parts.port or PORT,
            tls=parts.scheme == "rediss",
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=int(parts.path.strip("/") or 0),
        )

    def __repr__(self) -> str:
        return f"RedisAddress({self.host!r}, {self.port})"
