"""Statements kept as SQL."""

import re
from importlib.resources import files

import pytest

from madang.storage.statements import load

BODY = re.compile(r"\$\$.*?\$\$", re.DOTALL)
"""Of a function, which has statements of its own."""
STEMS = sorted(file.name.removesuffix(".sql") for file in files("madang.storage").joinpath("sql").iterdir())


@pytest.mark.parametrize("stem", STEMS)
def test_every_statement_has_a_name_and_a_purpose(stem: str) -> None:
    """None is lost in reading, and each is one statement."""
    text = files("madang.storage").joinpath("sql", f"{stem}.sql").read_text(encoding="utf-8")
    statements = load(stem)
    assert list(statements) == re.findall(r"^-- name: (\w+)$", text, re.MULTILINE)
    assert sum(BODY.sub("", statement).count(";") for statement in statements.values()) == 0
    assert BODY.sub("", text).count(";\n") == len(statements)
    assert all(statement.split()[0] in {"CREATE", "SELECT", "INSERT", "UPDATE"} for statement in statements.values())
