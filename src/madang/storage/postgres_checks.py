"""What a PostgreSQL server must be like before Madang trusts it with messages.

Owns the refusals at start, each with a sentence for the operator. Looks, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from madang.config import SettingsError
from madang.storage.postgres_errors import plain, trouble

__all__ = ["OLDEST_VERSION", "SETTING", "check_server", "refusing"]

SETTING: Final = "MADANG_DATABASE_URL"
"""The setting that a refusal to open names."""
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


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what PostgreSQL or the system says of a database that cannot be opened into a refusal.

    Raises:
        SettingsError: with the sentence, and nothing of the URL.
    """
    try:
        yield
    except SettingsError:
        raise
    except Exception as error:
        if trouble(error) is None and not isinstance(error, ValueError):
            raise
        raise SettingsError(SETTING, f"cannot open the database: {plain(error)}.") from error
