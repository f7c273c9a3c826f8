"""The queue in this process, for tests of what stands on it.

It forgets everything with the process, so an ack of `accepted` over it would promise nothing: a server never uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from madang.clock import Clock
from madang.ports.log import NewMessage
from madang.ports.queue import (
    LEASE_SECONDS,
    SHARDS,
    Lease,
    LeaseLost,
    QueueStats,
    Settled,
    Taken,
    shard_of,
)

__all__ = ["MemoryQueue"]

_encode = msgspec.msgpack.Encoder().encode


class _Shard:
    def __init__(self) -> None:
        self.entries: dict[int, tuple[float, Taken]] = {}
        """By position, with the time of their coming."""
        self.size = 0
        self.lease: Lease | None = None
        self.until = 0.0
        self.taken = 0
        """Position up to which the owner has taken."""


class MemoryQueue:
    """The port `MessageQueue` in memory.

    Args:
        entries: most of a shard.
        size: most bytes of a shard.
    """

    def __init__(self, clock: Clock, *, entries: int = 10_000, size: int = 16 * 1024 * 1024) -> None:
        self._clock = clock
        self._most_entries = entries
        self._most_size = size
        self._shards = [_Shard() for _ in range(SHARDS)]
        self._workers: dict[str, float] = {}
        self._ready: Callable[[int], None] | None = None
        self._position = 0
        self._tokens = 0
        self.dead_letters: list[Settled] = []

    @property
    def promise(self) -> str:
        return "it is in memory only: what it has accepted ends with this process"

    async def start(self) -> None:
        return

    async def close(self) -> None:
        return

    def stats(self) -> QueueStats:
        times = [since for shard in self._shards for since, _ in shard.entries.values()]
        return QueueStats(
            entries=len(times),
            size=sum(shard.size for shard in self._shards),
            oldest_seconds=self._clock.monotonic() - min(times) if times else 0.0,
            dead_letters=len(self.dead_letters),
        )

    async def append(self, messages: Sequence[NewMessage]) -> list[bool]:
        full: set[int] = set()
        return [self._append(message, full) for message in messages]

    def _append(self, message: NewMessage, full: set[int]) -> bool:
        number, body = shard_of(message.conversation_id), _encode(message)
        shard = self._shards[number]
        if len(shard.entries) >= self._most_entries or shard.size + len(body) > self._most_size:
            full.add(number)
        if number in full:
            return False
        self._position += 1
        taken = Taken(position=str(self._position), body=body, message=message)
        shard.entries[self._position] = (self._clock.monotonic(), taken)
        shard.size += len(body)
        if len(shard.entries) == 1 and self._ready is not None:
            self._ready(number)
        return True

    async def waiting(self, conversation_id: str, message_id: str) -> bool:
        kept = self._shards[shard_of(conversation_id)].entries.values()
        return any(
            taken.message is not None and taken.message.id == message_id for _, taken in kept
        )  # of a conversation: ids of messages are new in theirs

    def listen(self, ready: Callable[[int], None]) -> None:
        self._ready = ready

    async def attend(self, worker: str) -> int:
        now = self._clock.monotonic()
        self._workers[worker] = now + LEASE_SECONDS
        self._workers = {name: until for name, until in self._workers.items() if until > now}
        return len(self._workers)

    async def acquire(self, shard: int, worker: str) -> Lease | None:
        here = self._shards[shard]
        if here.lease is not None and here.until > self._clock.monotonic():
            return None
        self._tokens += 1
        here.lease, here.taken = Lease(shard, f"{self._tokens}:{worker}"), 0
        here.until = self._clock.monotonic() + LEASE_SECONDS
        return here.lease

    async def renew(self, leases: Sequence[Lease]) -> list[bool]:
        held = [self._holds(lease) for lease in leases]
        for lease, holds in zip(leases, held, strict=True):
            if holds:
                self._shards[lease.shard].until = self._clock.monotonic() + LEASE_SECONDS
        return held

    async def release(self, lease: Lease) -> None:
        if self._holds(lease):
            self._shards[lease.shard].lease = None

    async def take(self, lease: Lease, limit: int) -> list[Taken]:
        shard = self._owned(lease)
        found = [taken for position, (_, taken) in shard.entries.items() if position > shard.taken][:limit]
        if found:
            shard.taken = int(found[-1].position)
        return found

    async def settle(self, lease: Lease, settled: Sequence[Settled]) -> None:
        shard = self._owned(lease)
        for each in settled:
            if shard.entries.pop(int(each.taken.position), None) is not None:
                shard.size -= len(each.taken.body)
                if each.reason:
                    self.dead_letters.append(each)

    def _holds(self, lease: Lease) -> bool:
        shard = self._shards[lease.shard]
        return shard.lease == lease and shard.until > self._clock.monotonic()

    def _owned(self, lease: Lease) -> _Shard:
        if not self._holds(lease):
            raise LeaseLost(f"shard {lease.shard}")
        return self._shards[lease.shard]
