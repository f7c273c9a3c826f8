"""Read marks on PostgreSQL: a whole batch in one call of a function, which commits by itself.

Owns what goes into `madang_move_marks` and what its rows mean; the arithmetic of a moving mark is in the function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from madang.domain.reading import unread_count
from madang.ports.log import Mark, MarkVerdict, Outcome
from madang.storage.column_types import bigint

__all__ = ["MOVE_MARKS", "arguments", "verdicts"]

MOVE_MARKS: Final = "SELECT * FROM madang_move_marks($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint)"


def arguments(marks: Sequence[Mark], now: int) -> tuple[object, ...]:
    """What the function takes: an array per field."""
    return (
        [mark.conversation_id for mark in marks],
        [mark.user_id for mark in marks],
        [None if mark.seq is None else bigint(mark.seq) for mark in marks],
        now,
    )


def verdicts(rows: Sequence[Sequence[Any]], *, untold: bool) -> list[MarkVerdict]:
    """Where each mark stands after it. `untold`: it may have been moved there by a call that nobody heard of."""
    return [_verdict(row, untold=untold) for row in rows]


def _verdict(row: Sequence[Any], *, untold: bool) -> MarkVerdict:
    member, valid, changed, seq, at, ordinal, own, message_count, member_count = row
    if not member:
        return MarkVerdict(outcome=Outcome.NOT_A_MEMBER)
    if not valid:
        return MarkVerdict(outcome=Outcome.INVALID)
    return MarkVerdict(
        outcome=Outcome.STORED,
        moved=changed or untold,
        last_read_seq=seq,
        last_read_at=at,
        unread_count=unread_count(message_count, ordinal, own),
        member_count=member_count,
    )
