"""Presence: who has a device connected, on any node."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

__all__ = ["Presence"]


class Presence(Protocol):
    """Leases of devices, and what was last told of their people. There are no counters, so nothing can drift: a user is
    online while somebody holds a lease for them; a node that dies takes its leases with it after a while.

    Guarantees: `arrive`, `leave` and `online` never fail. While other nodes cannot be asked, what is known of them stays as
    it was known last, and what changed here reaches them when they can be asked again.
    """

    def listen(self, changed: Callable[[Collection[str]], None]) -> None:
        """Who hears of people who may have come or gone without anybody here having said so: their node died, or leases
        were lost. Set once, before `start`. It must return quickly and never raise.
        """
        ...

    async def start(self) -> None: ...

    async def arrive(self, user_id: str, device_id: str) -> bool:
        """A device came to this node; the same one twice is one. Returns whether it is the user's first here, so that
        there may be something to tell.
        """
        ...

    async def leave(self, user_id: str, device_id: str) -> bool:
        """A device of this node went. Returns whether it was the user's last here, so that there may be something to tell.
        Unknown devices change nothing.
        """
        ...

    async def online(self, user_ids: Collection[str]) -> set[str]:
        """Which of these are online now."""
        ...

    async def untold(self, user_ids: Collection[str]) -> dict[str, bool]:
        """Those of these of whom was last told otherwise than they are now, by any node, and whether they are online.

        Raises:
            MadangError: `unavailable` while it cannot be known for certain.
        """
        ...

    async def told(self, user_id: str, *, online: bool) -> bool:
        """It was told that the user is online, or is not. Returns whether it is still so: if not, what was told has been
        overtaken, and must be told anew. Telling before saying so means that it may be told twice, but never not at all.

        Raises:
            MadangError: `unavailable` if it could not be kept.
        """
        ...

    async def close(self) -> None:
        """Leave. The devices that are still here count as gone a little later, unless they have come to another node."""
        ...
