"""`python -m bench`: run the scenarios, print their tables, say which promises were broken.

Exit codes: 0 all promises kept, 1 a promise broken or a run without trustworthy figures, 2 a wrong flag or machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bench.crowd import allow_files, pin
from bench.errors import BenchError
from bench.processes import choose_cores
from bench.provenance import provenance
from bench.report import Table, document
from bench.scenarios import burst, coming_back, costs, durable, fan_out, groups, idle, nodes, queue, scale
from bench.sizes import FULL, QUICK, Sizes
from bench.subjects import Machine

SCENARIOS: Final[dict[str, Callable[[Machine, Sizes], Table]]] = {
    "fan-out": fan_out.run,
    "idle": idle.run,
    "groups": groups.run,
    "burst": burst.run,
    "durable": durable.run,
    "coming-back": coming_back.run,
    "scale": scale.run,
    "costs": costs.run,
    "nodes": nodes.run,
    "queue": queue.run,
}
DEFAULT: Final = ("fan-out", "idle", "groups", "burst")
"""What runs unasked. The others start a PostgreSQL, which comes with what the tests take, and need minutes of their own."""
DATA: Final = Path("/var/tmp")  # noqa: S108 - on a disk, unlike /tmp on many systems; what is made in it is private
RESULTS: Final = Path(__file__).parent / "results"


def main() -> int:
    """Run what was asked for."""
    options = _options()
    if sys.platform != "linux":
        print("The benchmark reads processor time, memory and waiting from Linux; it runs there only.")
        return 2
    sizes: Sizes = QUICK if options.quick else FULL
    most = max(sizes.idle, sizes.members)
    if allow_files(most) < most:
        print(f"{most:,} sockets need a higher limit of open files than this machine allows (ulimit -Hn).")
        return 2
    machine = Machine(choose_cores(), options.data.resolve())
    about = provenance(options.data)
    pin(machine.cores.generator)
    tables, broken = _measure(options.only or DEFAULT, machine, sizes)
    print(document(about, tables))
    for sentence in broken:
        print(f"broken: {sentence}")
    if options.save:
        _save(options.save, about, tables, broken)
    return 1 if broken else 0


def _measure(names: Sequence[str], machine: Machine, sizes: Sizes) -> tuple[list[Table], list[str]]:
    """Run scenarios. Gives the tables of those that ended, and as sentences which promises were broken, and what failed."""
    tables, failed = list[Table](), list[str]()
    for name in names:
        begun = time.perf_counter()
        print(f"… {name}", end="", flush=True, file=sys.stderr)
        try:
            tables.append(SCENARIOS[name](machine, sizes))
        except BenchError as error:
            failed.append(f"{name} has no result: {error}")
        print(f", {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    return tables, [*(sentence for table in tables for sentence in table.broken()), *failed]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures Madang against python-socketio.")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; its figures are no result")
    parser.add_argument("--only", action="append", choices=list(SCENARIOS), help="one scenario; may be repeated")
    parser.add_argument(
        "--save",
        nargs="?",
        type=Path,
        const=RESULTS,
        metavar="DIR",
        help="keep the figures, in bench/results by default",
    )
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help=f"folder on the disk to measure; {DATA}")
    return parser.parse_args()


def _save(folder: Path, about: dict[str, str], tables: list[Table], broken: list[str]) -> None:
    stem = f"{about['date'][:10]}-{about['commit'].rstrip('+')}"
    data = {"provenance": about, "tables": [table.as_data() for table in tables], "broken": broken}
    text = "\n".join([document(about, tables), *(f"- broken: {sentence}" for sentence in broken)])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.md").write_text(text, encoding="utf-8")
    (folder / f"{stem}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
