"""Migrations and the tables they make."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.schema import CheckConstraint

from madang.config import SettingsError
from madang.storage import migrate
from madang.storage.sqlite import SqliteStore
from madang.storage.sqlite_connections import writer_engine
from madang.storage.tables import metadata


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    """An empty database, connected as the writer is."""
    with writer_engine(tmp_path / "madang.db").connect() as conn:
        yield conn


def test_the_schema_is_the_sum_of_the_migrations(conn: Connection) -> None:
    """Running all of them gives the tables that the code believes in: columns, types, defaults, indexes."""
    with conn.begin():
        assert migrate.upgrade(conn, "MADANG_DATA")
    context = MigrationContext.configure(conn, opts={"compare_type": True, "compare_server_default": True})
    assert compare_metadata(context, metadata) == []


def test_constraints_are_the_sum_of_the_migrations(conn: Connection) -> None:
    """Checks and keys too, which alembic does not compare."""
    with conn.begin():
        migrate.upgrade(conn, "MADANG_DATA")
    seen = inspect(conn)
    for table in metadata.sorted_tables:
        wanted = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
        assert {check["name"] for check in seen.get_check_constraints(table.name)} == wanted
        primary_key = seen.get_pk_constraint(table.name)
        assert primary_key["constrained_columns"] == [column.name for column in table.primary_key]
        foreign = {key["name"] for key in seen.get_foreign_keys(table.name)}
        assert foreign == {constraint.name for constraint in table.foreign_key_constraints}


def test_head_names_the_newest_migration() -> None:
    """It is written in the code so that a start does not read the migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


def test_upgrading_again_changes_nothing(conn: Connection) -> None:
    """And says so."""
    with conn.begin():
        assert migrate.upgrade(conn, "MADANG_DATA")
    with conn.begin():
        assert not migrate.upgrade(conn, "MADANG_DATA")


def test_a_failed_upgrade_leaves_the_store_as_it_was(conn: Connection) -> None:
    """Everything happens in the caller's transaction."""
    transaction = conn.begin()
    migrate.upgrade(conn, "MADANG_DATA")
    transaction.rollback()
    assert inspect(conn).get_table_names() == []


def test_postgresql_gets_the_same_migrations(capsys: pytest.CaptureFixture[str]) -> None:
    """They can be written out as SQL for it, with its own types."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    config.attributes["dialect"] = "postgresql"
    command.upgrade(config, "head", sql=True)
    sql = capsys.readouterr().out
    for table in metadata.tables:
        assert f"CREATE TABLE {table} (" in sql
    for piece in ("id UUID NOT NULL", "JSONB", "BIGINT", "fillfactor = 50", "WHERE left_at IS NULL", 'COLLATE "C"'):
        assert piece in sql, piece


async def test_a_store_of_a_newer_madang_is_refused(tmp_path: Path) -> None:
    """With a sentence that says what to do, and without touching it."""
    store = SqliteStore(tmp_path / "madang.db")
    await store.open()
    await store.close()
    with create_engine(f"sqlite:///{tmp_path / 'madang.db'}").begin() as newer:
        newer.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsError, match=r"newer than this Madang .*9999"):
        await store.open()
