"""Many sockets that do nothing: how fast they come, and what memory each keeps."""

from __future__ import annotations

from typing import Final

from bench.processes import Meter, resident_bytes
from bench.report import Table
from bench.sizes import Sizes
from bench.subjects import CHAT, SUBJECTS, Machine, serving

_WARM_UP_SOCKETS: Final = 50
_GONE_SECONDS: Final = 1.0


def run(machine: Machine, sizes: Sizes) -> Table:
    """Measure every subject."""
    table = Table(
        "Idle sockets",
        f"{sizes.idle:,} WebSocket clients connect, 100 at a time, and stay. Memory: resident set of the server process, "
        f"{sizes.settle:g} s after the last was ready minus before the first, after {_WARM_UP_SOCKETS} had come and gone. "
        f"{CHAT}: users who were there before, authenticated by token, `init` answered.",
    )
    for subject in SUBJECTS:
        with serving(subject, machine, users=sizes.idle, room_size=1) as (server, crowd):
            crowd.connect(_WARM_UP_SOCKETS)
            crowd.cut()
            crowd.serve(_GONE_SECONDS)
            before = resident_bytes(server.pid)
            meter = Meter(server.pid)
            seconds = crowd.connect(sizes.idle)
            used = meter.read()
            crowd.serve(sizes.settle)
            crowd.expect_nobody_lost()
            memory = (resident_bytes(server.pid) - before) / sizes.idle / 1_024
        table.row("resident KiB per socket", "less", at_least=sizes.memory_ratio).values[subject] = memory
        table.row("server CPU per connection, ms", "less").values[subject] = used.processor / sizes.idle * 1_000
        table.row("connections/s", "more").values[subject] = sizes.idle / seconds
    return table
