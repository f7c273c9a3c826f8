"""Emitting to many: whom, except whom, and how.

Owns the choice of receivers. Must never await one of them: a packet is encoded once and appended to each outbox, and
only ``call`` waits, for everybody together.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from madang.socketio.frames import encode_event
from madang.socketio.outbox import Traffic, push_to_all

if TYPE_CHECKING:
    from collections.abc import Collection

    from madang.socketio.namespace import Namespace
    from madang.socketio.socket import Socket


class Broadcast:
    """A choice of receivers in a namespace; choosing further makes a new one.

    Args:
        namespace: whose sockets.
        rooms: in any of these, or everybody when empty.
        excluded: and in none of these.
        traffic: ORDERED or VOLATILE.

    """

    __slots__ = ("_excluded", "_namespace", "_rooms", "_traffic")

    def __init__(
        self,
        namespace: Namespace,
        rooms: frozenset[str] = frozenset(),
        excluded: frozenset[str] = frozenset(),
        traffic: Traffic = Traffic.ORDERED,
    ) -> None:
        self._namespace = namespace
        self._rooms = rooms
        self._excluded = excluded
        self._traffic = traffic

    def to(self, *rooms: str) -> Broadcast:
        """Add rooms; a socket's id is a room with that socket alone."""
        return Broadcast(self._namespace, self._rooms.union(rooms), self._excluded, self._traffic)

    def except_(self, *rooms: str) -> Broadcast:
        """Leave out everybody in these rooms."""
        return Broadcast(self._namespace, self._rooms, self._excluded.union(rooms), self._traffic)

    @property
    def volatile(self) -> Broadcast:
        """Drop the event for those who are behind."""
        return Broadcast(self._namespace, self._rooms, self._excluded, Traffic.VOLATILE)

    def emit(self, event: str, *args: Any) -> None:
        """Send an event to each receiver once.

        Raises:
            ValueError: the name is reserved.
            TypeError: an argument has no JSON form.

        """
        packet = encode_event(event, *args, namespace=self._namespace.name)
        outboxes = [socket.outbox for socket in self.receivers()]
        if self._traffic is Traffic.ORDERED:
            push_to_all(outboxes, packet)
            return
        for outbox in outboxes:
            outbox.push_as(packet, self._traffic)

    async def call(self, event: str, *args: Any, timeout: float) -> list[list[Any]]:
        """Send an event to each receiver and wait for their answers. Cancelling is safe.

        Args:
            event: its name.
            args: its arguments.
            timeout: seconds for all together.

        Returns:
            The arguments of each answer that came in time; fewer than receivers when some did not answer or went away.

        """
        ack_id = self._namespace.next_ack_id()
        packet = encode_event(event, *args, namespace=self._namespace.name, ack_id=ack_id)
        receivers = list(self.receivers())
        futures = [socket.expect_ack(ack_id) for socket in receivers]
        if not futures:
            return []
        try:
            for socket in receivers:
                socket.outbox.push(packet)
            done, _ = await asyncio.wait(futures, timeout=timeout)
        finally:
            for socket in receivers:
                socket.forget_ack(ack_id)
        return [future.result() for future in futures if future in done and future.exception() is None]

    def receivers(self) -> Collection[Socket]:
        """Whom it reaches now, each once."""
        namespace = self._namespace
        if not self._excluded:
            if not self._rooms:
                return namespace.sockets.values()
            if len(self._rooms) == 1:
                return namespace.members(next(iter(self._rooms)))
        chosen: set[Socket] = set()
        if self._rooms:
            chosen.update(*map(namespace.members, self._rooms))
        else:
            chosen.update(namespace.sockets.values())
        return chosen.difference(*map(namespace.members, self._excluded))
