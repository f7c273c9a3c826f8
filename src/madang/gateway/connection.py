"""Connections: the sockets of this node and the people behind them.

Owns what the gateway knows of a socket, and the index from people to their sockets. Must never outlive the socket: a
connection that has ended joins nothing any more.

    AUTHENTICATED -> STARTED [init]     either -> ENDED [end]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from madang.services.identity import Identity
from madang.socketio import Socket

__all__ = ["Connection", "Connections"]


class Connection:
    """One socket of one person's device."""

    __slots__ = ("__weakref__", "attached", "ended", "identity", "pending", "revoked", "socket", "started", "watching")

    def __init__(self, socket: Socket, identity: Identity) -> None:
        self.socket = socket
        self.identity = identity
        self.attached: set[str] = set()
        """Conversations whose log is delivered to this socket."""
        self.watching: list[str] = []
        """People whose presence this socket asked for."""
        self.started = False
        """Whether `init` was received: nothing is delivered before."""
        self.ended = False
        self.revoked = False
        """Sent away while it was still being admitted."""
        self.pending = 0
        """Events whose handlers still run."""

    @property
    def user_id(self) -> str:
        """Whose socket it is; never changes."""
        return self.identity.user_id


class Connections:
    """Who is here."""

    def __init__(self) -> None:
        self._by_user: dict[str, set[Connection]] = {}

    def add(self, connection: Connection) -> None:
        self._by_user.setdefault(connection.user_id, set()).add(connection)

    def remove(self, connection: Connection) -> None:
        mine = self._by_user.get(connection.user_id)
        if mine is not None:
            mine.discard(connection)
            if not mine:
                del self._by_user[connection.user_id]

    def of(self, user_id: str) -> list[Connection]:
        """A person's sockets on this node; a copy, because telling them may end them."""
        return list(self._by_user.get(user_id, ()))

    def present(self, user_ids: Iterable[str]) -> list[str]:
        """Who of these has a socket here."""
        return [user_id for user_id in user_ids if user_id in self._by_user]

    def __len__(self) -> int:
        return sum(map(len, self._by_user.values()))

    def __iter__(self) -> Iterator[Connection]:
        for mine in list(self._by_user.values()):
            yield from list(mine)
