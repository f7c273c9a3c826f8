"""Presence on one node: the devices of each user. The leases end with the process, and so do the sockets."""

from __future__ import annotations

from collections.abc import Callable, Collection

__all__ = ["MemoryPresence"]


class MemoryPresence:
    """Keeps a set of devices per user, and who was told to be online."""

    def __init__(self) -> None:
        self._devices: dict[str, set[str]] = {}
        self._told: set[str] = set()

    def listen(self, changed: Callable[[Collection[str]], None]) -> None:
        """Nothing changes here but by `arrive` and `leave`."""

    async def start(self) -> None:
        """Nothing to connect to."""

    async def arrive(self, user_id: str, device_id: str) -> bool:
        devices = self._devices.setdefault(user_id, set())
        first = not devices
        devices.add(device_id)
        return first

    async def leave(self, user_id: str, device_id: str) -> bool:
        devices = self._devices.get(user_id)
        if devices is None or device_id not in devices:
            return False
        devices.discard(device_id)
        if devices:
            return False
        del self._devices[user_id]
        return True

    async def online(self, user_ids: Collection[str]) -> set[str]:
        return {user_id for user_id in user_ids if user_id in self._devices}

    async def untold(self, user_ids: Collection[str]) -> dict[str, bool]:
        return {
            user_id: user_id in self._devices
            for user_id in user_ids
            if (user_id in self._devices) is not (user_id in self._told)
        }

    async def told(self, user_id: str, *, online: bool) -> bool:
        (self._told.add if online else self._told.discard)(user_id)
        return online is (user_id in self._devices)

    async def close(self) -> None:
        """Nothing outlives the process."""
