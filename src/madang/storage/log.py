"""The log on a database: batches in, verdicts out, and reading back.

Owns the order in which a batch's entries are decided, and what of a batch a bad entry or a full disk spoils. How plain
sends and marks are written differs by database and is handed in; everything else is the same for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct
from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError

from madang.contract.limits import LIMITS
from madang.contract.shapes import Message
from madang.errors import ErrorCode, MadangError
from madang.ports.log import (
    Entry,
    Head,
    LogSlice,
    Mark,
    MarkVerdict,
    NewMessage,
    Outcome,
    PageWindow,
    Verdict,
)
from madang.storage import messages
from madang.storage.changes import Change, append_change
from madang.storage.database import Database, StartOverError
from madang.storage.terms import BatchTerms


class AppendSends(Protocol):
    """Decides and stores plain sends, in order, set-based."""

    def __call__(self, conn: Connection, entries: Sequence[NewMessage], terms: BatchTerms) -> list[Verdict]: ...


class MoveMarks(Protocol):
    """Moves read marks, in order, set-based."""

    def __call__(self, conn: Connection, marks: Sequence[Mark], now: int) -> list[MarkVerdict]: ...


class Dialect(Struct, frozen=True, kw_only=True):
    """What each database does its own way."""

    data_errors: tuple[type[Exception], ...]
    """What one row that cannot be stored makes the driver raise."""
    append_sends: AppendSends
    move_marks: MoveMarks


class _SpoiledError(Exception):
    """A row of a batch cannot be stored."""


class _Batch:
    """One transaction of the log. Plain sends wait until a change of their conversation, or the end, needs them done.

    Savepoints cost a fifth of a batch, so only the careful second attempt at a spoiled batch has them around sends.
    """

    def __init__(self, conn: Connection, dialect: Dialect, terms: BatchTerms, *, careful: bool) -> None:
        self._conn = conn
        self._dialect = dialect
        self._terms = terms
        self._careful = careful
        self._data_errors: tuple[type[Exception], ...] = (
            *dialect.data_errors,
            IntegrityError,
            DataError,
            OverflowError,
            UnicodeError,
        )
        self._verdicts: dict[int, Verdict] = {}
        self._sends: list[tuple[int, NewMessage]] = []

    def run(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Decide all entries."""
        for place, entry in enumerate(entries):
            if not storable(entry):
                self._verdicts[place] = spoiled(entry)
            elif isinstance(entry, NewMessage):
                self._sends.append((place, entry))
            else:
                self._send()
                self._verdicts[place] = self._change(entry)
        self._send()
        return [self._verdicts[place] for place in range(len(entries))]

    def _send(self) -> None:
        if not self._sends:
            return
        sends, self._sends = self._sends, []
        entries = [entry for _, entry in sends]
        if self._careful:
            verdicts = self._bisect(entries)
        else:
            try:
                verdicts = self._dialect.append_sends(self._conn, entries, self._terms)
            except self._data_errors as error:
                raise _SpoiledError from error
        self._verdicts.update(zip((place for place, _ in sends), verdicts, strict=True))

    def _bisect(self, entries: list[NewMessage]) -> list[Verdict]:
        try:
            with self._conn.begin_nested():
                return self._dialect.append_sends(self._conn, entries, self._terms)
        except self._data_errors:
            if len(entries) == 1:
                return [spoiled(entries[0])]
            half = len(entries) // 2
            return self._bisect(entries[:half]) + self._bisect(entries[half:])

    def _change(self, change: Change) -> Verdict:
        try:
            with self._conn.begin_nested():
                return append_change(self._conn, change, self._terms)
        except self._data_errors:
            return spoiled(change)


def storable(entry: Entry) -> bool:
    """Whether both databases take its text; PostgreSQL refuses NUL, and neither takes half a surrogate pair."""
    if isinstance(entry, NewMessage):
        return _storable_text(entry.content)
    return all(_storable_text(text) for text in _texts(msgspec.structs.asdict(entry)))


def _storable_text(text: str) -> bool:
    if "\x00" in text:
        return False
    if text.isascii():  # known without a look at it
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(value: object) -> Iterator[str]:
    """Every text in a value, those inside JSON included."""
    match value:
        case str():
            yield value
        case dict():
            yield from _texts([*value.keys(), *value.values()])
        case list():
            for item in value:
                yield from _texts(item)


def spoiled(entry: Entry) -> Verdict:
    """The verdict of an entry that no database takes."""
    return Verdict(outcome=Outcome.INVALID, conversation_id=entry.conversation_id, reason="cannot be stored")


def append(conn: Connection, entries: Sequence[Entry], dialect: Dialect, terms: BatchTerms) -> list[Verdict]:
    """Decide a batch inside the transaction that is open; if a row spoils it, all of it again, carefully."""
    try:
        return _Batch(conn, dialect, terms, careful=False).run(entries)
    except _SpoiledError as spoiled:
        raise StartOverError(lambda conn: _Batch(conn, dialect, terms, careful=True).run(entries)) from spoiled


class LogReader:
    """The reading half of the port `ConversationLog`, the same on every database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, Head]:
        return await self._database.read(messages.heads, conversation_ids)

    async def since(self, conversation_id: str, version: int, limit: int) -> LogSlice | None:
        return await self._database.read(messages.since, conversation_id, version, limit, self._database.epoch)

    async def message(self, conversation_id: str, message_id: str, visible_from_seq: int) -> Message | None:
        return await self._database.read(messages.one, conversation_id, message_id, visible_from_seq)

    async def page(self, conversation_id: str, window: PageWindow, visible_from_seq: int) -> list[Message]:
        return await self._database.read(messages.page, conversation_id, window, visible_from_seq)


class DatabaseLog(LogReader):
    """The port `ConversationLog` on a database whose writes run inside one transaction of one writer."""

    def __init__(self, database: Database, dialect: Dialect, *, max_members: int = LIMITS.members) -> None:
        super().__init__(database)
        self._dialect = dialect
        self._max_members = max_members

    async def append(self, entries: Sequence[Entry], now: int, *, wait: bool = True) -> list[Verdict]:
        if not entries:
            return []
        terms = BatchTerms(now=now, epoch=self._database.epoch, max_members=self._max_members)
        try:
            return await self._database.write(append, list(entries), self._dialect, terms)
        except MadangError as error:
            if error.code is not ErrorCode.STORAGE_FULL:
                raise
            return [Verdict(outcome=Outcome.STORAGE_FULL, conversation_id=entry.conversation_id) for entry in entries]

    async def mark(self, marks: Sequence[Mark], now: int) -> list[MarkVerdict]:
        if not marks:
            return []
        try:
            return await self._database.write(self._dialect.move_marks, list(marks), now)
        except MadangError as error:
            if error.code is not ErrorCode.STORAGE_FULL:
                raise
            return [MarkVerdict(outcome=Outcome.STORAGE_FULL) for _ in marks]
