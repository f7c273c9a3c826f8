"""The flusher: fair, bounded in time, and deaf to the failure of one connection."""

import asyncio
import time

from madang.socketio.flusher import Flusher
from madang.socketio.frames import EventPacket, Sendable
from madang.socketio.heartbeat import TimerWheel
from madang.socketio.options import ServerOptions
from madang.socketio.outbox import Outbox, push_to_all


class SlowTap:
    """A transport whose writes take time, and may fail."""

    writable = True
    most_packets = None
    buffered = 0

    def __init__(self, seconds: float, *, fails: bool = False) -> None:
        self.written = 0
        self._seconds = seconds
        self._fails = fails

    def write_queue(self, queue: list[Sendable]) -> int:
        if self._fails:
            raise OSError("broken")
        end = time.thread_time() + self._seconds
        while time.thread_time() < end:
            pass
        self.written += len(queue)
        return 1


class Nobody:
    """An owner that does not care."""

    def reader_too_slow(self) -> None:
        """Nothing."""


async def test_a_turn_ends_with_its_budget_and_the_rest_follows() -> None:
    """A hundred writes of half a millisecond never take the loop for long at a time."""
    flusher = Flusher(ServerOptions(turn_budget=0.005), TimerWheel(1))
    taps = [SlowTap(0.0005) for _ in range(100)]
    push_to_all([Outbox(flusher, tap, Nobody()) for tap in taps], EventPacket(b"x"))
    longest = 0.0
    turns = 0
    while not all(tap.written for tap in taps):
        before = time.thread_time()
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - before)
        turns += 1
    assert turns >= 5
    assert longest < 0.02
    assert [tap.written for tap in taps] == [1] * 100


async def test_one_broken_connection_does_not_keep_the_others_from_being_written() -> None:
    """Its error is logged and the walk goes on."""
    flusher = Flusher(ServerOptions(), TimerWheel(1))
    taps = [SlowTap(0), SlowTap(0, fails=True), SlowTap(0)]
    boxes = [Outbox(flusher, tap, Nobody()) for tap in taps]
    for _ in range(2):
        push_to_all(boxes, EventPacket(b"x"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert [tap.written for tap in taps] == [2, 0, 2]
