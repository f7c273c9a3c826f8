"""Acknowledged first and stored later: a pace that the usual queue cannot hold, and what waits meanwhile.

Owns the search for what BullMQ holds, and the comparison: it is sent more and more until what waits grows beyond `MOST_WAITING`;
then it and the chat are sent a multiple of the last pace it held. What counts is stored, not accepted: messages that are
due and not in the database, counted there for BullMQ, and by their deliveries for the chat, which tells nobody earlier.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from bench.bullmq import LOOK_SECONDS, BullMQ, install
from bench.chat import ChatHost
from bench.crowd import Crowd
from bench.errors import BenchError
from bench.load import TEXT_BYTES, Load, Outcome
from bench.processes import Meter
from bench.report import Table
from bench.scenarios.durable import POSTGRES
from bench.scenarios.nodes import AT_ONCE_PER_SECOND, spread
from bench.sizes import Sizes
from bench.subjects import Machine
from tests.postgres_server import PostgresServer, running_postgres
from tests.valkey_server import running_valkey

HELD: Final = "BullMQ, what it holds"
FLOODED: Final = "BullMQ"
CHAT: Final = "Madang, queue mode"
FIRST_PACE: Final = 500.0
STEP: Final = 1.25
"""Between two paces of the search."""
MOST_WAITING: Final = 0.5
"""Seconds' worth of messages that may wait at the end of a run; more is a backlog that grows."""
VALKEY: Final = {"appendonly": "yes", "appendfsync": "everysec"}
DATABASE: Final = "queue"
PACE: Final = "messages/s"


def run(machine: Machine, sizes: Sizes) -> Table:
    """Find what BullMQ holds, then send both a multiple."""
    install()
    table = Table(
        "Acknowledged first, stored later",
        f"{sizes.queue_users} people in groups of {sizes.group_size} send {TEXT_BYTES} bytes at a time at a pace, on PostgreSQL and "
        "a Valkey with `appendfsync everysec`, which share the generator's core. BullMQ: one Node.js process that does "
        "`queue.add` for each message, another whose worker does a member check, an insert and an update for each, ten at a "
        "time; no sockets, nobody is told. Madang: `madang serve` and one `madang worker`; each message is acknowledged and "
        f"delivered to all {sizes.group_size}. BullMQ is sent {STEP:g} times as much again and again until more waits than comes "
        f"in {MOST_WAITING:g} s; then both are sent {sizes.queue_factor:g} times the last pace it held. Waiting: due and not stored.",
        subjects=(HELD, FLOODED, CHAT),
        baseline=HELD,
    )
    with running_postgres(POSTGRES, parent=machine.folder) as postgres:
        pace = _measure_bullmq(table, machine, sizes, postgres)
        _measure_chat(table, machine, sizes, postgres, pace)
    return table


def _measure_bullmq(table: Table, machine: Machine, sizes: Sizes, postgres: PostgresServer) -> float:
    """What both are to be sent."""
    with (
        running_valkey(VALKEY) as valkey,
        BullMQ(
            postgres,
            valkey.port,
            cores=machine.cores.server,
            conversations=sizes.queue_users // sizes.group_size,
            members=sizes.group_size,
            text_bytes=TEXT_BYTES,
        ) as bullmq,
    ):
        bullmq.send(FIRST_PACE / STEP, 1.0)
        held, pace = 0.0, FIRST_PACE
        while True:
            meter = Meter(*bullmq.pids)
            waiting = bullmq.send(pace, sizes.queue_search)
            used = meter.read()
            if waiting[-1] > pace * MOST_WAITING:
                break
            held = pace
            _note(table, HELD, pace, sizes.queue_search, waiting)
            table.row("server CPU per message, µs", "less").values[HELD] = (
                1e6 * used.processor / (pace * sizes.queue_search)
            )
            pace *= STEP
        if not held:
            raise BenchError(f"BullMQ does not hold {FIRST_PACE:g} messages/s here")
        table.notes.append(f"BullMQ at {pace:,.0f} messages/s: {waiting[-1]:,} waited after {sizes.queue_search:g} s.")
        flood = held * sizes.queue_factor
        _note(table, FLOODED, flood, sizes.queue_search, bullmq.send(flood, sizes.queue_search))
        return flood


def _note(table: Table, subject: str, pace: float, seconds: float, waiting: list[int]) -> None:
    table.row(PACE).values[subject] = pace
    table.row("for, s").values[subject] = seconds
    for name, place in (("half way", len(waiting) // 2), ("at the end", -1)):
        table.row(f"messages waiting {name}").values[subject] = waiting[place]
    table.row("messages waiting at most").values[subject] = max(waiting)


def _measure_chat(table: Table, machine: Machine, sizes: Sizes, postgres: PostgresServer, pace: float) -> None:
    with ExitStack() as stack:
        asyncio.run(postgres.execute(f"CREATE DATABASE {DATABASE}"))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="madang-bench-", dir=machine.folder))
        settings = {
            "MADANG_DATABASE_URL": postgres.url(DATABASE),
            "MADANG_REDIS_URL": stack.enter_context(running_valkey(VALKEY)).url,
            "MADANG_SECRET": "a secret of the benchmark, for the queue mode",
            "MADANG_PERSISTENCE": "queue",
            "MADANG_EMBEDDED_WORKER": "0",
        }
        host = ChatHost(Path(folder), sizes.queue_users, sizes.group_size, settings=settings)
        host.prepare(machine.cores.server)
        processes = [host.worker(machine.cores.server), host.server(machine.cores.server)]
        _, server = [stack.enter_context(process) for process in processes]
        crowd = stack.enter_context(Crowd(server.address, host.dialect))
        crowd.connect(sizes.queue_users)
        load = Load(crowd, spread(crowd, sizes), *(process.pid for process in processes))
        at_once = max(1, round(pace / AT_ONCE_PER_SECOND))
        load.open_loop(sizes.warm_up, per_second=pace, at_once=at_once)
        sent_before = asyncio.run(_stored(postgres))
        asyncio.run(postgres.execute("ANALYZE", database=DATABASE))
        with _Watch(load) as watch:
            outcome = load.open_loop(sizes.queue_seconds, per_second=pace, at_once=at_once)
        stored = asyncio.run(_stored(postgres)) - sent_before
    if stored != outcome.sent:
        raise BenchError(f"{stored} of {outcome.sent} accepted messages were stored")
    table.accept(CHAT, "queue", outcome)
    _note_chat(table, sizes, pace, outcome, watch.waiting)


async def _stored(postgres: PostgresServer) -> int:
    ((count,),) = await postgres.fetch("SELECT count(*) FROM messages", database=DATABASE)
    return int(count)


def _note_chat(table: Table, sizes: Sizes, pace: float, outcome: Outcome, waiting: list[int]) -> None:
    _note(table, CHAT, pace, sizes.queue_seconds, waiting)
    table.row("server CPU per message, µs", "less").values[CHAT] = 1e6 * outcome.server.processor / outcome.sent
    for percent in (99, 50):
        promised = sizes.queue_lag if percent == 99 else None
        row = table.row(f"due until stored and delivered, p{percent}, ms", at_most=promised, only=CHAT)
        row.values[CHAT] = outcome.percentile(percent)
    table.row("due until stored and delivered, longest, ms").values[CHAT] = outcome.percentile(100)
    table.row("server's share of its core, %").values[CHAT] = 100 * outcome.server.share
    table.row("generator's share of its core, %").values[CHAT] = 100 * outcome.generator.share


class _Watch(threading.Thread):
    """Looks how many messages have been sent and not delivered to everybody, for as long as the context lasts."""

    def __init__(self, load: Load) -> None:
        super().__init__(name="watch")
        self._load = load
        self._over = threading.Event()
        self.waiting: list[int] = []

    def run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self.waiting.append(self._load.waiting)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
