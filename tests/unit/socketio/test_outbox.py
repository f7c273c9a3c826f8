"""The outbox alone, with a transport that takes what the test says."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from madang.socketio.flusher import Flusher
from madang.socketio.frames import PING, BinaryMessage, EventPacket, Frames, Sendable
from madang.socketio.heartbeat import TimerWheel
from madang.socketio.options import ServerOptions
from madang.socketio.outbox import WRITE_CHUNK, Outbox, Traffic, push_to_all


class Tap:
    """A transport: open or shut."""

    def __init__(self) -> None:
        self.most_packets: int | None = None
        self.writable = True
        self.buffered = 0
        self.writes: list[list[Sendable]] = []

    def write_queue(self, queue: list[Sendable]) -> int:
        self.writes.append(list(queue))
        return sum(frames.size for frames in queue)


class Owner:
    """Counts how often its reader was too slow."""

    def __init__(self) -> None:
        self.slow = 0

    def reader_too_slow(self) -> None:
        self.slow += 1


def outbox(**options: int) -> tuple[Outbox, Tap, Owner]:
    """Make one on the running loop."""
    settings = ServerOptions(**options)  # type: ignore[arg-type]  # sizes only
    wheel = TimerWheel(1)
    wheel.start()
    tap, owner = Tap(), Owner()
    return Outbox(Flusher(settings, wheel), tap, owner), tap, owner


def packet(name: bytes, size: int = 0) -> EventPacket:
    """Make a packet of about a size."""
    return EventPacket(name + b"x" * size)


async def turn() -> None:
    """Let the flusher work."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_tick_is_one_write_in_the_order_of_pushes() -> None:
    """Ordered packets first, then the latest of each key."""
    box, tap, _ = outbox()
    a, b, old, new, other = (packet(bytes([number])) for number in range(5))
    box.push_latest("key", old)
    box.push(a)
    box.push_latest("other", other)
    push_to_all([box], b)
    box.push_latest("key", new)
    assert tap.writes == []
    await turn()
    assert tap.writes == [[a, b, other, new]]
    assert (box.size, box.unsent) == (0, 0)


async def test_a_shut_transport_keeps_everything_and_drops_what_is_volatile() -> None:
    """The queue waits, replaced values do not add up, and it all leaves when the transport opens."""
    box, tap, owner = outbox(volatile_bytes=100)
    tap.writable = False
    first = packet(b"1", 200)
    box.push(first)
    values = [packet(b"latest", 50) for _ in range(100)]
    for value in values:
        box.push_as(value, Traffic.LATEST, "k")
    box.push_as(packet(b"v"), Traffic.VOLATILE)
    await turn()
    assert tap.writes == []
    assert box.size == first.size + values[-1].size
    assert box.flusher.dropped_volatile == 1
    tap.writable = True
    box.flusher.add(box)
    await turn()
    assert tap.writes == [[first, values[-1]]]
    assert owner.slow == 0


async def test_a_large_backlog_leaves_in_chunks() -> None:
    """No write is much larger than the chunk, the order holds, and the latest come last."""
    box, tap, _ = outbox()
    packets = [packet(b"%d" % number, 50_000) for number in range(20)]
    last = packet(b"last")
    box.push_latest("k", last)
    for item in packets:
        box.push(item)
    giant = packet(b"giant", WRITE_CHUNK * 2)
    box.push(giant)
    for _ in range(30):
        await asyncio.sleep(0)
    assert [item for write in tap.writes for item in write] == [*packets, giant, last]
    assert all(sum(item.size for item in write) <= WRITE_CHUNK for write in tap.writes if giant not in write)
    assert box.size == 0


async def test_the_hard_limit_is_judged_in_the_flush_not_in_the_push() -> None:
    """A push during the walk of a room closes nothing under its feet."""
    box, tap, owner = outbox(slow_bytes=1000, hard_bytes=2000)
    tap.writable = False
    box.push(packet(b"", 3000))
    assert owner.slow == 0
    await turn()
    assert owner.slow == 1


async def test_after_the_end_nothing_is_kept() -> None:
    """Pushes of every class are ignored."""
    box, tap, _ = outbox()
    box.push(packet(b"1"))
    box.close()
    for traffic in Traffic:
        box.push_as(packet(b"2"), traffic, "k")
    await turn()
    assert tap.writes == []
    assert (box.size, box.unsent, box.queue) == (0, 0, [])


def test_any_pushes_are_written_once_and_the_size_returns_to_zero() -> None:
    """Whatever the mix of classes, sizes and shut moments, ordered packets keep their order and sizes add up."""

    @given(st.lists(st.tuples(st.sampled_from(["push", "latest", "shut", "open", "turn"]), st.integers(0, 100_000))))
    def run(steps: list[tuple[str, int]]) -> None:
        asyncio.run(scenario(steps))

    async def scenario(steps: list[tuple[str, int]]) -> None:
        box, tap, _ = outbox(slow_bytes=10**9, hard_bytes=10**9)
        ordered: list[Sendable] = []
        latest: dict[int, Sendable] = {}
        for action, number in steps:
            match action:
                case "push":
                    ordered.append(BinaryMessage(bytes(number)))
                    box.push(ordered[-1])
                case "latest":
                    latest[number % 3] = packet(b"%d" % number, number)
                    box.push_latest(number % 3, latest[number % 3])
                case "turn":
                    await turn()
                case _:
                    tap.writable = action == "open"
        tap.writable = True
        box.flusher.add(box)
        while box.size:
            await turn()
        written = [item for write in tap.writes for item in write]
        assert [item for item in written if isinstance(item, BinaryMessage)] == ordered
        assert set(latest.values()) <= set(written)
        assert len(set(map(id, written))) == len(written)

    run()


async def test_a_transport_takes_no_more_packets_than_it_says() -> None:
    """However they are bound together, in order; what belongs to one message stays whole; nothing is kept back for ever."""
    box, tap, _ = outbox()
    tap.most_packets = 3
    room = [packet(b"%d" % number) for number in range(5)]
    whole = EventPacket(b"with", (b"a", b"b", b"c"))
    box.push(PING)
    box.push(Frames(room))
    box.push(whole)
    box.push(BinaryMessage(b"binary"))
    latest = packet(b"latest")
    box.push_latest("key", latest)
    await turn()
    assert tap.writes[:3] == [[PING, *room[:2]], room[2:], [whole]]
    assert [write[-1] for write in tap.writes[3:]] == [latest]
    assert len(tap.writes[3]) == 2
    assert box.unsent == 0
