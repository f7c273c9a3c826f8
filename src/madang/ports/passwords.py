"""Passwords: the port that turns them into what may be stored, and checks them."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

__all__ = ["PasswordCheck", "Passwords"]


class PasswordCheck(StrEnum):
    """What became of a check."""

    WRONG = "wrong"
    RIGHT = "right"
    OUTDATED = "outdated"
    """Right, but hashed with older parameters: hash it again and store that."""


class Passwords(Protocol):
    """Hashes slowly, on purpose, off the event loop.

    Guarantees: work is bounded; when too much waits, both calls raise `MadangError(rate_limited)` at once, with
    `retry_after_ms`. Cancelling gives up waiting only. Neither a password nor a hash is ever logged.
    """

    async def hash(self, password: str) -> str:
        """The password as it may be stored."""
        ...

    async def verify(self, password: str, encoded: str | None) -> PasswordCheck:
        """Whether the password is the one behind `encoded`.

        With None (no such user, or one without a password) it takes the time of a real check and says WRONG, so that
        the answer's delay does not tell which names exist.
        """
        ...
