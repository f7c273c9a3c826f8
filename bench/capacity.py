"""`python -m bench.capacity`: what to run for so many people, and what breaks first.

    python -m bench.capacity --users 1000 --users 2000000 --group-size 50
    python -m bench.capacity --costs bench/results/<date>-<commit>.json     with figures measured anew
    python -m bench.capacity --write                                        the table of docs/scaling.md

Owns the words and tables around the model in `bench.sizing`. Exit codes: 0 done, 2 a wrong flag or file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from math import ceil
from pathlib import Path
from typing import Any, Final, get_type_hints

from bench.costs import COSTS, RESULT, read, values
from bench.errors import BenchError
from bench.sizing import Habits, Limit, Plan, limits, most, plan
from madang.contract.export import CHECKOUT, write

__all__ = ["USERS", "main", "page", "report"]

USERS: Final = (1_000, 100_000, 10_000_000)
PAGE: Final = "docs/scaling.md"
BEGIN: Final = "<!-- Written by python -m bench.capacity --write; changes by hand are lost. -->"
END: Final = "<!-- Here it ends. -->"


def number(value: float) -> str:
    """Two digits that count, or all of a whole number below a hundred: a model is not more exact."""
    if value == 0:
        return "0"
    if abs(value) < 100:
        return f"{value:.2g}"
    digits = len(str(int(abs(value)))) - 2
    return f"{round(value, -digits):,.0f}"


def shape(sized: Plan) -> str:
    """How it is run."""
    if sized.processes == 1:
        return "one process, SQLite"
    if sized.machines == 1:
        return f"one machine, `--workers {sized.processes}`"
    return f"{sized.machines:,} machines, `--workers {ceil(sized.processes / (sized.machines - 1))}` each"


def _limit(limit: Limit) -> str:
    unit = limit.unit
    return f"{limit.name}: {number(limit.wanted)} of {number(limit.there_is)} {unit}"


def _most(work: Mapping[str, float]) -> str:
    """What most of some work is for."""
    total = sum(work.values())
    ordered = sorted(work.items(), key=lambda part: -part[1])
    return ", ".join(f"{name} {used / total:.0%}" for name, used in ordered[:3]) if total else "nothing"


def _cores(work: Mapping[str, float]) -> str:
    return number(sum(work.values()))


_ROWS: Final[tuple[tuple[str, Callable[[Plan], str]], ...]] = (
    ("run", shape),
    ("messages/s, busiest minute", lambda it: number(it.demand.messages)),
    ("deliveries/s, read marks and typing among them", lambda it: number(it.demand.deliveries + it.demand.notices)),
    ("people who come back, per second", lambda it: number(it.demand.connects)),
    ("node processes", lambda it: f"{it.processes:,}"),
    ("… cores they use, busiest minute", lambda it: _cores(it.work)),
    ("… most of it for", lambda it: _most(it.work)),
    ("machines, one to spare", lambda it: f"{it.machines:,}"),
    ("… resident memory of nodes on each, GiB", lambda it: number(it.machine_gib)),
    ("messages sent to people, MB/s", lambda it: number(it.sent_megabytes)),
    ("Valkey: news it takes, per second", lambda it: number(it.publishes)),
    ("… and gives", lambda it: number(it.pushes)),
    ("… cores", lambda it: _cores(it.valkey_work)),
    ("… most of it for", lambda it: _most(it.valkey_work)),
    ("… memory of subscriptions, GiB", lambda it: number(it.valkey_gib)),
    ("PostgreSQL: cores", lambda it: _cores(it.database_work)),
    ("… most of it for", lambda it: _most(it.database_work)),
    ("… connections", lambda it: f"{it.connections:,}"),
    ("… memory of connections, GiB", lambda it: number(it.connections_gib)),
    ("… write-ahead log, MB/s", lambda it: number(it.log_megabytes)),
    ("… disk, GB a day", lambda it: number(it.disk_gigabytes_a_day)),
    ("everybody back after all were cut off, seconds", lambda it: number(it.back_seconds)),
)


def report(users: Sequence[float], habits: Habits, costs: Mapping[str, float]) -> str:
    """The table, and what it was computed from, in Markdown."""
    sized = [plan(each, habits, costs) for each in users]
    scarce = [limits(each, habits) for each in sized]
    rows = [(name, *(cell(each) for each in sized)) for name, cell in _ROWS]
    rows.append(("does it fit?", *("yes" if first.share <= 1 else "**no**" for first, *_ in scarce)))
    rows.append(("scarcest", *(_limit(first) for first, *_ in scarce)))
    rows.append(("next", *(_limit(second) for _, second, *_ in scarce)))
    people, end = most(habits, costs)
    assumed = [(words, number(getattr(habits, name)), f"`--{_flag(name)}`") for name, words in _words().items()]
    measured = [
        (cost.meaning, number(costs[name]), cost.unit, f"{cost.table}: {cost.row}; {cost.column}")
        for name, cost in COSTS.items()
    ]
    return "\n\n".join(
        [
            _table(["", *(f"{each:,.0f} connected" for each in users)], rows),
            f"One installation ends at about {number(people)} people connected at once, by {end.name}.",
            _table(("assumption", "value", "option"), assumed),
            f"Costs are from `bench/results/{RESULT}.md`:",
            _table(("cost", "value", "unit", "table: row; column"), measured),
        ]
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(text: str) -> str:
    """The page with its table as it is computed now.

    Raises:
        BenchError: the page has no place for it.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"{PAGE} has no place for the table")
    return f"{head}{BEGIN}\n\n{report(USERS, Habits(), values())}\n\n{END}{tail}"


def _words() -> dict[str, str]:
    """The assumptions in words."""
    hints = get_type_hints(Habits, include_extras=True)
    return {field.name: hints[field.name].__metadata__[0] for field in fields(Habits)}


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.capacity", description="What to run for so many people, from measured costs."
    )
    parser.add_argument(
        "--users", action="append", type=_positive, metavar="N", help="connected people; may be repeated"
    )
    parser.add_argument(
        "--costs", action="append", type=Path, default=[], metavar="FILE", help="a result of bench --save"
    )
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE}")
    for name, words in _words().items():
        default = getattr(Habits(), name)
        parser.add_argument(
            f"--{_flag(name)}", type=_positive, default=default, metavar="X", help=f"{words}; {default:g}"
        )
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e12:
        raise ValueError(text)
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    options: Any = _options(arguments)
    if options.write:
        for path in write(CHECKOUT, {PAGE: page((CHECKOUT / PAGE).read_text(encoding="utf-8"))}):
            print(f"wrote {path}")
        return 0
    costs = values()
    try:
        for path in options.costs:
            costs |= read(path)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    habits = Habits(**{name: getattr(options, name) for name in _words()})
    print(report(options.users or USERS, habits, costs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
