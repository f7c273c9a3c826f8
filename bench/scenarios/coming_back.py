"""Coming back while others talk: how long the server takes for `init` with a list of a hundred, at a steady load.

Owns the two loads: members who send at a pace, and devices that connect, get their list and go, in a thread of their own. The
time is the server's own measurement of what it does between the event and its answer, because the way there and back is the
generator's; it is read as a histogram, so a percentile is exact only where a bucket ends, which the promised one does.
"""

from __future__ import annotations

import random
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

from bench.chat import ChatHost
from bench.client import Stage
from bench.crowd import Crowd
from bench.errors import BenchError
from bench.load import DRAIN_SECONDS, Load
from bench.processes import ServerProcess, get
from bench.report import Table
from bench.sizes import Sizes
from bench.subjects import CHAT, Machine
from tests.postgres_server import running_postgres

SQLITE: Final = f"{CHAT}, SQLite"
POSTGRES: Final = f"{CHAT}, PostgreSQL"
AT_ONCE: Final = 5
"""Messages that fall due together."""
_BUCKET: Final = re.compile(r'^madang_event_seconds_bucket\{event="init",le="([^"]+)"\} (\S+)$', re.MULTILINE)


def run(machine: Machine, sizes: Sizes) -> Table:
    """Measure the chat on both stores."""
    table = Table(
        "Coming back",
        f"{sizes.list_users} people, each in {sizes.list_size} groups of {sizes.group_size}, send {sizes.list_pace:g} "
        f"messages/s; beside that, {sizes.list_inits:g} devices a second connect and ask for their list with `init`. Server "
        "time: from the receipt of `init` to its answer, from `madang_event_seconds`. PostgreSQL shares the generator's core.",
        subjects=(SQLITE, POSTGRES),
    )
    for subject in table.subjects:
        with _serving(subject, machine, sizes) as (server, host):
            with Crowd(server.address, host.dialect) as crowd:
                crowd.connect(sizes.list_users)
                load = Load(crowd, crowd.clients, server.pid)
                load.open_loop(sizes.warm_up, per_second=sizes.list_pace, at_once=AT_ONCE)
                before = _buckets(server)
                returning = _Returning(server, host, sizes)
                returning.start()
                outcome = load.open_loop(sizes.list_seconds, per_second=sizes.list_pace, at_once=AT_ONCE)
                returning.end()
            taken = {bound: count - before.get(bound, 0) for bound, count in _buckets(server).items()}
        table.accept(subject, "coming back", outcome)
        for percent in (99, 50):
            promised = sizes.list_milliseconds if percent == 99 else None
            row = table.row(f"`init` in the server, p{percent}, ms", "less", at_most=promised)
            row.values[subject] = quantile(taken, percent) * 1_000
        table.row("`init` answered").values[subject] = max(taken.values())
        table.row("delivery to any member, p99, ms", "less").values[subject] = outcome.percentile(99)
        table.row("server's share of its core, %").values[subject] = 100 * outcome.server.share
    return table


@contextmanager
def _serving(subject: str, machine: Machine, sizes: Sizes) -> Iterator[tuple[ServerProcess, ChatHost]]:
    with ExitStack() as stack:
        settings = {}
        if subject == POSTGRES:
            settings["MADANG_DATABASE_URL"] = stack.enter_context(running_postgres(parent=machine.folder)).url()
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="madang-bench-", dir=machine.folder))
        host = ChatHost(Path(folder), sizes.list_users, sizes.group_size, settings=settings, list_size=sizes.list_size)
        host.prepare(machine.cores.server)
        yield stack.enter_context(host.server(machine.cores.server)), host


class _Returning(threading.Thread):
    """Devices that connect at a pace, get their list, and go."""

    def __init__(self, server: ServerProcess, host: ChatHost, sizes: Sizes) -> None:
        super().__init__(name="returning")
        self._server = server
        self._host = host
        self._sizes = sizes
        self._failed: BenchError | None = None

    def run(self) -> None:
        try:
            self._come_and_go()
        except BenchError as error:
            self._failed = error

    def _come_and_go(self) -> None:
        sizes, chance = self._sizes, random.Random(0)
        with Crowd(self._server.address, self._host.dialect) as crowd:
            begun = time.perf_counter()
            for number in range(round(sizes.list_inits * sizes.list_seconds)):
                crowd.serve(begun + number / sizes.list_inits - time.perf_counter())
                crowd.expect_nobody_lost()
                for client in [client for client in crowd.clients if client.stage is Stage.READY]:
                    crowd.dismiss(client)
                crowd.begin(chance.randrange(sizes.list_users))
            if not crowd.serve_until(
                lambda: all(client.stage is Stage.READY for client in crowd.clients), DRAIN_SECONDS
            ):
                raise BenchError("a list was not answered")

    def end(self) -> None:
        """Wait until everybody has their list.

        Raises:
            BenchError: somebody has not.
        """
        self.join()
        if self._failed is not None:
            raise self._failed


def _buckets(server: ServerProcess) -> dict[float, float]:
    """How many `init` took at most so many seconds."""
    _, metrics = get(server.address, "/metrics")
    return {float(bound): float(count) for bound, count in _BUCKET.findall(metrics.decode())}


def quantile(buckets: dict[float, float], percent: float) -> float:
    """The time within which so many percent lie, evenly spread within their bucket; infinite beyond the last.

    Raises:
        BenchError: there are none.
    """
    most = max(buckets.values(), default=0)
    if not most:
        raise BenchError("the server has measured nothing")
    rank = most * percent / 100
    for (lower, below), (upper, count) in pairwise([(0.0, 0.0), *sorted(buckets.items())]):
        if count >= rank:
            return lower + (upper - lower) * (rank - below) / (count - below) if upper < float("inf") else upper
    raise BenchError("the buckets are not ascending")
