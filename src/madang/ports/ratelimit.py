"""Rate limits that hold across nodes: sign-in and other costly calls. Sends are limited per node by token buckets."""

from __future__ import annotations

from typing import Protocol

__all__ = ["RateLimit"]


class RateLimit(Protocol):
    """Counts attempts in a moving window."""

    async def hit(self, name: str, subject: str, *, limit: int, seconds: int) -> float:
        """Count one attempt of `subject` (an address, a user id) at `name`.

        Returns:
            0.0 if it is within the limit, else the seconds to wait; a refused attempt does not count.
        """
        ...
