"""One batch of many messages to a large room: nobody is cut as slow, and no turn of the event loop is long."""

from __future__ import annotations

import re
import signal
from typing import Final

import msgspec

from bench.errors import BenchError
from bench.load import TEXT_BYTES, Load
from bench.processes import ServerProcess, get
from bench.report import Table
from bench.sizes import Sizes
from bench.subjects import CHAT, Machine, serving

_ATTEMPTS: Final = 3
_SLOW_CLOSES: Final = re.compile(r"^madang_slow_closes_total (\S+)$", re.MULTILINE)


class _Stall(msgspec.Struct):
    stall: float
    own: float
    collection: float


def run(machine: Machine, sizes: Sizes) -> Table:
    """Measure the chat."""
    table = Table(
        "A burst",
        f"{sizes.burst:,} messages of {TEXT_BYTES} bytes arrive at once, from {sizes.senders} members of a room of "
        f"{sizes.members:,}; {_ATTEMPTS} times, the worst of them. Stall: how late a timer of 1 ms in the server's event "
        "loop fired at most; own work: how much processor time the loop's thread used meanwhile.",
        subjects=(CHAT,),
    )
    with serving(CHAT, machine, users=sizes.members, probed=True) as (server, crowd):
        crowd.connect(sizes.members)
        load = Load(crowd, crowd.clients[:: sizes.members // sizes.senders], server.pid)
        load.closed_loop(sizes.warm_up, window=1, timed="own copies")
        _stalls(server)
        outcomes = [load.burst(sizes.burst) for _ in range(_ATTEMPTS)]
        stalls = _stalls(server)
        closed = _slow_closes(server)
    for outcome in outcomes:
        table.accept(CHAT, "burst", outcome)
    promised = sizes.stall_milliseconds
    table.row("longest stall of the loop, own work, ms", "less", at_most=promised).values[CHAT] = stalls.own * 1_000
    table.row("longest stall of the loop, ms", "less").values[CHAT] = stalls.stall * 1_000
    table.row("longest garbage collection, ms", "less").values[CHAT] = stalls.collection * 1_000
    table.row("sockets cut as slow", "less", at_most=0).values[CHAT] = closed
    table.row("last own copy, ms", "less").values[CHAT] = max(outcome.percentile(100) for outcome in outcomes)
    table.row("deliveries/s", "more").values[CHAT] = min(each.deliveries / each.server.wall for each in outcomes)
    return table


def _stalls(server: ServerProcess) -> _Stall:
    """The longest stalls since the last time this was asked, in seconds."""
    return msgspec.json.decode(server.ask(signal.SIGUSR1), type=_Stall)


def _slow_closes(server: ServerProcess) -> float:
    _, metrics = get(server.address, "/metrics")
    found = _SLOW_CLOSES.search(metrics.decode())
    if found is None:
        raise BenchError("the server has no metric madang_slow_closes_total")
    return float(found[1])
