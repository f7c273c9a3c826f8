"""One large room: what a delivery costs the server under pressure, and how long it takes at a modest pace."""

from __future__ import annotations

from bench.load import TEXT_BYTES, Load, Outcome
from bench.report import Table
from bench.sizes import Sizes
from bench.subjects import SUBJECTS, Machine, serving


def run(machine: Machine, sizes: Sizes) -> Table:
    """Measure every subject."""
    table = Table(
        "One room",
        f"{sizes.members:,} WebSocket clients in one room, {sizes.senders} of them send {TEXT_BYTES} bytes at a time. "
        "Window: messages each sender keeps under way; a message is done when its sender has its own copy.",
    )
    for subject in SUBJECTS:
        with serving(subject, machine, users=sizes.members) as (server, crowd):
            crowd.connect(sizes.members)
            load = Load(crowd, crowd.clients[:: sizes.members // sizes.senders], server.pid)
            load.closed_loop(sizes.warm_up, window=1, timed="own copies")
            steady = load.open_loop(sizes.seconds, per_second=sizes.pace)
            if table.accept(subject, f"{sizes.pace:g} messages/s", steady):
                _note_pace(table, subject, sizes.pace, steady)
            for window in sizes.windows:
                load.closed_loop(sizes.warm_up, window=window, timed="own copies")
                outcome = load.closed_loop(sizes.seconds, window=window, timed="own copies")
                if table.accept(subject, f"window {window}", outcome):
                    _note_window(table, subject, window, outcome, sizes.fan_out_ratio)
    return table


def _note_pace(table: Table, subject: str, pace: float, outcome: Outcome) -> None:
    for percent in (99, 50):
        row = table.row(f"{pace:g} messages/s: delivery to any member, p{percent}, ms", "less")
        row.values[subject] = outcome.percentile(percent)
    table.row(f"{pace:g} messages/s: server's share of its core, %", "less").values[subject] = (
        100 * outcome.server.share
    )


def _note_window(table: Table, subject: str, window: int, outcome: Outcome, promised: float) -> None:
    for percent in (99, 50):
        row = table.row(f"window {window}: own copy, p{percent}, ms", "less")
        row.values[subject] = outcome.percentile(percent)
    cost = table.row(f"window {window}: deliveries per server CPU-second", "more", at_least=promised)
    cost.values[subject] = outcome.per_server_second
    rate = table.row(f"window {window}: deliveries/s", "more")
    rate.values[subject] = outcome.deliveries / outcome.server.wall
    table.row(f"window {window}: server's share of its core, %").values[subject] = 100 * outcome.server.share
    table.row(f"window {window}: generator's share of its core, %").values[subject] = 100 * outcome.generator.share
