"""What holds for a whole batch of the log."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["BatchTerms"]


class BatchTerms(Struct, frozen=True, kw_only=True):
    """Handed to everything that decides an entry."""

    now: int
    """Wall time in milliseconds."""
    epoch: str
    max_members: int
