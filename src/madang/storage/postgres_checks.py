"""What a PostgreSQL server must be like before Madang trusts it with messages.

Owns the refusals at start, each with a sentence for the operator. Looks, and changes nothing.
"""

from __future__ import annotations

from typing import Final

import asyncpg

from madang.config import SettingsError

__all__ = ["OLDEST_VERSION", "check_server"]

OLDEST_VERSION: Final = 14
_DURABLE: Final = {
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "synchronous_commit": {"on", "local", "remote_write", "remote_apply"},
}


async def check_server(connection: asyncpg.Connection, setting: str, *, unsafe_durability: bool) -> str:
    """The server's version, in its words.

    Raises:
        SettingsError: of `setting`: too old, not UTF-8, or it acknowledges what it may lose.
    """
    said = str(await connection.fetchval("SHOW server_version")).split()[0]
    if connection.get_server_version().major < OLDEST_VERSION:
        raise SettingsError(setting, f"PostgreSQL {said} is too old: {OLDEST_VERSION} is the least.")
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise SettingsError(
            setting,
            f"the database keeps text as {encoding}, which cannot hold every message: create it with ENCODING 'UTF8'.",
        )
    for name, accepted in _DURABLE.items():
        value = await connection.fetchval(f"SHOW {name}")
        if value not in accepted and not unsafe_durability:
            raise SettingsError(
                setting,
                f"the server runs with {name}={value} and would lose acknowledged messages when it or its machine fails: "
                f"turn {name} on, or set MADANG_UNSAFE_DURABILITY=1 if that is what you want.",
            )
    return said
