"""A live log: how far one conversation has been delivered on this node.

Owns the order: versions go out one by one, none twice, none skipped. Does no I/O: it is told what arrived and says
what to do next.

Invariants:
1. Everything up to `version` has been handed to every socket of the room; nothing above it to any.
2. `ring` holds the newest applied entries without a hole, ending at `version`.
3. A parked socket joins the room at the moment `version` reaches the head it was shown.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from madang.gateway.connection import Connection
from madang.ports.bus import LogEntry

__all__ = ["LiveLog"]

RING_ENTRIES: Final = 64
"""Applied entries kept for sockets that attach a moment behind."""


class LiveLog:
    """The state of one conversation with local interest."""

    __slots__ = (
        "conversation_id",
        "holds",
        "known_head",
        "parked",
        "ready",
        "repair_at",
        "repairing",
        "ring",
        "room",
        "seq",
        "sockets",
        "subscribed",
        "version",
        "waiting",
    )

    def __init__(self, conversation_id: str, subscribed: asyncio.Future[None]) -> None:
        self.conversation_id = conversation_id
        self.room = f"conv:{conversation_id}"
        self.subscribed = subscribed
        """Done when the bus is heard."""
        self.version: int | None = None
        """The last version applied; None until the first socket has been shown a head."""
        self.seq = 0
        """The newest message handed out."""
        self.known_head = 0
        """The highest version anybody has spoken of."""
        self.waiting: dict[int, LogEntry] = {}
        """Entries above `version`, by version."""
        self.ring: deque[LogEntry] = deque(maxlen=RING_ENTRIES)
        self.parked: list[tuple[Connection, int]] = []
        """Sockets that were shown a head this node has not reached, with that head."""
        self.sockets = 0
        self.holds = 0
        """Attachments on their way."""
        self.ready = False
        """Whether it stands in the feed's list of work."""
        self.repairing = False
        self.repair_at: asyncio.TimerHandle | None = None

    @property
    def unused(self) -> bool:
        """Nobody here is interested any more."""
        return not (self.sockets or self.holds or self.parked)

    def start(self, version: int, seq: int) -> None:
        """The first socket was shown everything up to here."""
        self.version = version
        self.seq = seq
        self.known_head = max(self.known_head, version)
        self.waiting = {number: entry for number, entry in self.waiting.items() if number > version}

    def arrive(self, entry: LogEntry) -> None:
        """An entry came from the bus."""
        if self.version is None or entry.version > self.version:
            self.waiting[entry.version] = entry
            self.known_head = max(self.known_head, entry.version)

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
        self.ring.append(entry)

    def jump(self, version: int, seq: int) -> None:
        """A repair has delivered everything up to here, without its entries."""
        self.ring.clear()
        self.start(version, seq)
        self.known_head = max([version, *self.waiting])  # the store has spoken: older rumours are void

    def after(self, version: int) -> list[LogEntry] | None:
        """Applied entries above `version`; None if the ring does not reach that far back."""
        entries = [entry for entry in self.ring if entry.version > version]
        return entries if self.version is not None and len(entries) == self.version - version else None

    def reached(self) -> list[tuple[Connection, int]]:
        """Take out the parked sockets that may join now."""
        version = self.version or 0
        arrived = [place for place in self.parked if place[1] <= version]
        if arrived:
            self.parked = [place for place in self.parked if place[1] > version]
        return arrived

    @property
    def parked_at(self) -> int | None:
        """The nearest version at which a parked socket joins."""
        return min((head for _, head in self.parked), default=None)

    @property
    def behind(self) -> bool:
        """Whether something is known to exist that is not here to be applied."""
        return self.version is not None and self.known_head > self.version and self.next() is None
