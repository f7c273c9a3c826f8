"""Passwords with Argon2id, in a pool of threads of their own.

Owns the parameters and the bound. One hash takes 19 MiB and tens of milliseconds of a core: on the event loop it would
delay everybody, and without a bound a flood of sign-ins would take all memory. Must never log a password or a hash.

Invariants:
1. At most `threads` hashes run and `waiting` wait; one more is refused at once.
2. A place is given back when the work has ended, not when its caller has gone.
3. A check without a hash costs what a real one costs.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from madang.errors import ErrorCode, MadangError
from madang.ports.passwords import PasswordCheck

__all__ = ["Argon2Passwords"]

MEMORY_KIB: Final = 19 * 1024
TIME_COST: Final = 2
PARALLELISM: Final = 1
"""OWASP's minimum for Argon2id: 19 MiB, two passes, one lane."""
WAITING: Final = 32
FIRST_GUESS_SECONDS: Final = 0.05
"""How long a hash is thought to take before one has been measured."""

T = TypeVar("T")


def _threads() -> int:
    return max(1, min(4, (os.cpu_count() or 2) - 1))  # one core stays with the event loop


def _bytes(password: str) -> bytes:
    # The same password typed on macOS (decomposed Hangul) and on Windows (composed) must be the same password.
    return unicodedata.normalize("NFC", password).encode()


class Argon2Passwords:
    """The port `Passwords`.

    Args:
        memory_kib: less than the default is for tests only.
        waiting: checks that may wait for a thread.
    """

    def __init__(
        self,
        *,
        memory_kib: int = MEMORY_KIB,
        time_cost: int = TIME_COST,
        threads: int | None = None,
        waiting: int = WAITING,
    ) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=PARALLELISM)
        self._threads = threads or _threads()
        self._places = self._threads + waiting
        self._taken = 0
        self._seconds = FIRST_GUESS_SECONDS
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="madang-passwords")
        self._dummy = self._hasher.hash(secrets.token_bytes(16))

    async def hash(self, password: str) -> str:
        """See the port."""
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, password: str, encoded: str | None) -> PasswordCheck:
        """See the port."""
        check = await self._run(lambda: self._check(password, encoded or self._dummy))
        return PasswordCheck.WRONG if encoded is None else check

    def close(self) -> None:
        """Let the threads end. What is being hashed is finished, what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _check(self, password: str, encoded: str) -> PasswordCheck:
        try:
            self._hasher.verify(encoded, _bytes(password))
        except (VerificationError, InvalidHashError):
            return PasswordCheck.WRONG
        return PasswordCheck.OUTDATED if self._hasher.check_needs_rehash(encoded) else PasswordCheck.RIGHT

    async def _run(self, work: Callable[[], T]) -> T:
        if self._taken >= self._places:
            wait = self._taken * self._seconds / self._threads
            raise MadangError(
                ErrorCode.RATE_LIMITED,
                "too many passwords are being checked",
                retry_after_ms=max(100, int(wait * 1_000)),
            )
        self._taken += 1
        try:
            running = self._pool.submit(self._measured, work)
        except RuntimeError:  # the pool is closed: the server is stopping
            self._taken -= 1
            raise MadangError(ErrorCode.UNAVAILABLE, "the server is stopping") from None
        loop = asyncio.get_running_loop()
        running.add_done_callback(lambda _: self._give_back(loop))
        return await asyncio.wrap_future(running)

    def _give_back(self, loop: asyncio.AbstractEventLoop) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._count_down)

    def _count_down(self) -> None:
        self._taken -= 1

    def _measured(self, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        result = work()
        self._seconds = 0.8 * self._seconds + 0.2 * (time.perf_counter() - started)
        return result
