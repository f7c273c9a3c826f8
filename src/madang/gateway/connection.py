"""Connections: the sockets of this node and the people behind them.

Owns what the gateway knows of a socket, and the index from people to their sockets. Must never outlive the socket: a
connection that has ended joins nothing any more.

    AUTHENTICATED -> STARTED [init]     either -> ENDED [end]
"""

from __future__ import annotations

from collections.abc import Iterator

from madang.services.identity import Identity
from madang.services.sync import Known
from madang.socketio import Socket

__all__ = ["Connection", "Connections"]


class Connection:
    """One socket of one person's device."""

    __slots__ = (
        "__weakref__", "attached", "ended", "expiry_due", "focused", "identity", "inbox", "known", "pending", "revoked", "shown",
        "socket", "started", "warned_of", "watch_requests", "watching",
    )  # fmt: skip  # a list of words reads better packed

    def __init__(self, socket: Socket, identity: Identity) -> None:
        self.socket = socket
        self.identity = identity
        self.attached: dict[str, int] = {}
        """Conversations whose log is delivered to this socket, with the `visibleFromSeq` of the membership it was shown:
        whoever leaves and comes back has a new one, so it names the membership."""
        self.shown: set[str] = set()
        """Conversations this socket was shown since its list was last begun from the top."""
        self.known: Known | None = None
        """What the client knows of its list, until all of that was shown."""
        self.inbox: int | None = None
        """The number of the list up to which memberships are attached or over; None before the first page."""
        self.focused: str | None = None
        """The conversation this device shows."""
        self.watching: list[str] = []
        """People whose presence this socket asked for."""
        self.watch_requests = 0
        self.started = False
        """Whether `init` was received: nothing is delivered before."""
        self.ended = False
        self.revoked = False
        """Sent away while it was still being admitted."""
        self.pending = 0
        """Events whose handlers still run."""
        self.expiry_due: int | None = None
        """When the expiry of the token is looked at next."""
        self.warned_of: int | None = None
        """The expiry it was last told of."""

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

    def people(self) -> list[str]:
        """Whoever has a socket here."""
        return list(self._by_user)

    def __len__(self) -> int:
        return sum(map(len, self._by_user.values()))

    def __iter__(self) -> Iterator[Connection]:
        for mine in list(self._by_user.values()):
            yield from list(mine)
