"""The doctor: is this installation sound?

Owns the list of examinations. Looks, and changes nothing except what opening the store does anyway; what a running server
has in use is noted, not called a fault. The one treatment, a new epoch, is asked for by itself.
"""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from madang.api.http_server import bind
from madang.app.services import database, installed
from madang.clock import SystemClock
from madang.config import SECRET_FILE, InUseError, Settings, SettingsError
from madang.contract.limits import LIMITS

__all__ = ["Finding", "begin_epoch", "examine"]

LEAST_FREE_BYTES: Final = 512 * 1024 * 1024
OLDEST_SQLITE: Final = (3, 35, 0)
"""Older ones lack RETURNING."""
CLOCK_TOLERANCE_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class Finding:
    """One examination and what came of it."""

    subject: str
    verdict: Literal["ok", "note", "fault"]
    sentence: str


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Examine one part after the other."""
    if not settings.database_url:
        yield _sqlite()
    yield _folder(settings.data)
    if settings.data.is_dir():
        yield _clock(settings.data)
        if not settings.secret:
            yield _secret(settings.data / SECRET_FILE)
    if settings.data.is_dir() or settings.database_url:
        async for finding in _store(settings):
            yield finding
    if settings.redis_url:
        yield await _redis(settings)
    yield _port(settings)


def _sqlite() -> Finding:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return Finding("sqlite", "fault", f"{version} is too old: {'.'.join(map(str, OLDEST_SQLITE))} is the least.")
    return Finding("sqlite", "ok", f"version {version}.")


def _folder(folder: Path) -> Finding:
    if not folder.is_dir():
        return Finding("folder", "note", f"{folder} does not exist yet: the first start makes it.")
    free = shutil.disk_usage(folder).free
    room = f"{free // (1024 * 1024):,} MiB free on the disk of {folder.absolute()}"
    return Finding("folder", "fault" if free < LEAST_FREE_BYTES else "ok", f"{room}.")


def _clock(folder: Path) -> Finding:
    """A clock that was set back would date new messages before old ones."""
    now = SystemClock().now() / 1_000
    newest = max(_changed(folder), default=now)
    read = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if newest > now + CLOCK_TOLERANCE_SECONDS:
        hours = (newest - now) / 3_600
        return Finding("clock", "fault", f"it reads {read}, {hours:.0f} hours before the last change in {folder}.")
    return Finding("clock", "ok", f"it reads {read}.")


def _changed(folder: Path) -> Iterator[float]:
    return (path.stat().st_mtime for path in folder.iterdir() if path.is_file())


def _secret(path: Path) -> Finding:
    if not path.exists():
        return Finding("secret", "note", "none yet: the first start makes it.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding("secret", "fault", f"others may read {path} (mode {mode:o}): chmod 600 it.")
    return Finding("secret", "ok", f"kept in {path}, for its owner's eyes only.")


async def _store(settings: Settings) -> AsyncIterator[Finding]:
    try:
        store = database(settings, SystemClock(), LIMITS)
    except SettingsError as error:
        yield Finding("store", "fault", error.sentence)
        return
    try:
        await store.open()
        faults = await store.faults()
        if faults:
            yield Finding("store", "fault", f"damaged: restore a backup. The database says: {'; '.join(faults[:3])}.")
        else:
            yield Finding("store", "ok", f"sound, of epoch {store.epoch}.")
    except InUseError as error:
        yield Finding("store", "note", f"not examined: {error.sentence}")
    except SettingsError as error:
        yield Finding("store", "fault", error.sentence)
    finally:
        await store.close()


async def _redis(settings: Settings) -> Finding:
    try:
        with installed("redis", "MADANG_REDIS_URL"):
            from madang.cluster.address import RedisAddress
            from madang.cluster.connection import RedisConnection, Refused
    except SettingsError as error:
        return Finding("redis", "fault", error.sentence)
    address = RedisAddress.of(settings.redis_url)
    try:
        connection = await RedisConnection.open(address, pushed=lambda _: None, ended=lambda _: None)
    except Refused as error:
        return Finding("redis", "fault", f"refuses: {error.sentence}.")
    except OSError as error:
        return Finding("redis", "fault", f"does not answer: {error.strerror or type(error).__name__}.")
    connection.abort()
    return Finding("redis", "ok", "one of a cluster." if connection.is_cluster else "answers.")


def _port(settings: Settings) -> Finding:
    try:
        for listener in bind(settings.host, settings.port):
            listener.close()
    except InUseError:
        return Finding("port", "note", f"{settings.port} of {settings.host} is in use: well if by this server.")
    except SettingsError as error:
        return Finding("port", "fault", error.sentence)
    return Finding("port", "ok", f"{settings.port} of {settings.host} is free.")


async def begin_epoch(settings: Settings) -> str:
    """Name another history of the installation, so that clients forget what they know of this one.

    Raises:
        SettingsError: the store cannot be opened, also because a server has it open.
    """
    store = database(settings, SystemClock(), LIMITS)
    try:
        await store.open()
        return await store.new_epoch()
    finally:
        await store.close()
