"""Who sends when: a closed loop that keeps messages under way, an open one that keeps a pace, a burst.

Owns the senders and the end of a measurement: it is over when every delivery of every message has arrived, and they
are counted for each socket. Must never report a run in which one is missing or comes twice.

Latencies are in nanoseconds. In the open loop they count from when a message was due, not from when it was sent, so a
generator or a server that falls behind cannot hide it.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from bench.client import Client
from bench.crowd import Crowd
from bench.errors import BenchError
from bench.frames import Batch, client_frame, stamped_text
from bench.processes import Meter, Usage

DRAIN_SECONDS: Final = 60.0
TEXT_BYTES: Final = 200
SETTLE_SECONDS: Final = 0.2
"""How long a delivery that comes twice is waited for."""

Timed = Literal["acks", "own copies", "all copies"]


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One run, drained and verified."""

    sent: int
    deliveries: int
    server: Usage
    """From before the first message until after the last delivery."""
    generator: Usage
    latencies: list[int] = field(repr=False)

    @property
    def per_server_second(self) -> float:
        """Deliveries per second of the server's processor time."""
        return self.deliveries / self.server.processor

    def percentile(self, percent: float) -> float:
        """Milliseconds within which so many percent of the latencies lie (nearest rank)."""
        return nearest_rank(self.latencies, percent) / 1e6


def nearest_rank(latencies: Sequence[int], percent: float) -> int:
    """The latency within which so many percent of all lie. Raises `BenchError` if there are none."""
    ordered = sorted(latencies)
    if not ordered:
        raise BenchError("nothing was measured")
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


class _Sender:
    """A member that sends. `sent_at` holds, by the number of the message, when it was sent or due."""

    __slots__ = ("client", "name", "sent_at")

    def __init__(self, client: Client, name: int) -> None:
        self.client = client
        self.name = name
        self.sent_at: list[int] = []


class Load:
    """Messages of some members to their rooms; several runs may follow each other.

    Args:
        crowd: everybody who receives.
        senders: who of them sends.
        servers: process ids of all that serve them, to measure what a run costs.
    """

    def __init__(self, crowd: Crowd, senders: Sequence[Client], *servers: int) -> None:
        self._crowd = crowd
        self._servers = servers
        self._senders = [_Sender(client, name) for name, client in enumerate(senders)]
        self._by_client = {sender.client.index: sender for sender in self._senders}
        self._members = Counter(client.room for client in crowd.clients)
        self._sent_to = Counter[int]()
        self._acknowledged = 0
        self._start = 0
        """Deliveries that had come before the present run."""
        self._latencies: list[int] = []
        self._timed: Timed = "acks"
        self._sending = False
        for sender in self._senders:
            sender.client.on_ack = self._on_ack

    def closed_loop(self, seconds: float, *, window: int, timed: Literal["acks", "own copies"]) -> Outcome:
        """Keep `window` messages of each sender under way.

        Args:
            seconds: how long new ones are sent; the run goes on until all have been delivered.
            window: messages of a sender at a time.
            timed: what ends a message for its sender: the ack, or its own copy as a member of the room.

        Raises:
            BenchError: a delivery was lost or doubled, a message refused, a connection cut.
        """

        def send() -> None:
            for sender in self._senders:
                self._send(sender, window)
            self._crowd.serve(seconds)

        return self._run(send, timed, refill=True)

    def open_loop(
        self, seconds: float, *, per_second: float, at_once: int = 1, listeners: Collection[Client] | None = None
    ) -> Outcome:
        """Send at a steady pace, senders in turn, and time every delivery.

        Args:
            seconds: how long.
            per_second: messages.
            at_once: how many fall due together: the generator keeps a pace by looking at the clock all the time, and above a
                few hundred a second that takes the core from whoever shares it.
            listeners: whose deliveries are timed; everybody's, if nobody is named.

        Raises:
            BenchError: as `closed_loop`.
        """

        def send() -> None:
            begun = time.perf_counter_ns()
            for number in range(round(seconds * per_second)):
                due = begun + round(number // at_once * at_once * 1e9 / per_second)
                self._crowd.serve((due - time.perf_counter_ns()) / 1e9)
                self._send(self._senders[number % len(self._senders)], 1, due)

        return self._run(send, "all copies", listeners=listeners)

    def burst(self, messages: int) -> Outcome:
        """Send so many messages at once, each sender's share in one write, and time every own copy.

        Raises:
            BenchError: as `closed_loop`.
        """

        def send() -> None:
            each, more = divmod(messages, len(self._senders))
            for position, sender in enumerate(self._senders):
                self._send(sender, each + (position < more))

        return self._run(send, "own copies")

    @property
    def waiting(self) -> int:
        """Messages of the present run that were sent, less those delivered, by the copies that have come."""
        sent_to = self._sent_to.copy()
        copies = sum(count * self._members[room] for room, count in sent_to.items())
        missing = copies - (self._crowd.delivered - self._start)
        return round(missing * sent_to.total() / copies) if copies else 0

    # -------------------------------------------------------------------------------------------- one run

    def _run(
        self,
        send: Callable[[], None],
        timed: Timed,
        *,
        refill: bool = False,
        listeners: Collection[Client] | None = None,
    ) -> Outcome:
        crowd = self._crowd
        self._listen(timed, {client.index for client in listeners or crowd.clients})
        self._sent_to.clear()
        self._acknowledged, self._latencies = 0, []
        before = [client.delivered for client in crowd.clients]
        start = self._start = crowd.delivered
        server, generator = Meter(*self._servers), Meter(os.getpid())
        self._sending = refill
        send()
        self._sending = False
        sent = self._sent_to.total()
        expected = sum(count * self._members[room] for room, count in self._sent_to.items())
        drained = crowd.serve_until(
            lambda: crowd.delivered - start >= expected and self._acknowledged >= sent, DRAIN_SECONDS
        )
        used = server.read(), generator.read()
        crowd.expect_nobody_lost()
        if not drained:
            raise BenchError(
                f"{crowd.delivered - start} of {expected} deliveries and {self._acknowledged} of {sent} acks had come "
                f"{DRAIN_SECONDS:.0f} s after the last message"
            )
        self._verify(before)
        return Outcome(sent=sent, deliveries=expected, server=used[0], generator=used[1], latencies=self._latencies)

    def _verify(self, before: list[int]) -> None:
        """See that every member is still there and got what was sent to its room, once."""
        self._crowd.serve(SETTLE_SECONDS)
        self._crowd.expect_nobody_lost()
        for client, counted in zip(self._crowd.clients, before, strict=True):
            got, due = client.delivered - counted, self._sent_to[client.room]
            if got != due:
                raise BenchError(f"socket {client.index} got {got} messages, {due} were sent to its room")

    def _listen(self, timed: Timed, listeners: Collection[int]) -> None:
        """Read the stamps of those whose deliveries are timed; the others only count."""
        crowd = self._crowd
        self._timed = timed
        for client in crowd.clients:
            listens = (timed == "all copies" and client.index in listeners) or (
                timed == "own copies" and client.index in self._by_client
            )
            client.reader = crowd.reading_stamps if listens else crowd.counting
            client.on_batch = None if not listens else self._on_any_copy if timed == "all copies" else self._on_copies

    # --------------------------------------------------------------------------------- sending, receiving

    def _send(self, sender: _Sender, count: int, due: int | None = None) -> None:
        message = self._crowd.dialect.message
        client, first = sender.client, len(sender.sent_at)
        frames = b"".join(
            client_frame(message(client, number, stamped_text(sender.name, number, TEXT_BYTES)))
            for number in range(first, first + count)
        )
        sender.sent_at += [time.perf_counter_ns() if due is None else due] * count
        self._sent_to[client.room] += count
        client.send(frames)

    def _on_copies(self, client: Client, batch: Batch) -> None:
        sender = self._by_client[client.index]
        now = time.perf_counter_ns()
        numbers = [number for name, number in batch.stamps if name == sender.name]
        self._latencies += [now - sender.sent_at[number] for number in numbers]
        if numbers and self._sending:
            self._send(sender, len(numbers))

    def _on_any_copy(self, _: Client, batch: Batch) -> None:
        now = time.perf_counter_ns()
        self._latencies += [now - self._senders[name].sent_at[number] for name, number in batch.stamps]

    def _on_ack(self, client: Client, number: int) -> None:
        self._acknowledged += 1
        if self._timed == "acks":
            sender = self._by_client[client.index]
            self._latencies.append(time.perf_counter_ns() - sender.sent_at[number])
            if self._sending:
                self._send(sender, 1)
