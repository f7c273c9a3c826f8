"""Presence: who has a device connected, on any node."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

__all__ = ["Presence"]


class Presence(Protocol):
    """Leases of devices. There are no counters, so nothing can drift: a user is online while a lease exists; a node
    that dies takes its leases with it after a while.
    """

    async def arrive(self, user_id: str, device_id: str) -> bool:
        """A device came. Returns whether it is the user's only one (the user came online)."""
        ...

    async def leave(self, user_id: str, device_id: str) -> bool:
        """A device went. Returns whether none remains (the user went offline). Unknown devices change nothing."""
        ...

    async def online(self, user_ids: Collection[str]) -> set[str]:
        """Which of these are online now."""
        ...
