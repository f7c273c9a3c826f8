"""What PostgreSQL's errors are taken for: by the real server where it can be made to raise them."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFreeError

from madang.errors import ErrorCode, MadangError
from madang.storage.postgres_errors import Trouble, sqlstate, translated, trouble
from tests.postgres_server import PostgresServer


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("40001", Trouble.UNDONE),
        ("40P01", Trouble.UNDONE),
        ("55P03", Trouble.UNDONE),
        ("57014", Trouble.UNDONE),
        ("57P01", Trouble.LOST),
        ("57P03", Trouble.LOST),
        ("53300", Trouble.LOST),
        ("25006", Trouble.LOST),
        ("08006", Trouble.LOST),
        ("53100", Trouble.FULL),
        ("23505", Trouble.DATA),
        ("22P02", Trouble.DATA),
        ("42P01", Trouble.OTHER),
    ],
)
async def test_a_code_is_what_it_says(postgres: PostgresServer, code: str, expected: Trouble) -> None:
    """As the driver raises it, and as SQLAlchemy wraps it."""
    with pytest.raises(asyncpg.PostgresError) as raised:
        await postgres.execute(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$")
    assert sqlstate(raised.value) == code
    assert trouble(raised.value) is expected
    assert trouble(DBAPIError("SELECT", None, raised.value)) is expected


@pytest.mark.parametrize(
    "error", [OSError(), TimeoutError(), NoConnectionFreeError(), asyncpg.InterfaceError("closed")]
)
def test_what_is_no_answer_of_the_server_is_a_lost_connection(error: Exception) -> None:
    """Whether it was refused, cut, or silent for too long."""
    assert trouble(error) is Trouble.LOST


def test_what_is_not_about_the_database_is_left_alone() -> None:
    """A refusal of Madang's own, or a defect, passes as it is."""
    for error in (MadangError(ErrorCode.CONFLICT, "taken"), ZeroDivisionError()):
        assert trouble(error) is None
        assert translated(error) is error


@pytest.mark.parametrize(("code", "told"), [("53100", ErrorCode.STORAGE_FULL), ("57P01", ErrorCode.TRY_AGAIN)])
async def test_callers_hear_the_words_of_the_table(postgres: PostgresServer, code: str, told: ErrorCode) -> None:
    """And nothing of the statement."""
    with pytest.raises(asyncpg.PostgresError) as raised:
        await postgres.execute(f"DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '{code}'; END $$")
    error = translated(raised.value)
    assert isinstance(error, MadangError)
    assert error.code is told
    assert "secret" not in error.reason
