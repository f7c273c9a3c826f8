"""The feed: delivers the logs of conversations to the sockets of this node.

Owns the live logs, who is attached to which, and the order of everything versioned. The bus is a hint: what it brings
is applied strictly in order, what it failed to bring is read from the store. Must never wait for a client.

Invariants:
1. A membership entry changes the room before anything after it is delivered, so removal is exact.
2. Work is a ready list of conversations served in turn; one turn of the loop spends at most `TURN_SECONDS` on it.
3. A conversation is followed exactly as long as somebody here is attached or attaching.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from madang.clock import Clock
from madang.contract.server_events import ConversationRemoved, RemovedReason
from madang.errors import MadangError
from madang.gateway.connection import Connection, Connections
from madang.gateway.live_log import LiveLog
from madang.gateway.packets import event_packet, one_event
from madang.gateway.repair import Repair
from madang.ports.bus import Bus, LogAppended, LogEntry, conversation_channel
from madang.socketio import EventPacket, Frames, Namespace
from madang.tasks import TaskSupervisor

__all__ = ["Feed"]

TURN_SECONDS: Final = 0.005
CHUNK_BYTES: Final = 128 * 1024
"""Frames of one conversation joined into one object."""
HOLD_SECONDS: Final = 0.1
"""How long a hole may stay before the store is asked: nodes commit in parallel, so order across them can slip."""

_encode = msgspec.json.Encoder().encode


class Feed:
    """Follows conversations and hands their entries to rooms."""

    def __init__(
        self,
        *,
        namespace: Namespace,
        connections: Connections,
        bus: Bus,
        repair: Repair,
        clock: Clock,
        tasks: TaskSupervisor,
    ) -> None:
        self._namespace = namespace
        self._connections = connections
        self._bus = bus
        self._repair = repair
        self._clock = clock
        self._tasks = tasks
        self._live: dict[str, LiveLog] = {}
        self._ready: deque[LiveLog] = deque()
        self._draining = False

    def __len__(self) -> int:
        return len(self._live)

    async def hold(self, conversation_ids: Sequence[str]) -> None:
        """Follow these conversations until `release`; returns when the bus is heard for all of them.

        Each hold needs its own `release`, also when this raises or is cancelled.
        """
        fresh: list[LiveLog] = []
        waiting: list[asyncio.Future[None]] = []
        for conversation_id in conversation_ids:
            live = self._live.get(conversation_id)
            if live is None:
                live = LiveLog(conversation_id, asyncio.get_running_loop().create_future())
                self._live[conversation_id] = live
                fresh.append(live)
            elif not live.subscribed.done():
                waiting.append(live.subscribed)
            live.holds += 1
        if fresh:
            # shielded: others may be waiting for the same subscriptions when this caller gives up
            await asyncio.shield(self._tasks.start(self._subscribe(fresh), "subscribe"))
        for subscribed in waiting:
            await asyncio.shield(subscribed)

    def release(self, conversation_ids: Iterable[str]) -> None:
        """Give holds back."""
        for conversation_id in conversation_ids:
            live = self._live[conversation_id]
            live.holds -= 1
            self._drop_if_unused(live)

    def join(self, connection: Connection, conversation_id: str, version: int, seq: int, head: int) -> None:
        """Deliver everything after `version` to a socket that has just been shown the log up to there.

        Does not await: the answer with that state and this call belong to one step. The conversation must be held.

        Args:
            connection: the socket.
            conversation_id: what it was shown.
            version: the head the socket was shown.
            seq: the newest message of that state.
            head: the newest version known when the bus began to be heard.
        """
        if connection.ended or conversation_id in connection.attached:
            return
        live = self._live[conversation_id]
        connection.attached.add(conversation_id)
        if live.version is None:
            live.start(version, seq)
        live.known_head = max(live.known_head, version, head)
        self._join_at(live, connection, version)
        self._make_ready(live)

    def detach_all(self, connection: Connection) -> None:
        """The socket has ended; its rooms are left by the engine."""
        for conversation_id in connection.attached:
            live = self._live[conversation_id]
            live.sockets -= 1
            if live.parked:
                live.parked = [place for place in live.parked if place[0] is not connection]
            self._drop_if_unused(live)
        connection.attached = set()

    def delivered(self, connection: Connection, conversation_id: str) -> int | None:
        """The seq of the newest message handed to a socket; None if it is not attached to the conversation."""
        return self._live[conversation_id].seq if conversation_id in connection.attached else None

    def arrived(self, appended: LogAppended) -> None:
        """The bus brought new versions of a conversation."""
        live = self._live.get(appended.conversation_id)
        if live is None:
            return
        for entry in appended.entries:
            live.arrive(entry)
        self._make_ready(live)

    def deliver_rows(self, live: LiveLog, rows: Sequence[tuple[int, EventPacket]]) -> None:
        """Hand out what a repair has read: versions ascending, all above `live.version`."""
        for packets in _chunks([packet for _, packet in rows]):
            self._namespace.broadcast(live.room, Frames(packets))
        for connection, shown in live.parked:
            missed = [packet for version, packet in rows if version > shown]
            for packets in _chunks(missed):
                connection.socket.send(Frames(packets))

    def finish_repair(self, live: LiveLog, version: int, seq: int, notice: bytes | None) -> None:
        """The repair has brought the room to `version`; `notice` tells clients that they have everything."""
        live.jump(version, seq)
        for connection, _ in live.reached():
            connection.socket.join(live.room)
        if notice is not None:
            self._namespace.broadcast(live.room, one_event("conversation:version", notice))
        self._make_ready(live)

    def remove(self, live: LiveLog, user_id: str, reason: RemovedReason) -> None:
        """Take a person's sockets out of the room and tell them, after the last entry they may see."""
        notice = one_event(
            "conversation:removed",
            _encode(ConversationRemoved(conversation_id=live.conversation_id, reason=reason)),
        )
        for connection in self._connections.of(user_id):
            if live.conversation_id not in connection.attached:
                continue
            connection.attached.discard(live.conversation_id)
            connection.socket.leave(live.room)
            live.parked = [place for place in live.parked if place[0] is not connection]
            live.sockets -= 1
            connection.socket.send(notice)

    def present(self, live: LiveLog) -> set[str]:
        """The people whose sockets are attached to a conversation."""
        people = {socket.data.user_id for socket in self._namespace.members(live.room)}
        return people | {connection.user_id for connection, _ in live.parked}

    async def _subscribe(self, fresh: list[LiveLog]) -> None:
        try:
            await self._bus.subscribe([conversation_channel(live.conversation_id) for live in fresh])
        except MadangError as error:
            for live in fresh:
                live.subscribed.set_exception(error)
                live.subscribed.exception()  # nobody else may have been waiting, and that is no defect
            raise
        for live in fresh:
            live.subscribed.set_result(None)

    def _drop_if_unused(self, live: LiveLog) -> None:
        if not live.unused or self._live.get(live.conversation_id) is not live:
            return
        del self._live[live.conversation_id]
        if live.repair_at is not None:
            live.repair_at.cancel()
        self._bus.unsubscribe([conversation_channel(live.conversation_id)])

    def _join_at(self, live: LiveLog, connection: Connection, version: int) -> None:
        applied = live.version or 0
        live.sockets += 1
        if applied == version:
            connection.socket.join(live.room)
            return
        if applied < version:
            live.parked.append((connection, version))
            return
        missed = live.after(version)
        if missed is None or any(connection.user_id in entry.removed for entry in missed):
            # rare: more than a ring was applied, or they were removed, while the state was on its way. Let the client
            # come back and be shown the present state; that is always right.
            connection.socket.close_engine(1013, "fell behind while attaching")
            return
        for packets in _chunks([event_packet(entry.event, entry.payload) for entry in missed]):
            connection.socket.send(Frames(packets))
        connection.socket.join(live.room)

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
            self._advance(live)
            if self._clock.monotonic() > turn_ends:
                break
        self._draining = bool(self._ready)
        if self._draining:
            asyncio.get_running_loop().call_soon(self._drain)

    def _advance(self, live: LiveLog) -> None:
        """Apply one chunk of what is next, then stand in line again."""
        packets: list[EventPacket] = []
        size = 0
        joins_at = live.parked_at
        while size < CHUNK_BYTES:
            entry = live.next()
            if entry is None or (packets and entry.removed):
                break
            self._change_members(live, entry)
            live.apply(entry)
            packet = event_packet(entry.event, entry.payload)
            packets.append(packet)
            size += packet.size
            if entry.version == joins_at:
                break
        if packets:
            self._namespace.broadcast(live.room, Frames(packets))
        for connection, _ in live.reached():
            connection.socket.join(live.room)
        if live.next() is not None:
            self._make_ready(live)
        elif live.behind and live.repair_at is None and not live.repairing:
            live.repair_at = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._repair_if_behind, live)
        self._drop_if_unused(live)

    def _change_members(self, live: LiveLog, entry: LogEntry) -> None:
        for user_id in entry.removed:
            self.remove(live, user_id, entry.removed_reason)

    def _repair_if_behind(self, live: LiveLog) -> None:
        live.repair_at = None
        if live.behind and not live.repairing and self._live.get(live.conversation_id) is live:
            live.repairing = True
            live.holds += 1
            self._tasks.start(self._run_repair(live), "repair")

    async def _run_repair(self, live: LiveLog) -> None:
        try:
            await self._repair.run(self, live)
        finally:
            live.repairing = False
            live.holds -= 1
            self._drop_if_unused(live)
        self._make_ready(live)


def _chunks(packets: Sequence[EventPacket]) -> Iterable[list[EventPacket]]:
    """Packets in runs of about `CHUNK_BYTES`."""
    chunk: list[EventPacket] = []
    size = 0
    for packet in packets:
        chunk.append(packet)
        size += packet.size
        if size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
