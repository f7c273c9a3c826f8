"""The worker: takes accepted messages from the queue and has the log store them.

Owns which shards this worker has, the loop of each, and what their senders are told in the end. Must never decide whether a
message may be stored (the log does, under its lock), and never remove one from the queue that is not decided.

Invariants:
1. A shard has one batch at work. The next is taken when every entry of it is decided and settled, so the order of a
   conversation is that of the queue, whatever fails in between.
2. What is undecided (the store is away, full, or the conversation held) is tried again as it was. Ids make twice once.
3. An entry leaves the queue after its commit and after everybody was told, never before: a worker that dies at any point
   leaves it to the next owner.
4. Nothing is given to the store under a lease that may have lapsed.
5. Workers share the shards: nobody keeps more than an equal part while others are there.

A worker that stood still for longer than its lease, in the instant between looking at it and asking the store, stores its
batch beside the new owner's. Both have the same entries in the same order, so each is stored once and in its place; what the
new owner has rejected meanwhile, because its sender had left, is stored if they are back.

    FREE -> OWNED [acquired]    OWNED -> LEAVING [above the share; the lease may have lapsed; closing]    LEAVING -> FREE
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from math import ceil
from typing import Final

import msgspec
import structlog

from madang.clock import Clock
from madang.contract.server_events import MessageRejected
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.bus import Bus, UserNotice, user_channel
from madang.ports.log import ConversationLog, NewMessage, Outcome, Verdict
from madang.ports.queue import LEASE_SECONDS, SHARDS, Lease, LeaseLost, MessageQueue, Settled, Taken
from madang.services.messages import stored
from madang.services.news import News
from madang.tasks import TaskSupervisor

__all__ = ["QueueWorker", "WorkerStats"]

TAKE_ENTRIES: Final = 256
TEND_SECONDS: Final = 1.0
"""Between two looks at the leases; several to the time of a lease."""
LOOK_SECONDS: Final = 1.0
"""After this an idle shard is looked at though nobody said that it has something."""
FIRST_PAUSE: Final = 0.05
LAST_PAUSE: Final = 2.0
"""Seconds before what is undecided is tried again, doubling from the first to the last."""
TRIES: Final = 10
"""How often a single entry that meets a defect is tried before it becomes a dead letter and lets others pass."""
NEWS_BYTES: Final = 128 * 1024
"""Of messages that are told in one publication."""

_UNDECIDED: Final = frozenset({Outcome.BUSY, Outcome.STORAGE_FULL})
_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode

Decision = Verdict | MadangError
"""What is final of one message: the log's verdict, or that it meets a defect."""


class WorkerStats(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to count."""

    shards: int
    """Owned now."""
    stored: int
    rejected: int


class _Owned:
    """A shard of this worker."""

    def __init__(self, lease: Lease, until: float) -> None:
        self.lease = lease
        self.until = until
        """When the lease may have lapsed, by this process' clock."""
        self.leaving = False
        self.ready = asyncio.Event()

    def leave(self) -> None:
        """Take no further batch."""
        self.leaving = True
        self.ready.set()


class QueueWorker:
    """One worker; any number of them may run.

    Args:
        lanes: batches given to the log side by side.
    """

    def __init__(
        self,
        queue: MessageQueue,
        log: ConversationLog,
        bus: Bus,
        clock: Clock,
        tasks: TaskSupervisor,
        *,
        lanes: int = 1,
    ) -> None:
        self._queue = queue
        self._log = log
        self._bus = bus
        self._clock = clock
        self._tasks = tasks
        self._name = new_id()
        self._lanes = asyncio.Semaphore(lanes)
        self._owned: dict[int, _Owned] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._tending: asyncio.Task[None] | None = None
        self._attended = -LEASE_SECONDS
        """When the queue has last answered."""
        self._stored = 0
        self._rejected = 0

    def start(self) -> None:
        """Begin to take."""
        self._queue.listen(self._is_ready)
        self._tending = self._tasks.start(self._tend(), "queue worker")

    async def close(self) -> None:
        """Store what was taken, give the shards to others. Safe to call twice; cancelling leaves them to lapse."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.wait([self._tending])
        for owned in self._owned.values():
            owned.leave()
        while self._serving:
            await asyncio.wait(self._serving)

    @property
    def attending(self) -> bool:
        """Whether the queue answers; then this worker has its part of the shards, or others have them all."""
        return self._clock.monotonic() - self._attended < LEASE_SECONDS

    def stats(self) -> WorkerStats:
        return WorkerStats(shards=len(self._owned), stored=self._stored, rejected=self._rejected)

    # ---------------------------------------------------------------------------------------- which shards

    def _is_ready(self, shard: int) -> None:
        owned = self._owned.get(shard)
        if owned is not None:
            owned.ready.set()

    async def _tend(self) -> None:
        while True:
            with suppress(MadangError):  # the queue has said that it is away; leases lapse by themselves
                await self._renew()
                workers = await self._queue.attend(self._name)
                self._attended = self._clock.monotonic()
                await self._share(ceil(SHARDS / workers))
            for owned in self._owned.values():
                if self._lapsed(owned):
                    owned.leave()
            await asyncio.sleep(TEND_SECONDS)

    async def _renew(self) -> None:
        before, owned = self._clock.monotonic(), [each for each in self._owned.values() if not each.leaving]
        for each, held in zip(owned, await self._queue.renew([each.lease for each in owned]), strict=True):
            if held:
                each.until = before + LEASE_SECONDS
            else:
                each.leave()

    async def _share(self, share: int) -> None:
        for owned in list(self._owned.values())[share:]:
            owned.leave()
        free = [shard for shard in range(SHARDS) if shard not in self._owned]
        random.shuffle(free)  # workers that start together do not all ask for the same ones
        for shard in free:
            if len(self._owned) >= share:
                return
            before = self._clock.monotonic()
            lease = await self._queue.acquire(shard, self._name)
            if lease is not None:
                owned = self._owned[shard] = _Owned(lease, before + LEASE_SECONDS)
                serving = self._tasks.start(self._serve(owned), "a shard of the queue")
                self._serving.add(serving)
                serving.add_done_callback(self._serving.discard)

    def _lapsed(self, owned: _Owned) -> bool:
        return self._clock.monotonic() >= owned.until

    # ------------------------------------------------------------------------------------------- one shard

    async def _serve(self, owned: _Owned) -> None:
        try:
            while not owned.leaving:
                owned.ready.clear()
                if not await self._serve_once(owned) and not owned.leaving:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(owned.ready.wait(), LOOK_SECONDS)
        except LeaseLost:
            _log.warning("a shard of the queue is left with messages to store", shard=owned.lease.shard)
        finally:
            del self._owned[owned.lease.shard]
            with suppress(MadangError):  # else it lapses
                await self._queue.release(owned.lease)

    async def _serve_once(self, owned: _Owned) -> bool:
        """Take what has come and have it stored; whether there was anything."""
        async with self._lanes:  # taken when there is a lane for it, so that a busy worker has larger batches
            try:
                batch = await self._queue.take(owned.lease, TAKE_ENTRIES)
            except MadangError:
                return False
            decided = await self._decide(owned, [taken.message for taken in batch if taken.message is not None])
        if batch:
            await self._settle(owned, await self._tell(batch, decided))
        return bool(batch)

    async def _decide(self, owned: _Owned, messages: Sequence[NewMessage]) -> list[Decision]:
        """What becomes of each message; as long as it takes, unless the shard is left.

        Raises:
            LeaseLost: the lease may have lapsed, or the shard is left; what was not decided is the next owner's.
        """
        decided: dict[int, Decision] = {}
        pause, tries = FIRST_PAUSE, 0
        while places := [place for place in range(len(messages)) if place not in decided]:
            if self._lapsed(owned) or (owned.leaving and tries):  # whoever comes next tries again as well as we
                raise LeaseLost(f"shard {owned.lease.shard}")
            try:
                verdicts = await self._attempt([messages[place] for place in places], wait=tries > 0)
                decided |= {place: each for place, each in zip(places, verdicts, strict=True) if each is not None}
            except Exception:  # noqa: BLE001  # one message that meets a defect must not hold back its shard for ever
                _log.exception("accepted messages meet a defect", shard=owned.lease.shard, entries=len(places))
                if len(messages) > 1:
                    decided |= {place: await self._decide_alone(owned, messages[place]) for place in places}
                elif tries >= TRIES:
                    return [MadangError(ErrorCode.UNAVAILABLE, "this is a defect of the server; it has been logged")]
            if len(decided) < len(messages):
                await asyncio.sleep(pause)
                pause, tries = min(2 * pause, LAST_PAUSE), tries + 1
        return [decided[place] for place in range(len(messages))]

    async def _decide_alone(self, owned: _Owned, message: NewMessage) -> Decision:
        return (await self._decide(owned, [message]))[0]

    async def _attempt(self, messages: Sequence[NewMessage], *, wait: bool) -> list[Verdict | None]:
        """The log's verdicts; None for what it leaves undecided."""
        try:
            verdicts = await self._log.append(messages, self._clock.now(), wait=wait)
        except MadangError as error:
            _log.warning("accepted messages cannot be stored yet", entries=len(messages), reason=error.reason)
            return [None] * len(messages)
        return [None if verdict.outcome in _UNDECIDED else verdict for verdict in verdicts]

    async def _tell(self, batch: Sequence[Taken], decided: Sequence[Decision]) -> list[Settled]:
        """Tell the rooms and the senders; what is to be settled, and as what."""
        news, size, settled = News(self._bus), 0, list[Settled]()
        notices: list[tuple[str, UserNotice]] = []
        decisions = iter(decided)
        for taken in batch:
            message = taken.message
            if message is None:
                _log.error("an entry of the queue cannot be read", position=taken.position)
                settled.append(Settled(taken, "unreadable"))
                continue
            decision = next(decisions)
            try:
                if isinstance(decision, MadangError):
                    raise decision
                payload = news.add(stored(decision))
            except MadangError as error:
                self._rejected += 1
                _log.warning("an accepted message is rejected", error=error.code, position=taken.position)
                settled.append(Settled(taken, error.code))
                notices.append(_rejected(message, error))
            else:
                self._stored += 1
                size += len(payload)
                settled.append(Settled(taken))
                notices.append(_persisted(message, payload))
            if size > NEWS_BYTES:
                self._publish(news, notices)
                size = 0
                await asyncio.sleep(0)
        self._publish(news, notices)
        return settled

    def _publish(self, news: News, notices: list[tuple[str, UserNotice]]) -> None:
        news.publish()
        for channel, notice in notices:
            self._bus.publish(channel, notice)
        notices.clear()

    async def _settle(self, owned: _Owned, settled: Sequence[Settled]) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._queue.settle(owned.lease, settled)
            except MadangError:
                if self._lapsed(owned):
                    raise LeaseLost(f"shard {owned.lease.shard}") from None
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_PAUSE)
            else:
                return


def _persisted(message: NewMessage, payload: bytes) -> tuple[str, UserNotice]:
    body = b'{"tempId":"%b","message":%b}' % (message.id.encode(), payload)
    return _to_sender(message, "message:persisted", body)


def _rejected(message: NewMessage, error: MadangError) -> tuple[str, UserNotice]:
    told = MessageRejected(
        temp_id=message.id, conversation_id=message.conversation_id, error=error.code, reason=error.reason
    )
    return _to_sender(message, "message:rejected", _encode(told))


def _to_sender(message: NewMessage, event: str, payload: bytes) -> tuple[str, UserNotice]:
    return user_channel(message.sender_id), UserNotice(user_id=message.sender_id, event=event, payload=payload)
