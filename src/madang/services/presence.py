"""Presence: who is online, told to those whom it concerns.

Owns the grace before a device counts as gone and the gathering of changes. Presence is a convenience: it may be late, it is
never shown to strangers, and it must never slow anything else down.

Invariants:
1. A user is online while a device of theirs is, on any node; closing one tab of two changes nothing.
2. A device counts until the grace is over, so a user who comes back within it, here or on another node, was never away: nobody
   is told anything.
3. What is told is what the port says at the time of telling, never what an event seemed to mean; one round of telling ends
   before the next begins, and what has changed meanwhile is told anew, so the last thing told of somebody is the newest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

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

ASKED_AT_ONCE: Final = 200
TOLD_AT_ONCE: Final = 500

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class PresenceService:
    """Follows devices and tells of people.

    Args:
        offline_grace: seconds between the last device leaving and telling of it.
        coalesce: seconds over which changes are gathered.
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
        coalesce: float = COALESCE,
    ) -> None:
        self._presence = presence
        self._conversations = conversations
        self._bus = bus
        self._clock = clock
        self._tasks = tasks
        self._offline_grace = offline_grace
        self._coalesce = coalesce
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        """Devices that have gone, within their grace."""
        self._changed: set[str] = set()
        self._round: asyncio.TimerHandle | None = None
        """The round that is about to begin, or has begun; None while there is nothing to tell."""

    async def start(self) -> None:
        """Begin to follow; before the first device."""
        self._presence.listen(self._look_at)
        await self._presence.start()

    async def arrive(self, user_id: str, device_id: str) -> None:
        """A device of the user has connected."""
        if await self._presence.arrive(user_id, device_id):
            self._look_at([user_id])

    def leave(self, user_id: str, device_id: str) -> None:
        """A device of the user has gone; others learn of it after the grace, if none has come by then."""
        if device_id not in self._leaving:
            self._leaving[device_id] = asyncio.get_running_loop().call_later(
                self._offline_grace, self._grace_over, user_id, device_id
            )

    async def online_around(self, user_id: str) -> list[str]:
        """Who is online among those the user is told about."""
        return await self.online(await self._audience(user_id))

    async def online(self, user_ids: Collection[str]) -> list[str]:
        """Who of these is online, or has left within the grace."""
        return sorted(await self._presence.online(user_ids))

    async def watchable(self, user_id: str, user_ids: Collection[str]) -> set[str]:
        """Those of these whom the user may watch: people of shared conversations."""
        return await self._conversations.sharing(user_id, user_ids)

    async def close(self) -> None:
        """Forget what was about to be told; devices that are still here have left."""
        for grace in self._leaving.values():
            grace.cancel()
        self._leaving.clear()
        self._changed.clear()
        if self._round is not None:
            self._round.cancel()
        await self._presence.close()

    def _grace_over(self, user_id: str, device_id: str) -> None:
        del self._leaving[device_id]
        self._tasks.start(self._gone(user_id, device_id), "presence leave")

    async def _gone(self, user_id: str, device_id: str) -> None:
        if await self._presence.leave(user_id, device_id):
            self._look_at([user_id])

    def _look_at(self, user_ids: Collection[str]) -> None:
        self._changed.update(user_ids)
        if self._changed and self._round is None:
            self._begin_round()

    def _begin_round(self) -> None:
        self._round = asyncio.get_running_loop().call_later(self._coalesce, self._start_telling)

    def _start_telling(self) -> None:
        self._tasks.start(self._tell(), "presence")

    async def _tell(self) -> None:
        changed, self._changed = self._changed, set()
        try:
            while changed:
                some = {changed.pop() for _ in range(min(len(changed), ASKED_AT_ONCE))}
                await self._tell_of(some)
        finally:
            self._round = None
            if self._changed:
                self._begin_round()

    async def _tell_of(self, user_ids: set[str]) -> None:
        try:
            untold = await self._presence.untold(user_ids)
        except MadangError as error:
            self._later(user_ids, error)
            return
        for user_id, online in untold.items():
            try:
                audience = await self._presence.online(await self._audience(user_id))
                await self._publish(user_id, audience, online=online)
                if not await self._presence.told(user_id, online=online):
                    self._changed.add(user_id)
            except MadangError as error:
                self._later({user_id}, error)

    def _later(self, user_ids: set[str], error: MadangError) -> None:
        _log.info("presence is told later", reason=error.reason)
        self._changed |= user_ids

    async def _publish(self, user_id: str, audience: Collection[str], *, online: bool) -> None:
        event = "user:online" if online else "user:offline"
        payload = _encode(user_id) + b"," + _encode(PresenceAt(at=to_iso(self._clock.now())))
        self._bus.publish(presence_channel(user_id), PresenceNotice(user_id=user_id, event=event, payload=payload))
        for number, reader in enumerate(audience, 1):
            self._bus.publish(
                user_channel(reader),
                UserNotice(user_id=reader, event=event, payload=payload, key=f"presence:{user_id}"),
            )
            if number % TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)  # somebody may know thousands

    async def _audience(self, user_id: str) -> set[str]:
        return await self._conversations.presence_audience(user_id, rooms=VISIBLE_ROOMS, room_size=SMALL_ROOM)
