"""Presence: who is online, told to those whom it concerns.

Owns the grace before somebody counts as gone and the gathering of changes. Presence is a convenience: it may be late
or lost, it is never shown to strangers, and it must never slow anything else down.

Invariants:
1. A user is online while a device of theirs is; closing one tab of two changes nothing.
2. A user who comes back within the grace was never away: nobody is told anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import msgspec
import structlog

from madang.clock import Clock, to_iso
from madang.contract.server_events import PresenceAt
from madang.domain.presence import COALESCE, OFFLINE_GRACE, SMALL_ROOM, VISIBLE_ROOMS
from madang.errors import MadangError
from madang.ports.bus import Bus, PresenceNotice, UserNotice, presence_channel, user_channel
from madang.ports.conversations import Conversations
from madang.ports.presence import Presence
from madang.tasks import TaskSupervisor

__all__ = ["PresenceService"]

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class PresenceService:
    """Follows devices and tells of people.

    Args:
        offline_grace: seconds between the last device leaving and telling of it.
    """

    def __init__(
        self,
        presence: Presence,
        conversations: Conversations,
        bus: Bus,
        clock: Clock,
        tasks: TaskSupervisor,
        *,
        offline_grace: float = OFFLINE_GRACE,
    ) -> None:
        self._presence = presence
        self._conversations = conversations
        self._bus = bus
        self._clock = clock
        self._tasks = tasks
        self._offline_grace = offline_grace
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        self._changed: dict[str, bool] = {}
        self._told_online: set[str] = set()
        self._telling = False

    async def arrive(self, user_id: str, device_id: str) -> None:
        """A device of the user has connected."""
        grace = self._leaving.pop(user_id, None)
        if grace is not None:
            grace.cancel()
        came = await self._presence.arrive(user_id, device_id)
        if came and grace is None:
            self._change(user_id, online=True)

    async def leave(self, user_id: str, device_id: str) -> None:
        """A device of the user has gone; others learn of it after the grace, if none has come by then."""
        if await self._presence.leave(user_id, device_id) and user_id not in self._leaving:
            self._leaving[user_id] = asyncio.get_running_loop().call_later(
                self._offline_grace, self._grace_over, user_id
            )

    async def online_around(self, user_id: str) -> list[str]:
        """Who is online among those the user is told about."""
        return await self.online(await self._audience(user_id))

    async def online(self, user_ids: Collection[str]) -> list[str]:
        """Who of these is online, or has left within the grace."""
        found = await self._presence.online(user_ids)
        found.update(user for user in user_ids if user in self._leaving)
        return sorted(found)

    async def watchable(self, user_id: str, user_ids: Collection[str]) -> set[str]:
        """Those of these whom the user may watch: people of shared conversations."""
        return await self._conversations.sharing(user_id, user_ids)

    async def close(self) -> None:
        """Forget what was about to be told."""
        for grace in self._leaving.values():
            grace.cancel()
        self._leaving.clear()
        self._changed.clear()

    def _grace_over(self, user_id: str) -> None:
        self._leaving.pop(user_id, None)
        self._change(user_id, online=False)

    def _change(self, user_id: str, *, online: bool) -> None:
        self._changed[user_id] = online
        if not self._telling:
            self._telling = True
            asyncio.get_running_loop().call_later(COALESCE, self._start_telling)

    def _start_telling(self) -> None:
        self._tasks.start(self._tell(), "presence")

    async def _tell(self) -> None:
        self._telling = False
        changed, self._changed = self._changed, {}
        for user_id, online in changed.items():
            if online is (user_id in self._told_online):
                continue
            (self._told_online.add if online else self._told_online.discard)(user_id)
            try:
                audience = await self._presence.online(await self._audience(user_id))
            except MadangError as error:
                _log.info("presence not told", reason=error.reason)
                continue
            self._publish(user_id, audience, online=online)

    def _publish(self, user_id: str, audience: Collection[str], *, online: bool) -> None:
        event = "user:online" if online else "user:offline"
        payload = _encode(user_id) + b"," + _encode(PresenceAt(at=to_iso(self._clock.now())))
        self._bus.publish(presence_channel(user_id), PresenceNotice(user_id=user_id, event=event, payload=payload))
        for reader in audience:
            self._bus.publish(
                user_channel(reader),
                UserNotice(user_id=reader, event=event, payload=payload, key=f"presence:{user_id}"),
            )

    async def _audience(self, user_id: str) -> set[str]:
        return await self._conversations.presence_audience(user_id, rooms=VISIBLE_ROOMS, room_size=SMALL_ROOM)
