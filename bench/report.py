"""Figures as people and programs read them.

Owns the table of a scenario, its ratios and whether a promise was kept. Must never round away a miss: promises are
compared unrounded, and a figure that was not measured keeps none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bench.load import Outcome
from bench.subjects import BASELINE, SUBJECTS

SATURATED: Final = 0.9
"""Part of a core from which on one thread counts as saturated."""
CROWDED: Final = 0.1
"""Part of a core used by others from which on times are not to be quoted."""

Better = Literal["more", "less", "neither"]


@dataclass(slots=True)
class Row:
    """One figure of several subjects."""

    name: str
    better: Better = "neither"
    at_least: float | None = None
    """How many times better than the baseline it is promised to be, for everyone who has the figure."""
    at_most: float | None = None
    """What the figure itself is promised not to exceed."""
    only: str | None = None
    """Of whom it is promised, if not of everyone."""
    baseline: str = BASELINE
    values: dict[str, float] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    """Where runs come in pairs: the median of their ratios, which is not the ratio of the medians."""

    def ratio(self, subject: str) -> float | None:
        """How many times better than the baseline; None without both figures."""
        if subject in self.ratios:
            return self.ratios[subject]
        own, other = self.values.get(subject), self.values.get(self.baseline)
        if subject == self.baseline or not own or not other or self.better == "neither":
            return None
        return own / other if self.better == "more" else other / own

    def broken(self, subjects: Sequence[str]) -> list[str]:
        """The promises not kept, as sentences."""
        found = []
        for subject in [self.only] if self.only else subjects:
            value, ratio = self.values.get(subject), self.ratio(subject)
            if self.at_least is not None and subject != self.baseline and (ratio is None or ratio < self.at_least):
                was = "not measured" if ratio is None else f"{ratio:.2f} times better than {self.baseline}'s"
                found.append(f"{self.name} of {subject}: {was}, promised are {self.at_least:g} times")
            if self.at_most is not None and (value is None or value > self.at_most):
                was = "not measured" if value is None else f"{value:.2f}"
                found.append(f"{self.name} of {subject}: {was}, promised is at most {self.at_most:g}")
        return found


@dataclass(slots=True)
class Table:
    """What a scenario found."""

    title: str
    how: str
    """One sentence: what was done."""
    subjects: tuple[str, ...] = SUBJECTS
    baseline: str = BASELINE
    """What ratios are to."""
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def row(
        self,
        name: str,
        better: Better = "neither",
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        only: str | None = None,
    ) -> Row:
        """Find a row, or add it."""
        for row in self.rows:
            if row.name == name:
                return row
        self.rows.append(Row(name, better, at_least, at_most, only, self.baseline))
        return self.rows[-1]

    def accept(self, subject: str, name: str, outcome: Outcome) -> bool:
        """Note what disturbed a run. Returns whether its figures describe the server."""
        server, generator = outcome.server, outcome.generator
        if generator.share > SATURATED and server.share < SATURATED:
            self.notes.append(
                f"{subject}, {name}: not reported, the generator used {generator.share:.0%} of its core "
                f"and the server {server.share:.0%} of its own."
            )
            return False
        taken = max(server.taken, generator.taken)
        if taken > CROWDED:
            self.notes.append(
                f"{subject}, {name}: other work used up to {taken:.0%} of a core; times suffer from that."
            )
        return True

    def broken(self) -> list[str]:
        """The promises not kept, as sentences."""
        return [sentence for row in self.rows for sentence in row.broken(self.subjects)]

    def markdown(self) -> str:
        """The table with its ratios in brackets."""
        lines = [f"## {self.title}", "", self.how, ""]
        lines += ["| | " + " | ".join(self.subjects) + " |", "|---" * (len(self.subjects) + 1) + "|"]
        for row in self.rows:
            cells = [_cell(row, subject) for subject in self.subjects]
            lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
        return "\n".join([*lines, *([""] if self.notes else []), *(f"- {note}" for note in self.notes), ""])

    def as_data(self) -> dict[str, Any]:
        """The same for programs, unrounded."""
        rows = [
            {"name": row.name, "better": row.better, "at_least": row.at_least, "at_most": row.at_most, **row.values}
            for row in self.rows
        ]
        return {"title": self.title, "how": self.how, "rows": rows, "notes": self.notes}


def document(provenance: Mapping[str, str], tables: Sequence[Table]) -> str:
    """A whole run in Markdown."""
    lines = ["# Benchmark", "", "In brackets: how many times better than the first column, same run.", ""]
    lines += [f"- {name}: {value}" for name, value in provenance.items()]
    return "\n".join([*lines, "", *(table.markdown() for table in tables)])


def _cell(row: Row, subject: str) -> str:
    value, ratio = row.values.get(subject), row.ratio(subject)
    if value is None:
        return "–"
    shown = _number(value)
    if ratio is None:
        return shown
    return f"{shown} ({_number(ratio)}x)" if row.at_least is None else f"{shown} (**{_number(ratio)}x**)"


def _number(value: float) -> str:
    """Three digits that count, thousands apart."""
    if abs(value) >= 1_000:
        digits = len(str(int(abs(value)))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"
