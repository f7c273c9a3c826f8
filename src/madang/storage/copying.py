"""Copying a whole installation from one database into another, and proving that it is the same.

Owns the order of the tables, the batches, and what is compared. Runs on two connections that are each in a transaction:
the source's is one snapshot, the target's is kept by the caller only if `copy` returns. Must never write to the source.

Invariants:
1. At most `BATCH` rows are in memory, however many there are.
2. Every column of every table is copied as it is: numbers, versions, hashes, tombstones, the epoch. Only what says where
   a database stands (`installation.timeline`) is the target's own.
3. Whatever was written has been read back and is equal by content before `copy` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import JSON, Connection, Row, Select, Table, and_, func, insert, select, update

from madang.config import SettingsError
from madang.errors import ErrorCode, MadangError
from madang.storage.tables import conversations, installation, members, messages, metadata, users

__all__ = ["Progress", "copy", "refuse_unless_empty"]

BATCH: Final = 1_000
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Told what is done next and how many rows that takes; the context gives what is called with the rows done since."""

_counted = (
    select(
        messages.c.conversation_id,
        func.count().label("rows"),
        func.max(messages.c.seq).label("seq"),
        func.max(messages.c.version).label("version"),
        func.max(messages.c.ordinal).label("ordinal"),
    )
    .group_by(messages.c.conversation_id)
    .subquery()
)
_newest = messages.alias("newest")
_SUMS: Final[Mapping[str, Select[Any]]] = {
    "heads of conversations": select(
        conversations.c.id,
        conversations.c.last_seq,
        conversations.c.version,
        conversations.c.message_count,
        _newest.c.id,
        _counted.c.rows,
        _counted.c.seq,
        _counted.c.version,
        _counted.c.ordinal,
    )
    .outerjoin(
        _newest, and_(_newest.c.conversation_id == conversations.c.id, _newest.c.seq == conversations.c.last_seq)
    )
    .outerjoin(_counted, _counted.c.conversation_id == conversations.c.id),
    "numbers of lists": select(
        users.c.id, users.c.inbox_version, func.count(members.c.user_id), func.max(members.c.inbox_version)
    )
    .outerjoin(members, members.c.user_id == users.c.id)
    .group_by(users.c.id, users.c.inbox_version),
}
"""What clients rest on, as the database itself joins and counts it: indexes are read, not only rows."""


class _Content(Struct, frozen=True):
    """Rows by their number and a sum of their hashes, which does not depend on their order."""

    rows: int = 0
    sum: int = 0

    def and_also(self, rows: Sequence[Row[Any]], json_places: Sequence[int]) -> _Content:
        """With these too."""
        total = self.sum
        for row in rows:
            values = list(row)
            for place in json_places:
                values[place] = _plain(values[place])
            digest = blake2b(msgspec.json.encode(values, order="deterministic"), digest_size=16).digest()
            total = (total + int.from_bytes(digest)) % (1 << 128)
        return _Content(self.rows + len(rows), total)


def copy(source: Connection, target: Connection, progress: Progress) -> dict[str, int]:
    """Copy every row, then compare; rows by table.

    Args:
        source: a snapshot of a store of this program's schema.
        target: in a transaction, on an empty store of the same schema that has its installation.
        progress: told as it goes; may raise to interrupt.

    Raises:
        MadangError: `conflict`, the target does not say what the source says: it must not be kept.
    """
    found: dict[str, _Content] = {}
    for table in metadata.sorted_tables:
        with progress(table.name, _count(source, table)) as advance:
            content = _Content()
            for rows in _batches(source, _whole(table)):
                _write(target, table, rows)
                content = content.and_also(rows, _json_places(table))
                advance(len(rows))
            found[table.name] = content
    with progress("compared", sum(content.rows for content in found.values())) as advance:
        different = [
            table.name
            for table in metadata.sorted_tables
            if _content(target, _whole(table), _json_places(table), advance) != found[table.name]
        ]
        different += [name for name, sums in _SUMS.items() if _content(source, sums) != _content(target, sums)]
    if different:
        raise MadangError(ErrorCode.CONFLICT, f"the copy is not what was read ({', '.join(different)})")
    return {name: content.rows for name, content in found.items()}


def refuse_unless_empty(conn: Connection, setting: str) -> None:
    """Refuse to copy onto a store in which there is something.

    Raises:
        SettingsError: of `setting`.
    """
    for table in metadata.sorted_tables:
        if table is installation or not conn.dialect.has_table(conn, table.name):
            continue
        if conn.scalar(select(1).select_from(table).limit(1)):
            raise SettingsError(setting, f"there are {table.name} in it already: name an empty database.")


def _whole(table: Table) -> Select[Any]:
    return select(*(column for column in table.c if column is not installation.c.timeline))


def _json_places(table: Table) -> list[int]:
    return [place for place, column in enumerate(_whole(table).selected_columns) if isinstance(column.type, JSON)]


def _count(conn: Connection, table: Table) -> int:
    return conn.scalar(select(func.count()).select_from(table)) or 0


def _batches(conn: Connection, statement: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    """The rows as the database hands them over; no order, which would have to be made first."""
    with conn.execute(statement, execution_options={"yield_per": BATCH}) as result:
        yield from result.partitions()


def _write(conn: Connection, table: Table, rows: Sequence[Row[Any]]) -> None:
    values = [dict(row._mapping) for row in rows]  # noqa: SLF001  # SQLAlchemy's public name for it
    if table is installation:
        conn.execute(update(installation).values(values[0]))
    else:
        conn.execute(insert(table), values)


def _content(
    conn: Connection,
    statement: Select[Any],
    json_places: Sequence[int] = (),
    advance: Callable[[int], None] = lambda _: None,
) -> _Content:
    content = _Content()
    for rows in _batches(conn, statement):
        content = content.and_also(rows, json_places)
        advance(len(rows))
    return content


def _plain(value: Any) -> Any:
    """JSON in one form: PostgreSQL keeps numbers by value and writes 100.0 as it likes."""
    match value:
        case bool():
            return value
        case int() | float():
            return str((Decimal(str(value)) + 0).normalize())
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value
