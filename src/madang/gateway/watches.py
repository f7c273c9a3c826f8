"""Watches: which sockets of this node want to hear of whose presence.

Owns the rooms of watchers and the subscriptions behind them. Who may watch whom is asked before.
"""

from __future__ import annotations

from madang.gateway.connection import Connection
from madang.gateway.packets import one_event
from madang.ports.bus import Bus, PresenceNotice, presence_channel
from madang.socketio import Namespace, Traffic

__all__ = ["Watches"]


class Watches:
    """Keeps each socket's list and tells the watchers of a person."""

    def __init__(self, namespace: Namespace, bus: Bus) -> None:
        self._namespace = namespace
        self._bus = bus

    async def replace(self, connection: Connection, user_ids: list[str]) -> None:
        """From now on the socket hears of these people and nobody else."""
        channels = [presence_channel(user_id) for user_id in user_ids]
        await self._bus.subscribe(channels)
        if connection.ended:
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
        self._namespace.broadcast(
            _room(notice.user_id),
            one_event(notice.event, notice.payload),
            traffic=Traffic.LATEST,
            key=f"presence:{notice.user_id}",
        )

    def _forget(self, connection: Connection) -> None:
        for user_id in connection.watching:
            connection.socket.leave(_room(user_id))
        self.ended(connection)


def _room(user_id: str) -> str:
    return f"watch:{user_id}"
