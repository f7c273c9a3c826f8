"""Presence on one node: the devices of each user. The leases end with the process, and so do the sockets."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["MemoryPresence"]


class MemoryPresence:
    """Keeps a set of devices per user."""

    def __init__(self) -> None:
        self._devices: dict[str, set[str]] = {}

    async def arrive(self, user_id: str, device_id: str) -> bool:
        devices = self._devices.setdefault(user_id, set())
        came_online = not devices
        devices.add(device_id)
        return came_online

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
