"""Statements kept as SQL: the few that are too hot, or too particular to one database, for SQLAlchemy.

Owns the form of those files: statements separated by `-- name: <name>`, each followed by a line that says what it is for.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

__all__ = ["load"]

_NAME: Final = re.compile(r"^-- name: (\w+)\n-- .+\n", re.MULTILINE)


def load(stem: str) -> dict[str, str]:
    """The statements of `sql/<stem>.sql` by name, in the order of the file."""
    text = files(__package__).joinpath("sql", f"{stem}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    return {name: body.strip().rstrip(";") for name, body in zip(parts[::2], parts[1::2], strict=True)}
