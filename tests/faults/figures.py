"""What all scenarios of a run found, added up.

Owns the sum, which `conftest.py` prints at the end of a run, and the worst of each figure that has a bound. Under several
workers each has its own, and nothing is printed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.faults.checker import KINDS, Report

__all__ = ["FIGURES", "Figures"]


@dataclass
class _Bounded:
    """A figure that was taken so many times, and must stay within a bound."""

    unit: str
    bound: float
    worst: float = 0.0
    times: int = 0

    def __str__(self) -> str:
        return f"{self.worst:.3g} {self.unit}, at most {self.bound:g} (the worst of {self.times:,})"


class Figures:
    """A sum of reports."""

    def __init__(self) -> None:
        self.scenarios = 0
        self.kills = 0
        self.acknowledged = 0
        self.delivered = 0
        self.counts: Counter[str] = Counter()
        self._faults: list[str] = []
        self._bounded: dict[str, _Bounded] = {}

    def add(self, kills: int, report: Report) -> None:
        """One scenario more."""
        self.scenarios += 1
        self.kills += kills
        self.acknowledged += report.acknowledged
        self.delivered += report.delivered
        self.counts += report.counts

    def at_random(self, seconds: float, faults: Mapping[str, int], seed: int, report: Report) -> None:
        """What one scenario went through whose faults chance chose, by kind."""
        kinds = ", ".join(f"{kind} {faults[kind]}" for kind in sorted(faults))
        acks = f"{report.acknowledged:,} acks"
        self._faults.append(f"{seconds:.0f} s at random from seed {seed}, {acks}: {kinds}")

    def hold(self, what: str, value: float, *, at_most: float, unit: str = "s") -> None:
        """Take a figure.

        Raises:
            AssertionError: it is above its bound.
        """
        figure = self._bounded.setdefault(what, _Bounded(unit, at_most))
        figure.worst, figure.times = max(figure.worst, value), figure.times + 1
        assert value <= at_most, f"{what}: {value:.3g} {unit}, at most {at_most:g}"

    def __str__(self) -> str:
        found = ", ".join(f"{self.counts[kind]} {kind}" for kind in KINDS)
        head = f"{self.scenarios} scenarios, {self.kills} kills, {self.acknowledged:,} acks, {self.delivered:,} deliveries: {found}"
        return "\n".join([head, *self._faults, *(f"{what}: {figure}" for what, figure in self._bounded.items())])


FIGURES: Final = Figures()
