"""Watches: which sockets of this node want to hear of whose presence.

Owns the rooms of watchers and the subscriptions behind them. Who may watch is asked when a list is given, and again
whenever there is something to tell: people who no longer share a conversation hear nothing more of each other.
"""

from __future__ import annotations

import structlog

from madang.errors import MadangError
from madang.gateway.connection import Connection
from madang.gateway.packets import one_event
from madang.ports.bus import Bus, PresenceNotice, presence_channel
from madang.services.presence import PresenceService
from madang.socketio import Namespace, Traffic
from madang.tasks import TaskSupervisor

__all__ = ["Watches"]

_log = structlog.get_logger(__name__)


class Watches:
    """Keeps each socket's list and tells the watchers of a person."""

    def __init__(self, namespace: Namespace, bus: Bus, presence: PresenceService, tasks: TaskSupervisor) -> None:
        self._namespace = namespace
        self._bus = bus
        self._presence = presence
        self._tasks = tasks
        self._newest: dict[str, PresenceNotice] = {}

    def requested(self, connection: Connection) -> int:
        """A socket asks for a list; the number to give to `replace`."""
        connection.watch_requests += 1
        return connection.watch_requests

    async def replace(self, connection: Connection, user_ids: list[str], request_number: int) -> None:
        """From now on the socket hears of these people and nobody else, unless it has asked for others meanwhile."""
        channels = [presence_channel(user_id) for user_id in user_ids]
        try:
            await self._bus.subscribe(channels)
        except BaseException:
            self._bus.unsubscribe(channels)
            raise
        if connection.ended or connection.watch_requests != request_number:
            self._bus.unsubscribe(channels)
            return
        self._forget(connection)
        connection.watching = user_ids
        for user_id in user_ids:
            connection.socket.join(_room(user_id))

    def ended(self, connection: Connection) -> None:
        """The socket has gone; its rooms are left by the engine."""
        self._bus.unsubscribe([presence_channel(user_id) for user_id in connection.watching])
        connection.watching = []

    def tell(self, notice: PresenceNotice) -> None:
        """The person came or went."""
        if self._namespace.members(_room(notice.user_id)):
            self._newest[notice.user_id] = notice
            self._tasks.start(self._tell(notice), "watchers")

    async def _tell(self, notice: PresenceNotice) -> None:
        watchers = {socket.data.user_id for socket in self._namespace.members(_room(notice.user_id))}
        try:
            allowed = await self._presence.watchable(notice.user_id, watchers)
        except MadangError as error:
            _log.info("watchers not told", reason=error.reason)
            allowed = set()
        if self._newest.get(notice.user_id) is not notice:
            return  # a newer one is on its way
        del self._newest[notice.user_id]
        frames = one_event(notice.event, notice.payload)
        for socket in self._namespace.members(_room(notice.user_id)):
            if socket.data.user_id in allowed:
                socket.send(frames, traffic=Traffic.LATEST, key=f"presence:{notice.user_id}")

    def _forget(self, connection: Connection) -> None:
        for user_id in connection.watching:
            connection.socket.leave(_room(user_id))
        self.ended(connection)


def _room(user_id: str) -> str:
    return f"watch:{user_id}"
