"""Read marks on SQLite: a batch in three statements, and one or two more for each mark below the head.

Owns the arithmetic of a moving mark. Runs on the writer's thread inside the transaction of the batch.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from madang.domain.reading import unread_count
from madang.ports.log import Mark, MarkVerdict, Outcome
from madang.storage.sqlite_connections import raw
from madang.storage.statements import load

__all__ = ["move_marks"]

_SQL: Final = load("sqlite_marks")


class _Position(Struct):
    """A member's mark as the batch moves it, and the head of the conversation."""

    last_read_seq: int
    last_read_ordinal: int
    last_read_at: int
    own_since_read: int
    marked_unread: int
    last_seq: int
    message_count: int
    member_count: int


def move_marks(conn: Connection, marks: Sequence[Mark], now: int) -> list[MarkVerdict]:
    """Move marks forward; one verdict per mark."""
    driver = raw(conn)
    keys = list(dict.fromkeys(mark.conversation_id + mark.user_id for mark in marks))
    rows = driver.execute(_SQL["positions"], (msgspec.json.encode(keys).decode(),))
    positions = {key: _Position(*columns) for key, *columns in rows}
    changes: list[str] = []
    verdicts = [_move(driver, mark, positions.get(mark.conversation_id + mark.user_id), changes, now) for mark in marks]
    if changes:
        driver.executemany(_SQL["raise_inbox_version"], [(key[36:],) for key in changes])
        driver.executemany(
            _SQL["move_mark"],
            [
                (at.last_read_seq, at.last_read_ordinal, at.last_read_at, at.own_since_read, key[:36], key[36:])
                for key in dict.fromkeys(changes)
                for at in (positions[key],)
            ],
        )
    return verdicts


def _move(driver: sqlite3.Connection, mark: Mark, at: _Position | None, changes: list[str], now: int) -> MarkVerdict:
    if at is None:
        return MarkVerdict(outcome=Outcome.NOT_A_MEMBER)
    if mark.seq is not None and mark.seq > at.last_seq:
        return MarkVerdict(outcome=Outcome.INVALID)
    seq = at.last_seq if mark.seq is None else mark.seq
    goes_forward = seq > at.last_read_seq
    moved = goes_forward or bool(at.marked_unread)
    if goes_forward:
        at.own_since_read = _own_after(driver, mark, at, seq)
        at.last_read_ordinal = _ordinal(driver, mark.conversation_id, at, seq)
        at.last_read_seq, at.last_read_at = seq, now
    if moved:
        at.marked_unread = 0
        changes.append(mark.conversation_id + mark.user_id)
    return MarkVerdict(
        outcome=Outcome.STORED,
        moved=moved,
        last_read_seq=at.last_read_seq,
        last_read_at=at.last_read_at,
        unread_count=unread_count(at.message_count, at.last_read_ordinal, at.own_since_read),
        member_count=at.member_count,
    )


def _ordinal(driver: sqlite3.Connection, conversation_id: str, at: _Position, seq: int) -> int:
    if seq == at.last_seq:
        return at.message_count
    (ordinal,) = driver.execute(_SQL["ordinal_at"], (conversation_id, seq)).fetchone()
    assert isinstance(ordinal, int)
    return ordinal


def _own_after(driver: sqlite3.Connection, mark: Mark, at: _Position, seq: int) -> int:
    """Own messages above the new mark. Counts the shorter side; over a reader's life each message is counted once."""
    if at.own_since_read == 0 or seq == at.last_seq:
        return 0
    passed = seq - at.last_read_seq <= at.last_seq - seq
    low, high = (at.last_read_seq, seq) if passed else (seq, at.last_seq)
    (own,) = driver.execute(_SQL["own_between"], (mark.conversation_id, low, high, mark.user_id)).fetchone()
    assert isinstance(own, int)
    return at.own_since_read - own if passed else own
