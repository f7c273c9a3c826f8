"""Sign-in sessions: the port for refresh tokens.

A session is one sign-in on one device; its refresh token is rotated on every use. Only hashes are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

__all__ = ["Rotation", "Session", "Sessions"]


class Session(Struct, frozen=True, kw_only=True):
    """One sign-in; times are milliseconds since 1970."""

    id: str
    user_id: str
    token_hash: bytes
    """SHA-256 of the current refresh token's secret."""
    created_at: int
    expires_at: int
    revoked_at: int | None = None


class Rotation(StrEnum):
    """What became of a rotation."""

    ROTATED = "rotated"
    REPEATED = "repeated"
    """The previous token, within the grace: its answer was lost. The caller hands out the same successor."""
    REUSED = "reused"
    """A token that is neither the present one nor just replaced: replaced long ago, by whom it was stolen from or by the
    thief, or made up by somebody who knows the session's id. The session is revoked now."""
    UNKNOWN = "unknown"
    """No such session, or it is revoked or expired."""


class Sessions(Protocol):
    """Keeps sessions. Each call is one transaction; two rotations of one token never both say ROTATED."""

    async def create(self, session: Session) -> None: ...

    async def get(self, session_id: str) -> Session | None: ...

    async def alive(self, session_ids: Sequence[str]) -> set[str]:
        """Those of these that exist and are not revoked."""
        ...

    async def rotate(
        self, session_id: str, presented: bytes, successor: bytes, now: int, *, expires_at: int, grace_ms: int
    ) -> Rotation:
        """Replace the token hash `presented` by `successor`.

        REPEATED only if `presented` is the one replaced last, less than `grace_ms` ago; nothing changes then.
        """
        ...

    async def revoke(self, session_id: str, now: int) -> None:
        """End one session; unknown ids are ignored."""
        ...

    async def revoke_all(self, user_id: str, now: int) -> list[str]:
        """End every session of a user; returns the ids that were alive."""
        ...
