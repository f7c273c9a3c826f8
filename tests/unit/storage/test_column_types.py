"""Column types, and lists of ids, on both databases."""

from collections.abc import Callable

import pytest
from sqlalchemy import ColumnElement, create_engine, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateTable

from madang.ids import new_id
from madang.storage.column_types import among, bigint, outside
from madang.storage.tables import installation, metadata, users

SQLITE: Dialect = sqlite.dialect()
POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # as above
Condition = Callable[[ColumnElement[str], list[str]], ColumnElement[bool]]


@pytest.mark.parametrize(
    ("condition", "on_sqlite", "on_postgresql"),
    [
        (among, "users.id IN (SELECT value FROM json_each(?))", "users.id = ANY (%(param_1)s::UUID[])"),
        (outside, "users.id NOT IN (SELECT value FROM json_each(?))", "users.id <> ALL (%(param_1)s::UUID[])"),
    ],
)
def test_many_ids_are_one_parameter(condition: Condition, on_sqlite: str, on_postgresql: str) -> None:
    """The statement's text does not depend on how many there are, and nothing stands between it and an index."""
    statement = select(users.c.id).where(condition(users.c.id, [new_id(), new_id()]))
    assert str(statement.compile(dialect=SQLITE)).endswith(f"WHERE {on_sqlite}")
    assert str(statement.compile(dialect=POSTGRESQL)).endswith(f"WHERE {on_postgresql}")


def test_lists_of_ids_find_what_they_name() -> None:
    """Alone and joined with other conditions."""
    with create_engine("sqlite://").connect() as conn:
        metadata.create_all(conn)
        conn.execute(insert(installation), [{"id": 1, "epoch": "a", "created_at": 5}])
        column = installation.c.epoch
        for ids, inside in ((["a", "b"], True), (["b"], False), ([], False)):
            found = conn.scalar(select(column).where(among(column, ids), installation.c.id == 1))
            others = conn.scalar(select(column).where(outside(column, ids), installation.c.id == 1))
            assert (found == "a", others == "a") == (inside, not inside)


def test_ids_and_json_are_native_where_they_can_be() -> None:
    """Text on SQLite, uuid and jsonb on PostgreSQL."""
    small = str(CreateTable(users).compile(dialect=SQLITE))
    large = str(CreateTable(users).compile(dialect=POSTGRESQL))
    assert "id VARCHAR(36) NOT NULL" in small
    assert "custom JSON" in small
    assert "id UUID NOT NULL" in large
    assert "custom JSONB" in large


def test_numbers_of_clients_fit_a_column() -> None:
    """However large, they compare as they did."""
    assert (bigint(5), bigint(-5)) == (5, -5)
    assert bigint(10**30) > 10**18
    assert bigint(-(10**30)) < -(10**18)
    assert abs(bigint(10**30)) < 2**63
