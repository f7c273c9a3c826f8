"""The installation's row: which epoch is in force, and when another one begins."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from madang.storage.installation import begin_epoch, epoch_of
from madang.storage.migrate import upgrade
from madang.storage.sqlite_connections import writer_engine
from madang.storage.tables import installation


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    """A transaction on an empty store."""
    with writer_engine(tmp_path / "madang.db").connect() as conn, conn.begin():
        upgrade(conn, "MADANG_DATA")
        yield conn


def test_another_timeline_is_another_epoch(conn: Connection) -> None:
    """Once: on the new timeline it stays; going back to the old one is another move."""
    first = epoch_of(conn, 1, "c/1")
    assert epoch_of(conn, 2, "c/1") == first
    second = epoch_of(conn, 3, "c/2")
    assert second != first
    assert epoch_of(conn, 4, "c/2") == second
    assert epoch_of(conn, 5, "c/1") not in {first, second}


def test_a_timeline_that_was_never_known_moves_nothing(conn: Connection) -> None:
    """A store of before, or copied from SQLite, is where it is first found; and who is not told it changes nothing."""
    epoch = epoch_of(conn, 1)
    assert epoch_of(conn, 2, "c/7") == epoch
    assert epoch_of(conn, 3) == epoch
    assert conn.scalar(select(installation.c.timeline)) == "c/7"
    assert epoch_of(conn, 4, "c/8") != epoch


def test_the_operator_s_epoch_is_of_the_same_place(conn: Connection) -> None:
    """`doctor --new-epoch` is not followed by another one."""
    epoch_of(conn, 1, "c/1")
    begun = begin_epoch(conn)
    assert epoch_of(conn, 2, "c/1") == begun
