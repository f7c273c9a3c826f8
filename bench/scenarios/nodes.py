"""Two nodes instead of one: what a delivery costs them together, and how long the way from one to the other is.

Owns the rounds: the same people are served by one node, by one that has a Redis and nobody to talk to, and by two. All of them
run all the time and take turns, so that whatever else happens on the machine happens to all. What is promised is the median of
the ratios of the rounds. Members of a group sit on the nodes in turn, so every message crosses.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from bench.chat import ChatHost
from bench.client import Client
from bench.crowd import Crowd
from bench.load import TEXT_BYTES, Load, Outcome
from bench.report import Table
from bench.scenarios.durable import POSTGRES
from bench.sizes import Sizes
from bench.subjects import Machine
from tests.postgres_server import PostgresServer, running_postgres
from tests.valkey_server import ValkeyServer, running_valkey

ALONE: Final = "one node, no Redis"
ONE: Final = "one node"
TWO: Final = "two nodes"
NODES: Final = {ALONE: 1, ONE: 1, TWO: 2}
AT_ONCE_PER_SECOND: Final = 100
"""Moments in a second at which messages fall due: looking at the clock more often takes the core from the database."""
PONG_SECONDS: Final = 0.1
"""For crowds that wait for their turn: their servers ask whether they are there."""
CPU: Final = "server CPU per delivery, µs"


def run(machine: Machine, sizes: Sizes) -> Table:
    """Measure the cost, then the way."""
    table = Table(
        "Two nodes",
        f"{sizes.node_users:,} people in groups of {sizes.group_size}, whose members sit on the nodes in turn, send "
        f"{sizes.node_pace:,.0f} messages/s of {TEXT_BYTES} bytes. Cost: user and system time of all nodes together, which "
        "share the server's core; PostgreSQL and Valkey share the generator's. "
        f"{sizes.pairs} rounds in turn: figures are medians, and so is the ratio, which is of the runs of a round. The way: "
        f"{sizes.way_pace:g} messages/s of people on the first node, timed from when a message is due until it is with each "
        "member on the second.",
        subjects=(ALONE, ONE, TWO),
        baseline=ONE,
    )
    with (
        running_postgres(POSTGRES, parent=machine.folder) as postgres,
        running_valkey() as valkey,
        _all(machine, sizes, postgres, valkey) as crowds,
    ):
        loads = {subject: Load(crowd, spread(crowd, sizes), *pids) for subject, (crowd, pids) in crowds.items()}
        for load in loads.values():
            _paced(load, sizes)
        for number, _ in enumerate(loads):
            asyncio.run(postgres.execute("ANALYZE", database=_database(number)))
        rounds = [_round(loads, crowds, sizes, number) for number in range(sizes.pairs)]
        _note_cost(table, rounds, sizes.node_ratio)
        _measure_way(table, sizes, *crowds[TWO])
    return table


@contextmanager
def _all(
    machine: Machine, sizes: Sizes, postgres: PostgresServer, valkey: ValkeyServer
) -> Iterator[dict[str, tuple[Crowd, list[int]]]]:
    """Everybody connected everywhere; with each crowd the processes that serve it."""
    with ExitStack() as stack:
        crowds = {}
        for number, (subject, count) in enumerate(NODES.items()):
            asyncio.run(postgres.execute(f"CREATE DATABASE {_database(number)}"))
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="madang-bench-", dir=machine.folder))
            settings = {
                "MADANG_DATABASE_URL": postgres.url(_database(number)),
                "MADANG_SECRET": f"a secret of the benchmark, of installation {number}",
                **({} if subject == ALONE else {"MADANG_REDIS_URL": valkey.url}),
            }
            host = ChatHost(Path(folder), sizes.node_users, sizes.group_size, settings=settings)
            host.prepare(machine.cores.server)
            servers = [stack.enter_context(host.server(machine.cores.server)) for _ in range(count)]
            first, *others = [server.address for server in servers]
            crowd = stack.enter_context(Crowd(first, host.dialect, others=others))
            crowds[subject] = crowd, [server.pid for server in servers]
        for crowd, _ in crowds.values():  # last, and together: nobody answers the pings of a crowd that waits long
            crowd.connect(sizes.node_users)
        yield crowds


def _database(number: int) -> str:
    return f"nodes_{number}"


def spread(crowd: Crowd, sizes: Sizes) -> list[Client]:
    """Everybody, in an order in which neighbours are in different groups and, mostly, on different nodes."""
    groups = len(crowd.clients) // sizes.group_size
    return [
        crowd.clients[group * sizes.group_size + (turn + group) % sizes.group_size]
        for turn in range(sizes.group_size)
        for group in range(groups)
    ]


def _paced(load: Load, sizes: Sizes) -> Outcome:
    at_once = max(1, round(sizes.node_pace / AT_ONCE_PER_SECOND))
    return load.open_loop(sizes.pair_seconds, per_second=sizes.node_pace, at_once=at_once)


def _round(
    loads: dict[str, Load], crowds: dict[str, tuple[Crowd, list[int]]], sizes: Sizes, number: int
) -> dict[str, Outcome]:
    """One run of each, the first of this round being the last of the next."""
    outcomes = {}
    for subject, load in list(loads.items())[:: -1 if number % 2 else 1]:
        for crowd, _ in crowds.values():
            crowd.serve(PONG_SECONDS)
        outcomes[subject] = _paced(load, sizes)
    return outcomes


def _note_cost(table: Table, rounds: Sequence[dict[str, Outcome]], promised: float) -> None:
    cost = table.row(CPU, "less", at_least=promised, only=TWO)
    spent = {
        subject: [each[subject].server.processor / each[subject].deliveries for each in rounds] for subject in NODES
    }
    for subject in table.subjects:
        outcomes = [each[subject] for each in rounds]
        cost.values[subject] = 1e6 * statistics.median(spent[subject])
        for percent in (99, 50):
            row = table.row(f"delivery to any member, p{percent}, ms", "less")
            row.values[subject] = statistics.median(outcome.percentile(percent) for outcome in outcomes)
        for name, shares in (
            ("nodes' share of their core, %", [outcome.server.share for outcome in outcomes]),
            ("others on that core, %", [outcome.server.taken for outcome in outcomes]),
            ("generator's share of its core, %", [outcome.generator.share for outcome in outcomes]),
        ):
            table.row(name).values[subject] = 100 * statistics.median(shares)
    for subject in (ALONE, TWO):
        cost.ratios[subject] = statistics.median(one / own for one, own in zip(spent[ONE], spent[subject], strict=True))
    for other in (ONE, ALONE):
        times = sorted(own / one for own, one in zip(spent[TWO], spent[other], strict=True))
        table.notes.append(
            f"{TWO} spend {statistics.median(times):.2f} times what {other} does ({times[0]:.2f} to {times[-1]:.2f} in "
            f"{len(times)} rounds)."
        )


def _measure_way(table: Table, sizes: Sizes, crowd: Crowd, pids: Sequence[int]) -> None:
    """From the first of each group, who sit on the first node, to everybody on the second."""
    load = Load(crowd, crowd.clients[:: sizes.group_size], *pids)
    there = [client for client in crowd.clients if crowd.node_of(client.index) == 1]
    at_once = max(1, round(sizes.way_pace / AT_ONCE_PER_SECOND))
    outcome = load.open_loop(sizes.way_seconds, per_second=sizes.way_pace, at_once=at_once, listeners=there)
    table.accept(TWO, "the way", outcome)
    for percent in (99, 50):
        promised = sizes.way_milliseconds if percent == 99 else None
        row = table.row(f"from node to node, p{percent}, ms", "less", at_most=promised, only=TWO)
        row.values[TWO] = outcome.percentile(percent)
