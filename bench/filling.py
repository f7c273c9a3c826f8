"""Stores with millions of messages, made in a minute: rows of a plausible history, put in beside the log.

Owns their shape: groups of ten and one large room, whose messages come in turn, so that those of a conversation lie scattered as
they do where people talk. A few readers have a list of a hundred. Nothing is durable while a store is filled; it is opened as
ever when it is full.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import Table

from madang.storage.sqlite import SqliteStore
from madang.storage.tables import FIRST_MEMBERS, conversations, members, messages, users

READERS: Final = 20
GROUP: Final = 10
ROOM_MEMBERS: Final = 1_000
OTHERS: Final = 1_980
"""People who are not readers."""
_BEGUN: Final = 1_700_000_000_000
_CHUNK: Final = 50_000
_NAMES: Final = uuid.UUID("7d1f0a52-6a0b-5d0e-9b57-0c4a0c9b5a11")
_CONTENT: Final = "See you at the courtyard at seven, bring the others and something to drink. "


def _id(kind: str, number: int) -> str:
    return str(uuid.uuid5(_NAMES, f"{kind} {number}"))


@dataclass(frozen=True, slots=True)
class History:
    """What a store holds.

    Args:
        groups: conversations of ten.
        each: messages of each of them.
        room: messages of the large room.
    """

    groups: int
    each: int
    room: int

    @property
    def messages(self) -> int:
        """In all."""
        return self.groups * self.each + self.room

    @property
    def room_id(self) -> str:
        """The large room."""
        return _id("conversation", self.groups)

    def reader(self, number: int) -> str:
        """Somebody whose list is worth reading."""
        return _id("user", number % READERS)

    def tables(self) -> Iterator[tuple[Table, tuple[str, ...], Iterable[tuple[Any, ...]]]]:
        """Tables in the order of their references, each with columns and rows."""
        people = [_id("user", number) for number in range(READERS + OTHERS)]
        named = ("id", "username", "name", "name_folded", "inbox_version", "created_at")
        yield users, named, ((one, f"u{n}", f"Person {n}", f"person {n}", 1, _BEGUN) for n, one in enumerate(people))
        rooms = [(self._members(group, people), self.each) for group in range(self.groups)]
        rooms.append((people[:ROOM_MEMBERS], self.room))
        yield conversations, _CONVERSATION, (self._conversation(n, *room) for n, room in enumerate(rooms))
        yield members, _MEMBER, (row for n, room in enumerate(rooms) for row in _memberships(n, *room))
        yield messages, _MESSAGE, self._messages([_id("conversation", n) for n in range(len(rooms))], rooms)

    def _members(self, group: int, people: Sequence[str]) -> list[str]:
        """One reader, and nine others."""
        return [people[group % READERS]] + [
            people[READERS + (group * (GROUP - 1) + n) % OTHERS] for n in range(GROUP - 1)
        ]

    def _conversation(self, number: int, people: list[str], count: int) -> tuple[Any, ...]:
        first = json.dumps(people[:FIRST_MEMBERS])
        last_at = _BEGUN + self.messages + number
        return (_id("conversation", number), "group", count, count, count, len(people), first, last_at, _BEGUN)

    def _messages(self, ids: list[str], rooms: list[tuple[list[str], int]]) -> Iterator[tuple[Any, ...]]:
        """Round after round, everywhere one message; the large room speaks as often as its share is."""
        number, said = 0, 0
        people, _ = rooms[-1]
        for seq in range(1, self.each + 1):
            for group in range(self.groups):
                number += 1
                yield _message(ids[group], number, seq, rooms[group][0][seq % GROUP])
                while said * self.each * self.groups < self.room * (number - said):
                    number, said = number + 1, said + 1
                    yield _message(ids[-1], number, said, people[said % len(people)])


_CONVERSATION: Final = (
    "id", "type", "last_seq", "version", "message_count", "member_count", "first_member_ids", "last_message_at", "created_at",
)  # fmt: skip
_MEMBER: Final = (
    "conversation_id", "user_id", "role", "joined_at", "joined_seq", "visible_from_seq", "last_read_seq",
    "last_read_ordinal", "last_read_at", "inbox_version",
)  # fmt: skip
_MESSAGE: Final = (
    "conversation_id", "id", "seq", "version", "ordinal", "sender_id", "type", "content", "body_hash", "created_at",
)  # fmt: skip


def _memberships(number: int, people: list[str], count: int) -> Iterator[tuple[Any, ...]]:
    conversation_id, read = _id("conversation", number), max(0, count - 3)
    for place, user_id in enumerate(people):
        role = "member" if place else "owner"
        yield (conversation_id, user_id, role, _BEGUN, 1, 1, read, read, _BEGUN, 1)


def _message(conversation_id: str, number: int, seq: int, sender: str) -> tuple[Any, ...]:
    at = _BEGUN + number
    message_id = f"{at >> 16:08x}-{at & 0xFFFF:04x}-7000-8000-{number:012x}"
    content = _CONTENT * (1 + number % 3)
    return (conversation_id, message_id, seq, seq, seq, sender, "text", content, message_id.encode()[:32], at)


async def fill_sqlite(path: Path, history: History) -> None:
    """Make a store of SQLite in a new file."""
    store = SqliteStore(path)
    await store.open()
    await store.close()
    with sqlite3.connect(path) as conn:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-1000000"):
            conn.execute(f"PRAGMA {pragma}")
        for table, columns, rows in history.tables():
            marks = ", ".join("?" * len(columns))
            into = f"{table.name} ({', '.join(columns)})"
            conn.executemany(f"INSERT INTO {into} VALUES ({marks})", rows)  # noqa: S608  # names are this module's own
        conn.commit()
        conn.execute("ANALYZE")
    conn.close()


async def fill_postgres(url: str, history: History) -> None:
    """Fill an empty store of PostgreSQL, which has its tables; the user must be allowed to switch off triggers."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET synchronous_commit = off")
        await connection.execute("SET session_replication_role = replica")  # references hold by construction
        for table, columns, rows in history.tables():
            turn = iter(rows)
            while chunk := list(islice(turn, _CHUNK)):
                await connection.copy_records_to_table(table.name, records=chunk, columns=columns)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
