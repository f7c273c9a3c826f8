"""What all scenarios of a run found, added up.

Owns the sum, which `conftest.py` prints at the end of a run. Under several workers each has its own, and nothing is printed.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from tests.faults.checker import KINDS, Report

__all__ = ["FIGURES", "Figures"]


class Figures:
    """A sum of reports."""

    def __init__(self) -> None:
        self.scenarios = 0
        self.kills = 0
        self.acknowledged = 0
        self.delivered = 0
        self.counts: Counter[str] = Counter()

    def add(self, kills: int, report: Report) -> None:
        """One scenario more."""
        self.scenarios += 1
        self.kills += kills
        self.acknowledged += report.acknowledged
        self.delivered += report.delivered
        self.counts += report.counts

    def __str__(self) -> str:
        found = ", ".join(f"{self.counts[kind]} {kind}" for kind in KINDS)
        return f"{self.scenarios} scenarios, {self.kills} kills, {self.acknowledged:,} acks, {self.delivered:,} deliveries: {found}"


FIGURES: Final = Figures()
