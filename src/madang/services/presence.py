"""Presence: who is online, told to those whom it concerns.

Owns the grace before somebody counts as gone and the gathering of changes. Presence is a convenience: it may be late
or lost, it is never shown to strangers, and it must never slow anything else down.

Invariants:
1. A user is online while a device of theirs is; closing one tab of two changes nothing.
2. A user who comes back within the grace was never away: nobody is told anything.
3. What is told is what the port says at the time of telling, never what an event seemed to mean; and one round of telling
   ends before the next begins, so the last thing told of somebody is the newest.
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
        self._changed: set[str] = set()
        self._told_online: set[str] = set()
        self._round: asyncio.TimerHandle | None = None
        """The round that is about to begin, or has begun; None while there is nothing to tell."""

    async def arrive(self, user_id: str, device_id: str) -> None:
        """A device of the user has connected."""
        grace = self._leaving.pop(user_id, None)
        if grace is not None:
            grace.cancel()
        if await self._presence.arrive(user_id, device_id):
            self._change(user_id)

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
        if self._round is not None:
            self._round.cancel()

    def _grace_over(self, user_id: str) -> None:
        self._leaving.pop(user_id, None)
        self._change(user_id)

    def _change(self, user_id: str) -> None:
        self._changed.add(user_id)
        if self._round is None:
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
            here = set(await self.online(user_ids))
        except MadangError as error:
            self._later(user_ids, error)
            return
        for user_id in user_ids:
            online = user_id in here
            if online is (user_id in self._told_online):
                continue
            try:
                audience = await self._presence.online(await self._audience(user_id))
            except MadangError as error:
                self._later({user_id}, error)
                continue
            (self._told_online.add if online else self._told_online.discard)(user_id)
            await self._publish(user_id, audience, online=online)

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
