"""What one operation costs each process: a node, PostgreSQL, Valkey. The figures `bench.capacity` computes with.

Owns the operations and how each is told from what goes on anyway: everything comes one by one, at a pace that keeps the node about
half busy, as one should be in the busiest minute, and what the same processes use while nobody does anything is taken off. The
hop between nodes is measured on buses in this process, without servers around them.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from bench.chat import ChatHost
from bench.client import Client
from bench.crowd import Crowd
from bench.errors import BenchError
from bench.frames import client_frame
from bench.load import DRAIN_SECONDS, Load
from bench.processes import ServerProcess, get, processor_seconds, resident_bytes
from bench.report import Table
from bench.scenarios.hops import measure_hops
from bench.sizes import Sizes
from bench.subjects import Machine
from madang.gateway.sweep import ROUND_SECONDS
from madang.telemetry import configure_logging
from tests.postgres_server import PostgresServer, running_postgres
from tests.valkey_server import ValkeyServer, running_valkey

NODE: Final = "node"
POSTGRES: Final = "PostgreSQL"
VALKEY: Final = "Valkey"
GROUP: Final = 10
HEARTBEAT_SECONDS: Final = 0.5
FIRST_SEQ: Final = 2
"""Of the first message of a group; before it stands that there is one."""
_SETTINGS: Final = {"MADANG_SECRET": "the secret of the nodes of a benchmark"}
_QUIET: Final = {"MADANG_PING_INTERVAL": "3600"}
_BEATING: Final = {name: str(HEARTBEAT_SECONDS) for name in ("MADANG_PING_INTERVAL", "MADANG_PING_TIMEOUT")}
_DATABASE: Final = {"max_wal_size": "2GB"}
"""No checkpoint falls into a run; nothing that durability depends on."""
_WARM_UP_SOCKETS: Final = 20
_SETTLE_SECONDS: Final = 2.0
_TOLD_SECONDS: Final = 5.0
"""In which those who care have been told that somebody came."""
_CALM_SECONDS: Final = 12.0
"""In which a server that has started takes over the people of the one before, and tells of those who have gone."""
_SENT: Final = re.compile(r"^madang_sent_bytes_total (\S+)$", re.MULTILINE)


def run(machine: Machine, sizes: Sizes) -> Table:
    """Measure every operation."""
    table = Table(
        "Costs",
        f"{sizes.cost_users:,} people on one node with PostgreSQL and Valkey; {sizes.cost_pace:g} messages, read marks or "
        f"signals of typing a second for {sizes.cost_seconds:g} s, in groups of {GROUP} who are all there. CPU is user and "
        "system time of the process (of PostgreSQL: of all its processes), less what it uses while nobody does anything.",
        subjects=(NODE, POSTGRES, VALKEY),
        baseline="",
    )
    with running_valkey() as valkey, running_postgres(_DATABASE, parent=machine.folder) as postgres:
        asyncio.run(postgres.execute("CREATE DATABASE alone", "CREATE DATABASE lists"))
        _alone(machine, sizes, table, postgres, valkey)
        _with_lists(machine, sizes, table, postgres, valkey)
    configure_logging("console", "warning")  # the buses of this process say when they are heard
    with running_valkey() as valkey:
        for name, (node, server) in measure_hops(valkey, sizes.cost_channels).items():
            table.row(name).values.update({NODE: node, VALKEY: server})
    return table


# --------------------------------------------------------------------------------------------- three processes at once


@dataclass(slots=True)
class _Meters:
    """The processor time of the three; a reading is what they used since the last one, in seconds."""

    server: ServerProcess
    postgres: PostgresServer
    valkey: ValkeyServer
    _last: tuple[float, dict[str, float]] = field(default=(0.0, {}))

    def read(self) -> dict[str, float]:
        """What was used since; and the seconds that went by, under an empty name."""
        now = time.perf_counter(), self._used()
        then, self._last = self._last, now
        used = {name: seconds - then[1].get(name, 0.0) for name, seconds in now[1].items()}
        return {**used, "": now[0] - then[0]}

    def _used(self) -> dict[str, float]:
        return {
            NODE: processor_seconds(self.server.pid),
            POSTGRES: sum(map(processor_seconds, self.postgres.processes)),
            VALKEY: processor_seconds(self.valkey.pid),
        }

    def while_idle(self, crowd: Crowd, seconds: float) -> dict[str, float]:
        """Processor time in a second in which nobody does anything."""
        self.read()
        crowd.serve(seconds)
        used = self.read()
        return {name: used[name] / used[""] for name in (NODE, POSTGRES, VALKEY)}


def _note(
    table: Table, name: str, used: dict[str, float], idle: dict[str, float], count: float, *, scale: float = 1e6
) -> None:
    """Enter what one of `count` operations cost beyond idling."""
    for subject in table.subjects:
        table.row(name).values[subject] = max(0.0, used[subject] - idle[subject] * used[""]) / count * scale


# ------------------------------------------------------------------------------------------------- people with nobody


def _alone(machine: Machine, sizes: Sizes, table: Table, postgres: PostgresServer, valkey: ValkeyServer) -> None:
    settings = {**_SETTINGS, "MADANG_REDIS_URL": valkey.url, **_BEATING}
    users = sizes.cost_users
    with (
        _host(machine, settings, users=users, room_size=1, url=postgres.url("alone")) as host,
        host.server(machine.cores.server) as server,
        Crowd(server.address, host.dialect) as crowd,
    ):
        meters = _Meters(server, postgres, valkey)
        _come_and_go(crowd)
        empty = meters.while_idle(crowd, sizes.cost_seconds)
        used = _connect(meters, crowd, users)
        _note(table, "connecting, nobody in the list, CPU ms", used, empty, users, scale=1e3)
        idle = meters.while_idle(crowd, sizes.cost_seconds)
        beats = users / HEARTBEAT_SECONDS
        table.row("heartbeat, CPU µs").values[NODE] = max(0.0, idle[NODE] - empty[NODE]) / beats * 1e6
        crowd.expect_nobody_lost()


# -------------------------------------------------------------------------------------------------- people with lists


@dataclass(frozen=True, slots=True)
class _Talk:
    """People who are there and have done nothing yet."""

    sizes: Sizes
    table: Table
    meters: _Meters
    crowd: Crowd
    rooms: Sequence[str]
    """The group of each, by the room of its client."""
    idle: dict[str, float]
    """What nobody's doing anything takes in a second."""


def _with_lists(machine: Machine, sizes: Sizes, table: Table, postgres: PostgresServer, valkey: ValkeyServer) -> None:
    settings = {**_SETTINGS, **_QUIET, "MADANG_REDIS_URL": valkey.url}
    users, list_size = sizes.cost_users, sizes.cost_list
    url = postgres.url("lists")
    with _host(machine, settings, users=users, room_size=GROUP, url=url, list_size=list_size) as host:
        asyncio.run(postgres.execute("ANALYZE", database="lists"))
        with host.server(machine.cores.server) as server, Crowd(server.address, host.dialect) as crowd:
            meters = _Meters(server, postgres, valkey)
            _come_and_go(crowd)
            empty = meters.while_idle(crowd, sizes.cost_seconds)
            memory = resident_bytes(server.pid)
            used = _connect(meters, crowd, users)
            _note(table, f"connecting, {list_size} groups in the list, CPU ms", used, empty, users, scale=1e3)
            kib = (resident_bytes(server.pid) - memory) / users / 1_024
            table.row(f"resident KiB per socket, {list_size} groups in the list").values[NODE] = kib
            idle = meters.while_idle(crowd, sizes.cost_seconds)
            followed = users * list_size / GROUP + 2 * users  # groups, and everybody's notes and list
            for subject in table.subjects:
                row = table.row("sweep, for each conversation or person followed, CPU µs")
                row.values[subject] = max(0.0, idle[subject] - empty[subject]) * ROUND_SECONDS / followed * 1e6
            talk = _Talk(sizes, table, meters, crowd, host.dialect.conversations, idle)
            asyncio.run(_messages(talk))
            _marks(talk)
            _typing(talk)
            _memory_of_connections(table, postgres)
            table.row("resident MiB, empty").values[NODE] = memory / 2**20


async def _messages(run: _Talk) -> None:
    sizes, crowd, postgres = run.sizes, run.crowd, run.meters.postgres
    load = Load(crowd, crowd.clients[::GROUP], run.meters.server.pid)
    load.open_loop(1.0, per_second=sizes.cost_pace)
    database = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, pg_database_size('lists')"
    ((wal, size),) = await postgres.fetch(database)
    sent = _sent_bytes(run.meters.server)
    run.meters.read()
    outcome = load.open_loop(sizes.cost_seconds, per_second=sizes.cost_pace)
    _note(run.table, f"message in a group of {GROUP}, CPU µs", run.meters.read(), run.idle, outcome.sent)
    crowd.serve(_SETTLE_SECONDS)
    ((wal_after, size_after),) = await postgres.fetch(database)
    run.table.row("log written for a message, bytes").values[POSTGRES] = float(wal_after - wal) / outcome.sent
    run.table.row("disk taken by a message, bytes").values[POSTGRES] = (size_after - size) / outcome.sent
    per_delivery = (_sent_bytes(run.meters.server) - sent) / outcome.deliveries
    run.table.row("sent for a delivery, bytes").values[NODE] = per_delivery


def _marks(run: _Talk) -> None:
    """Everybody but the senders marks their group as read, one message after the other."""
    readers = [client for client in run.crowd.clients if client.index % GROUP]

    def frame(client: Client, number: int) -> bytes:
        body = {"conversationId": run.rooms[client.room], "seq": FIRST_SEQ + number // len(readers)}
        return b'42%d["message:read",%b]' % (number, msgspec.json.encode(body))

    sent = _pace(run, readers, frame)
    _note(run.table, f"read mark in a group of {GROUP}, CPU µs", run.meters.read(), run.idle, sent)


def _typing(run: _Talk) -> None:
    """Everybody in turn begins to type, which a server hears from each at most once in two seconds."""

    def frame(client: Client, number: int) -> bytes:
        return b'42%d["typing:start",%b]' % (number, msgspec.json.encode({"conversationId": run.rooms[client.room]}))

    sent = _pace(run, run.crowd.clients, frame)
    _note(run.table, f"typing in a group of {GROUP}, CPU µs", run.meters.read(), run.idle, sent)


def _pace(run: _Talk, clients: Sequence[Client], frame: Callable[[Client, int], bytes]) -> int:
    """Have clients in turn send something at the pace, and wait for all acks; the meters then have what it cost.

    Raises:
        BenchError: an ack is missing.
    """
    acknowledged = 0

    def count(_: Client, __: int) -> None:
        nonlocal acknowledged
        acknowledged += 1

    for client in clients:
        client.on_ack = count
    total = round(run.sizes.cost_pace * run.sizes.cost_seconds)
    run.meters.read()
    begun = time.perf_counter()
    for number in range(total):
        run.crowd.serve(begun + number / run.sizes.cost_pace - time.perf_counter())
        client = clients[number % len(clients)]
        client.send(client_frame(frame(client, number)))
    if not run.crowd.serve_until(lambda: acknowledged >= total, DRAIN_SECONDS):
        raise BenchError(f"{acknowledged} of {total} acks had come")
    run.crowd.serve(_SETTLE_SECONDS)
    run.crowd.expect_nobody_lost()
    return total


def _memory_of_connections(table: Table, postgres: PostgresServer) -> None:
    """What a backend has for itself, of those that serve the node."""
    rows = asyncio.run(postgres.fetch("SELECT pid FROM pg_stat_activity WHERE application_name = 'madang'"))
    private = [_private_bytes(row["pid"]) for row in rows]
    table.row("connections to PostgreSQL, used").values[NODE] = len(private)
    table.row("private MiB per connection").values[POSTGRES] = sum(private) / len(private) / 2**20


def _private_bytes(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return sum(int(size) for size in re.findall(r"^Private_\w+:\s+(\d+) kB$", text, re.MULTILINE)) * 1_024


# ---------------------------------------------------------------------------------------------------------- the rest


@contextmanager
def _host(
    machine: Machine, settings: dict[str, str], *, users: int, room_size: int, url: str, list_size: int = 1
) -> Iterator[ChatHost]:
    with tempfile.TemporaryDirectory(prefix="madang-bench-", dir=machine.folder) as folder:
        host = ChatHost(
            Path(folder), users, room_size, list_size=list_size, settings={"MADANG_DATABASE_URL": url, **settings}
        )
        host.prepare(machine.cores.server)
        yield host


def _come_and_go(crowd: Crowd) -> None:
    """What is loaded only once is loaded."""
    crowd.connect(_WARM_UP_SOCKETS)
    crowd.cut()
    crowd.serve(_CALM_SECONDS)


def _connect(meters: _Meters, crowd: Crowd, users: int) -> dict[str, float]:
    """What everybody's coming costs, and telling the others of it."""
    meters.read()
    crowd.connect(users)
    crowd.serve(_TOLD_SECONDS)
    return meters.read()


def _sent_bytes(server: ServerProcess) -> float:
    _, metrics = get(server.address, "/metrics")
    found = _SENT.search(metrics.decode())
    if found is None:
        raise BenchError("the server does not tell what it has sent")
    return float(found[1])
