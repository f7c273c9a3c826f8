"""Moving an installation from one database to another: `madang migrate --from … --to …`.

Owns what the two flags accept and that everything or nothing is moved. The epoch moves too, so clients go on where they
were and notice nothing; the secret does not, because it is in no database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from madang.app.services import DATABASE_FILE, installed
from madang.clock import SystemClock
from madang.config import Settings, SettingsError
from madang.errors import ErrorCode, MadangError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from madang.storage.copying import Progress

__all__ = ["move"]

FROM: Final = "--from"
TO: Final = "--to"


async def move(source: str, target: str, settings: Settings, progress: Progress) -> dict[str, int]:
    """Copy everything and compare it; rows by table. Cancelling is safe at any time: the target stays empty.

    Args:
        source: `sqlite:PATH` or `postgresql://…`; nobody may have it open.
        target: the same, empty.
        settings: whether a target that may lose what it acknowledges is accepted.
        progress: told as it goes, see `storage.copying`.

    Raises:
        SettingsError: of a flag, with a sentence: wrong, in use, not empty, of another version.
        MadangError: it failed, or the copy is not what was read; nothing of it was kept.
    """
    here, there = _place(FROM, source), _place(TO, target)
    if isinstance(here, Path) and isinstance(there, Path):
        raise SettingsError(TO, "takes postgresql://… here: a store of SQLite is moved by copying its data folder.")
    if here == there:
        raise SettingsError(TO, "names the same database as --from.")
    with installed("postgres", TO if isinstance(here, Path) else FROM):
        from sqlalchemy.util import await_only, greenlet_spawn

        from madang.storage.copying import copy
        from madang.storage.postgres_errors import plain, trouble

    @contextmanager
    def interruptible(what: str, rows: int) -> Iterator[Callable[[int], None]]:
        with progress(what, rows) as advance:

            def go_on(done: int) -> None:
                advance(done)
                await_only(asyncio.sleep(0))  # SQLite's part of the work would not let anybody interrupt it

            yield go_on

    try:
        async with AsyncExitStack() as stack:
            reading = await stack.enter_async_context(_source(here))
            writing = await stack.enter_async_context(_target(there, settings))
            return await greenlet_spawn(copy, reading, writing, interruptible)
    except MadangError as error:
        raise MadangError(error.code, f"nothing was copied: {error.reason}") from error
    except Exception as error:
        if trouble(error) is None:
            raise
        raise MadangError(ErrorCode.UNAVAILABLE, f"nothing was copied: {plain(error)}") from error


def _place(flag: str, text: str) -> Path | str:
    """A file of SQLite, or the URL of a database."""
    scheme, _, rest = text.partition(":")
    if scheme == "sqlite" and rest:
        path = Path(rest)
        return path if path.is_file() or (path.suffix and not path.is_dir()) else path / DATABASE_FILE
    if urlsplit(text).scheme in {"postgresql", "postgres"}:
        return text
    raise SettingsError(flag, "accepts sqlite:FOLDER, sqlite:FILE or postgresql://user:password@host:port/database.")


@asynccontextmanager
async def _source(place: Path | str) -> AsyncIterator[Connection]:
    with _about(FROM):
        if isinstance(place, Path):
            from madang.storage.sqlite_copies import sqlite_source

            with sqlite_source(place, FROM) as conn:
                yield conn
        else:
            from madang.storage.postgres_copies import postgres_source

            async with postgres_source(place, FROM) as conn:
                yield conn


@asynccontextmanager
async def _target(place: Path | str, settings: Settings) -> AsyncIterator[Connection]:
    with _about(TO):
        if isinstance(place, Path):
            from madang.storage.sqlite_copies import sqlite_target

            with sqlite_target(place, TO, SystemClock().now()) as conn:
                yield conn
        else:
            from madang.storage.postgres_copies import postgres_target

            async with postgres_target(place, TO, unsafe_durability=settings.unsafe_durability) as conn:
                yield conn


@contextmanager
def _about(flag: str) -> Iterator[None]:
    """Refusals of a database name the flag that named it, not the setting of a server."""
    try:
        yield
    except SettingsError as error:
        if error.setting in {FROM, TO}:
            raise
        raise type(error)(flag, error.sentence) from error
