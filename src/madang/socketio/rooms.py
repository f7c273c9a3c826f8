"""Who is where: room to sockets and socket to rooms, so that leaving costs what the socket joined and no more.

Owns the membership of one namespace. A room exists while somebody is in it. Every socket is also reachable by its id,
as if it were alone in a room of that name; that room is not stored.
"""

from __future__ import annotations

from collections.abc import Collection, KeysView
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from madang.socketio.outbox import Outbox
    from madang.socketio.socket import Socket


class Rooms:
    """The rooms of one namespace."""

    def __init__(self) -> None:
        # The outbox stands beside the socket so that a broadcast walks one dict and looks up nothing.
        self._members: dict[str, dict[Socket, Outbox]] = {}

    def __len__(self) -> int:
        return len(self._members)

    def join(self, socket: Socket, room: str) -> None:
        """Put a socket into a room; twice is once."""
        if socket.joined is None:
            socket.joined = set()
        socket.joined.add(room)
        members = self._members.get(room)
        if members is None:
            self._members[room] = members = {}
        members[socket] = socket.outbox

    def leave(self, socket: Socket, room: str) -> None:
        """Take a socket out of a room; harmless when it is not there."""
        if socket.joined is not None and room in socket.joined:
            socket.joined.discard(room)
            self._remove(socket, room)

    def leave_all(self, socket: Socket) -> None:
        """Take a socket out of every room, in as many steps as it has rooms."""
        joined, socket.joined = socket.joined, None
        for room in joined or ():
            self._remove(socket, room)

    def members(self, room: str) -> KeysView[Socket]:
        """The sockets of a room, live: do not change the room while walking it."""
        return self._members.get(room, _NOBODY).keys()

    def outboxes(self, room: str) -> Collection[Outbox]:
        """The outboxes of a room, live."""
        return self._members.get(room, _NOBODY).values()

    def _remove(self, socket: Socket, room: str) -> None:
        members = self._members[room]
        del members[socket]
        if not members:
            del self._members[room]


_NOBODY: dict[Socket, Outbox] = {}
