"""What waits to be written to one connection, and for how long it may wait.

Owns the queue of one engine, its three classes of traffic and the judgement that a reader is too slow. A push appends
one shared object and marks the outbox dirty; everything else happens once per turn of the flusher. Must never block,
never copy a frame while the reader is behind, and never close an engine inside a push: pushes happen while rooms
are being walked.

Classes:
    ORDERED    kept in order, never dropped; bounded by closing the engine.
    LATEST     one per key: a newer one replaces an older; written when everything ordered has been.
    VOLATILE   dropped when more than ``volatile_bytes`` wait.

A reader is slow when more than ``slow_bytes`` wait and nothing moved for ``slow_seconds``, or when ``hard_bytes`` wait.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

from madang.socketio.heartbeat import NO_SLOT, TimerWheel, monotonic

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from madang.socketio.flusher import Flusher
    from madang.socketio.frames import Sendable
    from madang.socketio.options import ServerOptions

# The most that is joined into one write: large enough that the system call does not count, small enough that
# joining and copying it stays well below a millisecond.
WRITE_CHUNK = 256 * 1024
_CHECKS_PER_SLOW_PERIOD = 5
_ANY = 1 << 62


class Traffic(Enum):
    """How a packet is treated while its reader is behind."""

    ORDERED = "ordered"
    LATEST = "latest"
    VOLATILE = "volatile"


class Transport(Protocol):
    """How an outbox writes: a WebSocket or the poll that is waiting."""

    writable: bool

    @property
    def most_packets(self) -> int | None:
        """Packets that one write may hold; None: any number."""

    def write_queue(self, queue: list[Sendable]) -> int:
        """Write all of it at once; the bytes handed over. Only while ``writable``."""

    @property
    def buffered(self) -> int:
        """Bytes handed over that the peer's side has not taken yet."""


class Owner(Protocol):
    """Whom an outbox tells that its reader is too slow."""

    def reader_too_slow(self) -> None:
        """Close the engine; the peer may come back."""


class Outbox:
    """The queue of one engine connection."""

    __slots__ = ("_latest", "_watch", "dirty", "flusher", "owner", "queue", "size", "transport", "written")

    def __init__(self, flusher: Flusher, transport: Transport, owner: Owner) -> None:
        self.queue: list[Sendable] = []
        self.size = 0
        self.dirty = False
        self.flusher = flusher
        self.transport: Transport | None = transport
        self.owner: Owner | None = owner
        self.written = 0
        self._latest: dict[Hashable, Sendable] | None = None
        self._watch: _SlowWatch | None = None

    @property
    def unsent(self) -> int:
        """Bytes that wait here or in the transport."""
        transport = self.transport
        return self.size + transport.buffered if transport is not None else 0

    def push(self, frames: Sendable) -> None:
        """Queue ordered frames."""
        if self.transport is None:
            return
        self.queue.append(frames)
        self.size += frames.size
        if not self.dirty:
            self.flusher.add(self)

    def push_latest(self, key: Hashable, frames: Sendable) -> None:
        """Queue frames that replace what waits under the same key."""
        if self.transport is None:
            return
        if self._latest is None:
            self._latest = {}
        older = self._latest.pop(key, None)
        if older is not None:
            self.size -= older.size
        self._latest[key] = frames
        self.size += frames.size
        if not self.dirty:
            self.flusher.add(self)

    def push_volatile(self, frames: Sendable) -> None:
        """Queue frames unless the reader is behind."""
        if self.unsent > self.flusher.options.volatile_bytes:
            self.flusher.dropped_volatile += 1
        else:
            self.push(frames)

    def push_as(self, frames: Sendable, traffic: Traffic, key: Hashable = None) -> None:
        """Queue frames of any class; the key is for ``Traffic.LATEST``."""
        match traffic:
            case Traffic.ORDERED:
                self.push(frames)
            case Traffic.LATEST:
                self.push_latest(key, frames)
            case Traffic.VOLATILE:
                self.push_volatile(frames)

    def flush(self) -> bool:
        """Write what may be written now, at most one chunk; True when more could follow at once."""
        self.dirty = False
        transport = self.transport
        if transport is None:
            return False
        if transport.writable and self.size:
            if self.size <= WRITE_CHUNK and transport.most_packets is None:
                queue = self.queue
                self.queue = []
                if self._latest:
                    queue.extend(self._latest.values())
                    self._latest = None
                self.size = 0
            else:
                queue = self._take_chunk(transport.most_packets)
            written = transport.write_queue(queue)
            self.written += written
            self.flusher.bytes_out += written
            self.flusher.frames_out += len(queue)
        more = self.size > 0 and transport.writable
        if not transport.writable and self.unsent > self.flusher.options.slow_bytes:
            self._judge()
        return more

    def _take_chunk(self, most: int | None) -> list[Sendable]:
        if most is not None:
            self.queue[:most] = [packet for frames in self.queue[:most] for packet in frames.apart]
        left = _ANY if most is None else most
        taken: list[Sendable] = []
        room = WRITE_CHUNK
        for frames in self.queue:
            if taken and (frames.size > room or frames.count > left):
                break
            room -= frames.size
            left -= frames.count
            taken.append(frames)
        del self.queue[: len(taken)]
        latest = self._latest
        while latest and not self.queue and room > 0 and left > 0:
            frames = latest.pop(next(iter(latest)))
            room -= frames.size
            left -= frames.count
            taken.append(frames)
        self.size -= WRITE_CHUNK - room
        return taken

    def _judge(self) -> None:
        if self.unsent > self.flusher.options.hard_bytes:
            self.declare_slow()
        elif self._watch is None:
            self._watch = _SlowWatch(self, self.flusher.wheel, self.flusher.options)

    def declare_slow(self) -> None:
        """Have the engine closed; called from a flush or a timer only."""
        if self.owner is not None:
            self.flusher.slow_closes += 1
            self.owner.reader_too_slow()

    def stop_watching(self) -> None:
        """Forget the watch on a reader that has caught up."""
        self._watch = None

    def close(self) -> None:
        """Drop everything; later pushes are ignored."""
        if self._watch is not None:
            self.flusher.wheel.cancel(self._watch)
            self._watch = None
        self.queue = []
        self._latest = None
        self.size = 0
        self.transport = None
        self.owner = None


class _SlowWatch:
    """Looks at a backlog until it is gone or has not moved for ``slow_seconds``."""

    __slots__ = ("_moved_at", "_options", "_outbox", "_sent", "_wheel", "slot")

    def __init__(self, outbox: Outbox, wheel: TimerWheel, options: ServerOptions) -> None:
        self.slot = NO_SLOT
        self._outbox = outbox
        self._wheel = wheel
        self._options = options
        self._sent = self._progress()
        self._moved_at = monotonic()
        self._again(self._moved_at)

    def on_timer(self, now: float) -> None:
        outbox, options = self._outbox, self._options
        if outbox.unsent <= options.slow_bytes:
            outbox.stop_watching()
            return
        sent = self._progress()
        if sent != self._sent:
            self._sent, self._moved_at = sent, now
        elif now - self._moved_at >= options.slow_seconds:
            outbox.declare_slow()
            return
        self._again(now)

    def _progress(self) -> int:
        transport = self._outbox.transport
        return self._outbox.written - (transport.buffered if transport is not None else 0)

    def _again(self, now: float) -> None:
        self._wheel.set(self, now + self._options.slow_seconds / _CHECKS_PER_SLOW_PERIOD)


def push_to_all(outboxes: Iterable[Outbox], frames: Sendable) -> None:
    """Queue ordered frames for many readers: the hot loop of a broadcast, so ``Outbox.push`` is written out here."""
    size = frames.size
    for outbox in outboxes:
        outbox.queue.append(frames)
        outbox.size += size
        if not outbox.dirty:
            outbox.flusher.add(outbox)
