"""What one operation costs, as it was measured: the one table that `bench.capacity` computes with.

Owns the figures and where each is from: the table, row and column of a result of `python -m bench`. Must never hold a figure that
no result has; `tests/bench/test_capacity.py` compares them. To measure them anew:

    python -m bench --only fan-out --only costs --save
    python -m bench.capacity --costs bench/results/<date>-<commit>.json

and, to keep them, put that result's name and figures here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.errors import BenchError

RESULT: Final = "2026-11-30-3dd1dec6da2a"
"""The result that the figures are of, in `bench/results`."""
LIST: Final = 20
"""Groups in the list of those who were measured with one."""
GROUP: Final = 10
"""People in each of them, all there."""

_ROOM: Final = "One room", "10 messages/s: server's share of its core, %"
_NODE, _POSTGRES, _VALKEY = "node", "PostgreSQL", "Valkey"


@dataclass(frozen=True, slots=True)
class Cost:
    """One figure: what it is, its value and unit, and the table, row and column of a result that has it."""

    meaning: str
    value: float
    unit: str
    table: str
    row: str
    column: str


def _cost(meaning: str, value: float, row: str, column: str) -> Cost:
    return Cost(meaning, value, _unit(row), "Costs", row, column)


def _unit(row: str) -> str:
    return next(unit for unit in ("CPU µs", "CPU ms", "bytes", "KiB", "MiB", "") if unit in row)


COSTS: Final[dict[str, Cost]] = {
    "deliver": Cost("a message to one socket, not in a batch: node", 12.3, "CPU µs", *_ROOM, "Madang chat"),
    "connect_node": _cost(
        "coming, with nobody in the list: node", 9.34, "connecting, nobody in the list, CPU ms", _NODE
    ),
    "connect_list_node": _cost(
        "coming, with 20 groups in the list: node", 13.2, "connecting, 20 groups in the list, CPU ms", _NODE
    ),
    "connect_postgres": _cost(
        "coming, with nobody in the list: PostgreSQL", 1.63, "connecting, nobody in the list, CPU ms", _POSTGRES
    ),
    "connect_list_postgres": _cost(
        "coming, with 20 groups in the list: PostgreSQL", 2.42, "connecting, 20 groups in the list, CPU ms", _POSTGRES
    ),
    "connect_valkey": _cost(
        "coming, with nobody in the list: Valkey", 0.202, "connecting, nobody in the list, CPU ms", _VALKEY
    ),
    "connect_list_valkey": _cost(
        "coming, with 20 groups in the list: Valkey", 1.01, "connecting, 20 groups in the list, CPU ms", _VALKEY
    ),
    "socket_kib": _cost(
        "memory of a socket with 20 groups in the list", 27.4, "resident KiB per socket, 20 groups in the list", _NODE
    ),
    "process_mib": _cost("memory of a process with nobody", 102, "resident MiB, empty", _NODE),
    "heartbeat": _cost("a heartbeat: node", 30.7, "heartbeat, CPU µs", _NODE),
    "sweep_node": _cost(
        "looking after a conversation or a person once: node",
        6.11,
        "sweep, for each conversation or person followed, CPU µs",
        _NODE,
    ),
    "sweep_postgres": _cost(
        "looking after a conversation or a person once: PostgreSQL",
        1.18,
        "sweep, for each conversation or person followed, CPU µs",
        _POSTGRES,
    ),
    "message_node": _cost("a message and its ten deliveries: node", 710, "message in a group of 10, CPU µs", _NODE),
    "message_postgres": _cost("a message: PostgreSQL", 1530, "message in a group of 10, CPU µs", _POSTGRES),
    "mark_node": _cost("a read mark and its ten deliveries: node", 821, "read mark in a group of 10, CPU µs", _NODE),
    "mark_postgres": _cost("a read mark: PostgreSQL", 1260, "read mark in a group of 10, CPU µs", _POSTGRES),
    "typing_node": _cost(
        "a signal of typing and its nine deliveries: node", 207, "typing in a group of 10, CPU µs", _NODE
    ),
    "hear_node": _cost("hearing another node: node", 3.5, "hearing another node, CPU µs", _NODE),
    "publish_valkey": _cost("taking news: Valkey", 4.04, "publishing to other nodes, CPU µs", _VALKEY),
    "hear_valkey": _cost("giving news to one node: Valkey", 0.706, "hearing another node, CPU µs", _VALKEY),
    "subscribe_valkey": _cost(
        "a node's interest in a conversation: Valkey", 0.803, "subscribing to a channel, CPU µs", _VALKEY
    ),
    "channel_bytes": _cost("memory of that interest: Valkey", 96.1, "a channel subscribed to, bytes", _VALKEY),
    "log_bytes": _cost("write-ahead log of a message: PostgreSQL", 1510, "log written for a message, bytes", _POSTGRES),
    "disk_bytes": _cost(
        "disk of a message with its indexes: PostgreSQL", 612, "disk taken by a message, bytes", _POSTGRES
    ),
    "delivery_bytes": _cost("a delivered message of 200 bytes", 768, "sent for a delivery, bytes", _NODE),
    "connection_mib": _cost("memory of a connection: PostgreSQL", 3.89, "private MiB per connection", _POSTGRES),
}
"""By the name that the model has for it. The first is a share of a core at 10,000 deliveries a second, which is as many µs for one."""


def values(results: Mapping[str, float] | None = None) -> dict[str, float]:
    """Name to value, of the table or of `read`."""
    return {name: cost.value for name, cost in COSTS.items()} | dict(results or {})


def read(path: Path) -> dict[str, float]:
    """The costs that a result of `python -m bench --save` has.

    Raises:
        BenchError: the file is no such result, or has none of them.
    """
    try:
        tables: list[Any] = json.loads(path.read_text(encoding="utf-8"))["tables"]
        figures = {(table["title"], row["name"]): row for table in tables for row in table["rows"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{path} is no result of python -m bench --save: {error}") from None
    found = {
        name: float(figures[cost.table, cost.row][cost.column])
        for name, cost in COSTS.items()
        if cost.column in figures.get((cost.table, cost.row), {})
    }
    if not found:
        raise BenchError(f"{path} has none of the costs: take one of --only fan-out --only costs")
    return found
