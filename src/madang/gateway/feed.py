"""The feed: follows the logs of conversations on this node and keeps their order.

Owns the live logs, who is attached to which, and when what is applied. The bus is a hint: what it brings is applied
strictly in order, what it failed to bring is read from the store. Must never wait for a client.

Invariants:
1. A membership entry changes the room before anything after it is delivered, so removal is exact.
2. Work is a ready list of conversations served in turn; one turn of the loop spends at most `TURN_SECONDS` on it.
3. A conversation is followed exactly as long as somebody here is attached or attaching.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog

from madang.clock import Clock
from madang.domain.conversation import LARGE_ROOM
from madang.gateway.connection import Connection
from madang.gateway.delivery import CHUNK_BYTES, Delivery
from madang.gateway.live_log import LiveLog, Parked
from madang.gateway.repair import Repair
from madang.ports.bus import Bus, LogAppended, LogEntry, conversation_channel
from madang.ports.sync import Place
from madang.tasks import TaskSupervisor

__all__ = ["Feed"]

TURN_SECONDS: Final = 0.005
HOLD_SECONDS: Final = 0.1
"""How long a hole may stay before the store is asked: nodes commit in parallel, so order across them can slip."""

_log = structlog.get_logger(__name__)


class Feed:
    """Follows conversations and has their entries delivered."""

    def __init__(self, *, delivery: Delivery, bus: Bus, repair: Repair, clock: Clock, tasks: TaskSupervisor) -> None:
        self._delivery = delivery
        self._bus = bus
        self._repair = repair
        self._clock = clock
        self._tasks = tasks
        self._live: dict[str, LiveLog] = {}
        self._ready: deque[LiveLog] = deque()
        self._draining = False
        self.subscriptions = 0
        """How often the bus has been asked for more, and is heard."""

    def __len__(self) -> int:
        """Conversations followed."""
        return len(self._live)

    async def hold(self, conversation_ids: Sequence[str]) -> None:
        """Follow these conversations until `release`; returns when the bus is heard for all of them.

        Each hold needs its own `release`, also when this raises or is cancelled.
        """
        fresh: list[LiveLog] = []
        others: list[asyncio.Future[None]] = []
        for conversation_id in conversation_ids:
            live = self._live.get(conversation_id)
            if live is None:
                live = LiveLog(conversation_id, asyncio.get_running_loop().create_future())
                self._live[conversation_id] = live
                fresh.append(live)
            elif not live.subscribed.done() or live.subscribed.exception() is not None:
                others.append(live.subscribed)
            live.holds += 1
        if fresh:
            # shielded: others may be waiting for the same subscriptions when this caller gives up
            await asyncio.shield(self._tasks.start(self._subscribe(fresh), "subscribe"))
        for subscribed in others:
            await asyncio.shield(subscribed)

    def release(self, conversation_ids: Iterable[str]) -> None:
        """Give holds back."""
        for conversation_id in conversation_ids:
            live = self._live[conversation_id]
            live.release()
            self._drop_if_unused(live)

    def heard_since(self, conversation_id: str, subscriptions: int) -> bool:
        """Whether a conversation that is held was heard of already when there were so many subscriptions: then nothing that
        was committed since has gone by unheard.
        """
        heard = self._live[conversation_id].heard
        return heard is not None and heard <= subscriptions

    def connects(self, connection: Connection, place: Place) -> bool:
        """Whether what was delivered here goes on from a state that was read while the conversation was held. If not,
        it must be read again: more than a ring was applied since, or the membership in it is over.
        """
        if connection.attached.get(place.conversation_id, 0) > place.visible_from_seq:
            return False
        live = self._live[place.conversation_id]
        if live.version is None or live.version <= place.version:
            return True
        missed = live.after(place.version)
        return missed is not None and not any(connection.user_id in entry.removed for entry in missed)

    def join(self, connection: Connection, place: Place) -> None:
        """Deliver everything after a state to a socket that has just been shown it.

        Does not await: the answer with that state and this call belong to one step. The conversation must be held. A
        socket that is attached already gets again what followed that state; one that was shown an older membership goes
        on with this one.
        """
        if connection.ended:
            return
        if not self.connects(connection, place):
            connection.socket.close_engine(
                1013, "fell behind while attaching"
            )  # the client comes back to a newer state
            return
        live = self._live[place.conversation_id]
        if live.version is None:
            live.start(place.version, place.seq, place.member_count)
        live.known_head = max(live.known_head, place.version)
        if not self._has_it(live, connection, place):
            if place.conversation_id in connection.attached:
                self._delivery.leave(live, connection)
            self._attach(live, connection, place)
        self._make_ready(live)

    def dismiss(self, connection: Connection, conversation_id: str) -> None:
        """Take an attached socket out of a conversation and tell it."""
        self._delivery.dismiss(self._live[conversation_id], connection, "removed")

    def detach_all(self, connection: Connection) -> None:
        """The socket has ended; its rooms are left by the engine."""
        for conversation_id in connection.attached:
            live = self._live[conversation_id]
            live.leave(connection)
            self._drop_if_unused(live)
        connection.attached = {}

    def delivered(self, connection: Connection, conversation_id: str) -> int | None:
        """The seq of the newest message a socket was shown; None if it is not attached to the conversation."""
        if conversation_id not in connection.attached:
            return None
        live = self._live[conversation_id]
        parked = live.parked_place(connection)
        return live.seq if parked is None else parked.seq

    def is_large(self, conversation_id: str) -> bool:
        """Whether a conversation that is followed has more members than are told of everything."""
        live = self._live.get(conversation_id)
        return live is not None and live.members > LARGE_ROOM

    def followed(self) -> list[str]:
        """Conversations with somebody attached."""
        return [conversation_id for conversation_id, live in self._live.items() if live.sockets]

    def told(self, heads: Mapping[str, int]) -> None:
        """The store has these heads: whatever is behind them, and stays so for a moment, is repaired."""
        for conversation_id, version in heads.items():
            live = self._live.get(conversation_id)
            if live is not None and live.version is not None and live.version < version:
                live.known_head = max(live.known_head, version)
                self._make_ready(live)

    def arrived(self, appended: LogAppended) -> None:
        """The bus brought new versions of a conversation."""
        live = self._live.get(appended.conversation_id)
        if live is None:
            return
        for entry in appended.entries:
            live.arrive(entry)
        self._make_ready(live)

    async def _subscribe(self, fresh: list[LiveLog]) -> None:
        channels = [conversation_channel(live.conversation_id) for live in fresh]
        try:
            await self._bus.subscribe(channels)
        except BaseException as error:
            for live in fresh:
                live.subscribed.set_exception(error)
                live.subscribed.exception()  # nobody else may have been waiting, and that is no defect
            raise
        else:
            self.subscriptions += 1
            for live in fresh:
                live.heard = self.subscriptions
                live.subscribed.set_result(None)
        finally:
            for live in fresh:
                if self._live.get(live.conversation_id) is not live:  # whoever wanted it has gone meanwhile
                    self._bus.unsubscribe([conversation_channel(live.conversation_id)])

    def _drop_if_unused(self, live: LiveLog) -> None:
        if not live.unused or self._live.get(live.conversation_id) is not live:
            return
        del self._live[live.conversation_id]
        if live.repair_at is not None:
            live.repair_at.cancel()
        if live.subscribed.done():  # else it is given back when it has been got
            self._bus.unsubscribe([conversation_channel(live.conversation_id)])

    @staticmethod
    def _has_it(live: LiveLog, connection: Connection, place: Place) -> bool:
        """Whether a socket is attached under this membership and has got, or will get, everything after this state."""
        if connection.attached.get(place.conversation_id) != place.visible_from_seq:
            return False
        parked = live.parked_place(connection)
        return ((live.version or 0) if parked is None else parked.version) <= place.version

    def _attach(self, live: LiveLog, connection: Connection, place: Place) -> None:
        connection.attached[live.conversation_id] = place.visible_from_seq
        live.sockets += 1
        if (live.version or 0) < place.version:
            live.parked.append(Parked(connection, place.version, place.seq))
            return
        self._delivery.replay(live, connection, live.after(place.version) or ())
        self._delivery.enter(live, connection)

    def _make_ready(self, live: LiveLog) -> None:
        if live.ready:
            return
        live.ready = True
        self._ready.append(live)
        if not self._draining:
            self._draining = True
            asyncio.get_running_loop().call_soon(self._drain)

    def _drain(self) -> None:
        turn_ends = self._clock.monotonic() + TURN_SECONDS
        while self._ready:
            live = self._ready.popleft()
            live.ready = False
            try:
                self._advance(live)
            except Exception:  # noqa: BLE001  # one conversation that cannot be delivered must not stop all others
                _log.exception("a conversation cannot be delivered", conversation_id=live.conversation_id)
                self._delivery.give_up(live)
            if self._clock.monotonic() > turn_ends:
                break
        self._draining = bool(self._ready)
        if self._draining:
            asyncio.get_running_loop().call_soon(self._drain)

    def _advance(self, live: LiveLog) -> None:
        """Apply one chunk of what is next, then stand in line again."""
        entries: list[LogEntry] = []
        size = 0
        joins_at = live.parked_at
        while size < CHUNK_BYTES:
            entry = live.next()
            if entry is None or (entries and entry.removed):
                break
            for user_id in entry.removed:
                self._delivery.remove(live, user_id, entry.removed_reason, entry.version)
            live.apply(entry)
            entries.append(entry)
            size += len(entry.payload)
            if entry.version == joins_at:
                break
        self._delivery.hand_out(live, entries)
        for connection in live.reached():
            self._delivery.enter(live, connection)
        if live.next() is not None:
            self._make_ready(live)
        elif live.behind and live.repair_at is None and not live.repairing:
            live.repair_at = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._repair_if_behind, live)
        self._drop_if_unused(live)

    def _repair_if_behind(self, live: LiveLog) -> None:
        live.repair_at = None
        if live.behind and not live.repairing and self._live.get(live.conversation_id) is live:
            live.repairing = True
            self._tasks.start(self._run_repair(live), "repair")

    async def _run_repair(self, live: LiveLog) -> None:
        try:
            await self._repair.run(live)
        finally:
            live.repairing = False
            self._drop_if_unused(live)
            self._make_ready(live)
