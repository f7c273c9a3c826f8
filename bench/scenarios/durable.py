"""Durable acks on PostgreSQL: what it is worth to store batches, against three statements for each message.

Owns the pairs: both servers run and are connected all the time, on one database server, and take turns, so that whatever
else happens on the machine happens to both. What is promised is the median of the ratios of the pairs.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from bench.chat import ChatHost
from bench.client import Dialect
from bench.crowd import Crowd
from bench.load import TEXT_BYTES, Load, Outcome
from bench.processes import ServerProcess
from bench.report import SATURATED, Table
from bench.sizes import Sizes
from bench.subjects import CHAT, BareDialect, Machine
from tests.postgres_server import PostgresServer, running_postgres

STATEMENTS: Final = "three statements each"
DATABASE_OF_STATEMENTS: Final = "statements"
DATABASE_OF_CHAT: Final = "chat"
POSTGRES: Final = {"shared_buffers": "256MB", "max_wal_size": "2GB"}
"""Room enough that no checkpoint falls into a run; nothing that durability depends on."""


def run(machine: Machine, sizes: Sizes) -> Table:
    """Measure both ways of storing."""
    table = Table(
        "Durable acks on PostgreSQL",
        f"{sizes.group_senders} clients in groups of {sizes.group_size}, all send {TEXT_BYTES} bytes at a time to their group, "
        f"{sizes.group_window} messages under way each; a message is done when it is acknowledged, and that is after "
        f"PostgreSQL has flushed it. {STATEMENTS}: the same engine, a member check, an insert and an update for each "
        f"message, through a pool of ten connections. The database shares the generator's core. {sizes.pairs} pairs of "
        "runs in turn: figures are medians, and so is the ratio, which is of the runs of a pair.",
        subjects=(STATEMENTS, CHAT),
        baseline=STATEMENTS,
    )
    with running_postgres(POSTGRES, parent=machine.folder) as postgres, _both(machine, sizes, postgres) as loads:
        for load in loads.values():
            load.closed_loop(sizes.pair_seconds, window=sizes.group_window, timed="acks")
        for database in (DATABASE_OF_STATEMENTS, DATABASE_OF_CHAT):
            asyncio.run(postgres.execute("ANALYZE", database=database))  # as the server does by itself, within a minute
        pairs = [_pair(loads, sizes, number) for number in range(sizes.pairs)]
    _note(table, pairs, sizes.durable_ratio)
    return table


@contextmanager
def _both(machine: Machine, sizes: Sizes, postgres: PostgresServer) -> Iterator[dict[str, Load]]:
    """Both servers with their crowds, ready to take turns."""
    bare, chat = postgres.url(DATABASE_OF_STATEMENTS), postgres.url(DATABASE_OF_CHAT)
    asyncio.run(postgres.execute(f"CREATE DATABASE {DATABASE_OF_STATEMENTS}", f"CREATE DATABASE {DATABASE_OF_CHAT}"))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="madang-bench-", dir=machine.folder))
        host = ChatHost(Path(folder), sizes.group_senders, sizes.group_size, settings={"MADANG_DATABASE_URL": chat})
        host.prepare(machine.cores.server)
        command = [sys.executable, "-m", "bench.servers.three_statements", "{port}", bare]
        servers: dict[str, tuple[ServerProcess, Dialect]] = {
            STATEMENTS: (ServerProcess(command, cores=machine.cores.server), BareDialect(sizes.group_size)),
            CHAT: (host.server(machine.cores.server), host.dialect),
        }
        loads = {}
        for subject, (server, dialect) in servers.items():
            stack.enter_context(server)
            crowd = stack.enter_context(Crowd(server.address, dialect))
            crowd.connect(sizes.group_senders)
            loads[subject] = Load(crowd, crowd.clients, server.pid)
        yield loads


def _pair(loads: dict[str, Load], sizes: Sizes, number: int) -> dict[str, Outcome]:
    """One run of each, the first of this pair being the second of the next."""
    order = list(loads.items())[:: -1 if number % 2 else 1]
    return {
        subject: load.closed_loop(sizes.pair_seconds, window=sizes.group_window, timed="acks")
        for subject, load in order
    }


def _note(table: Table, pairs: Sequence[dict[str, Outcome]], promised: float) -> None:
    rates = table.row("acks/s", "more", at_least=promised)
    accepted = [pair for pair in pairs if all(_is_of_the_server(pair[subject]) for subject in pair)]
    if len(accepted) < len(pairs):
        table.notes.append(f"{len(pairs) - len(accepted)} pairs are not reported: the generator was the limit.")
    if not accepted:
        return
    figures = {
        subject: [pair[subject].sent / pair[subject].server.wall for pair in accepted] for subject in table.subjects
    }
    ratios = [own / other for own, other in zip(figures[CHAT], figures[STATEMENTS], strict=True)]
    rates.ratios[CHAT] = statistics.median(ratios)
    table.notes.append(f"acks/s: {min(ratios):.2f} to {max(ratios):.2f} times as many, in {len(ratios)} pairs.")
    for subject in table.subjects:
        outcomes = [pair[subject] for pair in accepted]
        rates.values[subject] = statistics.median(figures[subject])
        for percent in (99, 50):
            row = table.row(f"ack, p{percent}, ms", "less")
            row.values[subject] = statistics.median(outcome.percentile(percent) for outcome in outcomes)
        cost = table.row("acks per server CPU-second", "more")
        cost.values[subject] = statistics.median(outcome.sent / outcome.server.processor for outcome in outcomes)
        for name, shares in (
            ("server's share of its core, %", [outcome.server.share for outcome in outcomes]),
            ("others on the server's core, %", [outcome.server.taken for outcome in outcomes]),
            ("generator's share of its core, %", [outcome.generator.share for outcome in outcomes]),
            ("others on the generator's core, the database among them, %", [each.generator.taken for each in outcomes]),
        ):
            table.row(name).values[subject] = 100 * statistics.median(shares)


def _is_of_the_server(outcome: Outcome) -> bool:
    """Whether the generator had time to spare, or the server had none."""
    return outcome.generator.share <= SATURATED or outcome.server.share >= SATURATED
