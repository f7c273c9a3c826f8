"""What waits for one lane of the log: entries per conversation, in order.

Owns what may share a batch, and whose turn it is. Must never decide anything about an entry, nor wait.

Invariants:
1. Entries of a conversation leave in the order in which they came; what was put back goes first.
2. A batch holds, of each conversation, the longest run of plain sends or exactly one other change, within its quota.
3. A conversation that waits alone (`set_aside`) is in no batch until it is `released`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from madang.errors import MadangError
from madang.ports.log import EditMessage, Entry, NewMessage, Verdict

__all__ = ["BATCH_ENTRIES", "CONVERSATION_BYTES", "CONVERSATION_ENTRIES", "CommitQueue", "Queued", "Settle"]

BATCH_ENTRIES: Final = 1_000
CONVERSATION_ENTRIES: Final = 256
CONVERSATION_BYTES: Final = 128 * 1024
"""Content of one conversation in one batch; the frames of a batch are joined into one object per room."""
SKIPS: Final = 3
"""How often a conversation that another writer holds is left for the next batch before it waits alone."""

Settle = Callable[[Verdict | MadangError, bytes], None]
"""Gets the verdict and its message's JSON (else empty): encoded once for the ack and, where it is the same, for everybody
else.
"""

_log = structlog.get_logger(__name__)


def _size(entry: Entry) -> int:
    """Bytes of a message's content; nothing for other changes."""
    if not isinstance(entry, NewMessage | EditMessage):
        return 0
    return len(entry.content) if entry.content.isascii() else len(entry.content.encode())


class Queued:
    """An entry on its way, and who waits for it."""

    __slots__ = ("entry", "settle", "since", "size")

    def __init__(self, entry: Entry, settle: Settle | None, since: float) -> None:
        self.entry = entry
        self.settle = settle
        self.since = since
        self.size = _size(entry)

    def answer(self, outcome: Verdict | MadangError, payload: bytes) -> None:
        """Tell who waits, once; a second answer is dropped."""
        if self.settle is None:
            return
        settle, self.settle = self.settle, None
        try:
            settle(outcome, payload)
        except Exception:  # noqa: BLE001  # one answer that fails must not keep the others, and the news, from going out
            _log.exception("an answer failed", conversation_id=self.entry.conversation_id)


class CommitQueue:
    """What waits for one lane: a run of entries per conversation, served in turn."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Queued]] = {}
        self._skips: dict[str, int] = {}
        self._aside: dict[str, list[Queued]] = {}
        self._alone: set[str] = set()
        self.entries = 0
        self.size = 0

    def put(self, queued: Queued) -> None:
        """An entry that has just come."""
        self._waiting.setdefault(queued.entry.conversation_id, deque()).append(queued)
        self._count(1, queued.size)

    def oldest(self, conversation_id: str) -> float | None:
        """Since when the first entry of a conversation waits."""
        run = self._waiting.get(conversation_id)
        return run[0].since if run else None

    def take(self) -> list[Queued]:
        """The next batch; empty if there is nothing, or nothing but what waits alone."""
        batch: list[Queued] = []
        for conversation_id in list(self._waiting):
            if conversation_id in self._alone:
                continue
            run = self._waiting.pop(conversation_id)
            self._take_run(run, batch)
            if run:
                self._waiting[conversation_id] = run  # goes to the back: round robin
            if len(batch) >= BATCH_ENTRIES:
                break
        self._count(-len(batch), -sum(queued.size for queued in batch))
        return batch

    def put_back(self, run: Sequence[Queued]) -> None:
        """What a batch held of one conversation, all of it undecided: first in the next batch, or set aside if that has
        been tried often enough.
        """
        conversation_id = run[0].entry.conversation_id
        skips = self._skips[conversation_id] = self._skips.get(conversation_id, 0) + 1
        if skips >= SKIPS:
            del self._skips[conversation_id]
            self._alone.add(conversation_id)
            self._aside[conversation_id] = list(run)
            return
        self._waiting.setdefault(conversation_id, deque()).extendleft(reversed(run))
        self._count(len(run), sum(queued.size for queued in run))

    def decided(self, conversation_id: str) -> None:
        """The conversation was not held this time."""
        self._skips.pop(conversation_id, None)

    def set_aside(self) -> list[list[Queued]]:
        """What is to wait alone from now on, each conversation by itself, until it is `released`."""
        runs, self._aside = list(self._aside.values()), {}
        return runs

    def released(self, conversation_id: str) -> None:
        """It is decided; what came meanwhile may be taken."""
        self._alone.discard(conversation_id)

    def _count(self, entries: int, size: int) -> None:
        self.entries += entries
        self.size += size

    @staticmethod
    def _take_run(run: deque[Queued], batch: list[Queued]) -> None:
        first = run.popleft()
        batch.append(first)
        if not isinstance(first.entry, NewMessage):
            return
        size, taken = first.size, 1
        while run and taken < CONVERSATION_ENTRIES and len(batch) < BATCH_ENTRIES:
            if not isinstance(run[0].entry, NewMessage):
                return
            size += run[0].size
            if size > CONVERSATION_BYTES:
                return
            batch.append(run.popleft())
            taken += 1
