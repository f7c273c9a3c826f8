"""A live log: how far one conversation has been delivered on this node.

Owns the order: versions go out one by one, none twice, none skipped. Does no I/O: it is told what arrived and says
what to do next.

Invariants:
1. Everything up to `version` has been handed to every socket of the room; nothing above it to any.
2. `ring` holds what was applied while somebody was attaching, without a hole, ending at `version`.
3. A parked socket joins the room at the moment `version` reaches the head it was shown.
4. What is kept is bounded: what does not fit is known to exist, and read from the store.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

from madang.gateway.connection import Connection
from madang.ports.bus import LogEntry

__all__ = ["LiveLog", "Parked"]

RING_ENTRIES: Final = 64
"""Applied entries kept for sockets that attach a moment behind."""
WAITING_ENTRIES: Final = 1_000
"""Entries kept above a hole, or until somebody was shown a head."""


class Parked(NamedTuple):
    """A socket that was shown a head this node has not reached."""

    connection: Connection
    version: int
    seq: int


class LiveLog:
    """The state of one conversation with local interest."""

    __slots__ = (
        "conversation_id", "heard", "holds", "known_head", "late", "late_from", "members", "parked", "ready", "repair_at", "repairing", "ring",
        "room", "seq", "sockets", "subscribed", "version", "waiting",
    )  # fmt: skip  # a list of words reads better packed

    def __init__(self, conversation_id: str, subscribed: asyncio.Future[None]) -> None:
        self.conversation_id = conversation_id
        self.room = f"conv:{conversation_id}"
        self.subscribed = subscribed
        """Done when the bus is heard."""
        self.heard: int | None = None
        """The number of the subscription by which it is."""
        self.version: int | None = None
        """The last version applied; None until the first socket has been shown a head."""
        self.seq = 0
        """The newest message handed out."""
        self.members = 0
        """How many people are in it."""
        self.known_head = 0
        """The highest version anybody has spoken of."""
        self.waiting: dict[int, LogEntry] = {}
        """Entries above `version`, by version."""
        self.ring: deque[LogEntry] = deque(maxlen=RING_ENTRIES)
        self.parked: list[Parked] = []
        self.late: dict[Connection, int] = {}
        """Sockets of the room whose people came after the first message, with the seq from which they see."""
        self.late_from = 0
        """At least the highest of those seqs."""
        self.sockets = 0
        """Sockets attached, parked ones included."""
        self.holds = 0
        """Attachments on their way."""
        self.ready = False
        """Whether it stands in the feed's list of work."""
        self.repairing = False
        self.repair_at: asyncio.TimerHandle | None = None

    @property
    def wanted(self) -> bool:
        """Somebody here is interested."""
        return bool(self.sockets or self.holds)

    @property
    def unused(self) -> bool:
        """Nobody here is interested any more, and nobody works on it."""
        return not (self.wanted or self.repairing)

    def start(self, version: int, seq: int, members: int) -> None:
        """Everything up to here has been shown or handed out."""
        self.version = version
        self.members = members
        self.seq = max(self.seq, seq)
        self.known_head = max(self.known_head, version)
        self.waiting = {number: entry for number, entry in self.waiting.items() if number > version}

    def arrive(self, entry: LogEntry) -> None:
        """An entry came from the bus."""
        if self.version is not None and entry.version <= self.version:
            return
        self.known_head = max(self.known_head, entry.version)
        if len(self.waiting) < WAITING_ENTRIES or entry.version == (self.version or 0) + 1:
            self.waiting[entry.version] = entry

    def next(self) -> LogEntry | None:
        """The entry that may be applied now."""
        if self.version is None or self.repairing:
            return None
        return self.waiting.get(self.version + 1)

    def apply(self, entry: LogEntry) -> None:
        """The entry has been handed out."""
        self.waiting.pop(entry.version, None)
        self.version = entry.version
        self.seq = max(self.seq, entry.seq)
        self.members += len(entry.added) - len(entry.removed)
        if self.holds:
            self.ring.append(entry)

    def release(self) -> None:
        """One attachment less is on its way."""
        self.holds -= 1
        if not self.holds:
            self.ring.clear()

    def read_begins(self) -> None:
        """The store is about to be asked what there is: what was said of the head so far is void."""
        self.known_head = max([self.version or 0, *self.waiting])

    def jump(self, version: int, seq: int, members: int) -> None:
        """A repair has delivered everything up to here, without its entries."""
        self.ring.clear()
        self.start(version, seq, members)

    def after(self, version: int) -> list[LogEntry] | None:
        """Applied entries above `version`; None if the ring does not reach that far back."""
        entries = [entry for entry in self.ring if entry.version > version]
        return entries if self.version is not None and len(entries) == self.version - version else None

    def enter(self, connection: Connection) -> None:
        """A socket has joined the room."""
        seen_from = connection.attached[self.conversation_id]
        if seen_from > 1:
            self.late[connection] = seen_from
            self.late_from = max(self.late_from, seen_from)

    def leave(self, connection: Connection) -> None:
        """A socket is not attached any more."""
        self.sockets -= 1
        if self.late.pop(connection, None) is not None and not self.late:
            self.late_from = 0
        if self.parked:
            self.parked = [place for place in self.parked if place.connection is not connection]

    def parked_place(self, connection: Connection) -> Parked | None:
        """Where a socket is parked, if it is."""
        return next((place for place in self.parked if place.connection is connection), None)

    def reached(self) -> list[Connection]:
        """Take out the parked sockets that may join now."""
        if not self.parked:
            return []
        version = self.version or 0
        arrived = [place.connection for place in self.parked if place.version <= version]
        self.parked = [place for place in self.parked if place.version > version]
        return arrived

    @property
    def parked_at(self) -> int | None:
        """The nearest version at which a parked socket joins."""
        return min((place.version for place in self.parked), default=None)

    @property
    def behind(self) -> bool:
        """Whether something is known to exist that is not here to be applied."""
        return self.version is not None and self.known_head > self.version and self.next() is None
