"""The queue of accepted messages: what stands between an ack of `level: "accepted"` and the log.

Vocabulary: a *shard* is a part of the queue with an order of its own; a conversation is always in the same. A *lease* makes
one worker the owner of a shard for a while; its token fences off whoever owned it before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol
from zlib import crc32

from msgspec import Struct

from madang.ports.log import NewMessage

__all__ = [
    "LEASE_SECONDS",
    "SHARDS",
    "Accepted",
    "Lease",
    "LeaseLost",
    "MessageQueue",
    "QueueStats",
    "Settled",
    "Taken",
    "shard_of",
]

SHARDS: Final = 16
"""For good: another number would put conversations elsewhere while messages of theirs still wait."""
LEASE_SECONDS: Final = 5.0
"""How long a lease lasts that is not renewed; after a crash its shards stand still for so long at most."""


def shard_of(conversation_id: str) -> int:
    """Where a conversation's messages wait."""
    return crc32(conversation_id.encode()) % SHARDS


class LeaseLost(Exception):  # noqa: N818  # named after what happened, as the others of the house
    """The shard has another owner, or none: nothing may be done with it under this lease any more."""


class Accepted(Struct, frozen=True):
    """A message is in the queue, under the id that it will have in the log."""

    temp_id: str


class Lease(Struct, frozen=True):
    """The right to take from one shard and to settle what was taken."""

    shard: int
    token: str
    """Higher than that of every owner before; no two are equal."""


class Taken(Struct, frozen=True, kw_only=True):
    """One entry of a shard."""

    position: str
    """Where it stands in the shard; rises."""
    body: bytes
    """As it is kept."""
    message: NewMessage | None
    """None: it cannot be read, and never will be."""


class Settled(Struct, frozen=True):
    """What became of an entry: stored, or, with a reason, a dead letter."""

    taken: Taken
    reason: str = ""


class QueueStats(Struct, frozen=True, kw_only=True):
    """How the queue stood a moment ago, all shards together."""

    entries: int = 0
    """Accepted and not yet settled."""
    size: int = 0
    """Bytes of them."""
    oldest_seconds: float = 0.0
    """How long the oldest of them has waited."""
    dead_letters: int = 0
    """Kept for the operator."""


class MessageQueue(Protocol):
    """Keeps accepted messages in order until a worker has stored them.

    Guarantees:
    1. What `append` says is accepted is kept until it is settled, as durably as `promise` says.
    2. A conversation's messages are taken in the order in which they were appended. What was taken and not settled is
       taken again by the next owner of the shard, before anything newer; what a `take` that raised may have taken, by the
       next `take`.
    3. A shard has one owner at a time. After its lease has ended, `take` and `settle` of the former owner raise
       `LeaseLost` and change nothing.
    4. Settling is one step: an entry is gone from the shard, and a dead letter kept, or neither.

    Every call may raise `MadangError(try_again)` if the queue cannot be reached; then nothing is known of its outcome.
    Repeating it is always safe: an entry that is there twice is stored once, because the log knows its id.
    """

    async def start(self) -> None:
        """Connect.

        Raises:
            SettingsError: with a sentence for the operator: nobody answers, or it cannot do what is asked.
        """
        ...

    async def close(self) -> None:
        """Let go of everything. Safe to call twice."""
        ...

    @property
    def promise(self) -> str:
        """A sentence for the operator: what a crash of the queue does to what it has accepted."""
        ...

    def stats(self) -> QueueStats:
        """How it stood a few seconds ago at most. Does not wait."""
        ...

    async def append(self, messages: Sequence[NewMessage]) -> list[bool]:
        """Keep a batch; whether each is accepted. Those that a full shard refuses are not kept, and nothing that comes
        after them in the same shard.
        """
        ...

    async def waiting(self, conversation_id: str, message_id: str) -> bool:
        """Whether a message is accepted and not settled."""
        ...

    def listen(self, ready: Callable[[int], None]) -> None:
        """Have `ready` called with a shard that was empty and is no longer. A hint, which may be lost; set once."""
        ...

    async def attend(self, worker: str) -> int:
        """Say that a worker is there for the next `LEASE_SECONDS`; how many are."""
        ...

    async def acquire(self, shard: int, worker: str) -> Lease | None:
        """Become the owner for `LEASE_SECONDS`; None if somebody is."""
        ...

    async def renew(self, leases: Sequence[Lease]) -> list[bool]:
        """Make leases last `LEASE_SECONDS` from now; False for those that are lost."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give a lease back, if it is still held."""
        ...

    async def take(self, lease: Lease, limit: int) -> list[Taken]:
        """The next entries: what earlier owners left behind, then new ones. Each is taken once under one lease.

        Raises:
            LeaseLost: see there.
        """
        ...

    async def settle(self, lease: Lease, settled: Sequence[Settled]) -> None:
        """Remove entries that were taken, and keep the dead letters among them.

        Raises:
            LeaseLost: see there.
        """
        ...
