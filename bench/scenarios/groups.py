"""Small groups, many senders: how fast acks come, which for the chat means durable on SQLite."""

from __future__ import annotations

from bench.load import TEXT_BYTES, Load
from bench.report import Table
from bench.sizes import Sizes
from bench.subjects import CHAT, SUBJECTS, Machine, serving


def run(machine: Machine, sizes: Sizes) -> Table:
    """Measure every subject."""
    table = Table(
        "Groups",
        f"{sizes.group_senders} clients in groups of {sizes.group_size}, all send {TEXT_BYTES} bytes at a time to their "
        f"group, {sizes.group_window} messages under way each; a message is done when it is acknowledged. {CHAT}: the "
        "message is checked, ordered, stored and flushed to the disk before the ack; the others store nothing.",
    )
    for subject in SUBJECTS:
        with serving(subject, machine, users=sizes.group_senders, room_size=sizes.group_size) as (server, crowd):
            crowd.connect(sizes.group_senders)
            load = Load(crowd, crowd.clients, server.pid)
            load.closed_loop(sizes.warm_up, window=sizes.group_window, timed="acks")
            outcome = load.closed_loop(sizes.seconds, window=sizes.group_window, timed="acks")
        if not table.accept(subject, "groups", outcome):
            continue
        for percent in (99, 50):
            table.row(f"ack, p{percent}, ms", "less").values[subject] = outcome.percentile(percent)
        table.row("acks/s", "more").values[subject] = outcome.sent / outcome.server.wall
        table.row("acks per server CPU-second", "more").values[subject] = outcome.sent / outcome.server.processor
        table.row("server's share of its core, %").values[subject] = 100 * outcome.server.share
        table.row("generator's share of its core, %").values[subject] = 100 * outcome.generator.share
    return table
