"""Plain sends on SQLite: a whole batch in seven statements.

Owns the numbering of messages. Runs on the writer's thread inside the transaction of the batch.

    lookup (three reads) → decide each entry in order, in Python → four executemany

Invariants:
1. Decisions follow the order of the entries; an entry sees those before it as if they were stored.
2. Only what is stored takes a number. The duplicate check precedes the membership check.
3. Cost: about 20 µs an entry; none of the statements looks at more rows than the batch names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import Connection

from madang.clock import to_iso
from madang.contract.shapes import Message, Quote, Sender
from madang.ports.log import Commit, NewMessage, Outcome, Verdict
from madang.storage.messages import quote, sent_before
from madang.storage.sqlite_connections import raw
from madang.storage.statements import load
from madang.storage.terms import BatchTerms

__all__ = ["append_sends"]

_SQL: Final = load("sqlite_sends")
_encode = msgspec.json.Encoder().encode


class _Head(Struct):
    """A conversation's counters as the batch moves them."""

    last_seq: int
    version: int
    message_count: int
    last_message_at: int
    moved: bool = False


class _Place(Struct):
    """A sender in a conversation, and what the batch makes of the read mark: `move` None leaves it."""

    visible_from_seq: int
    sender: Sender
    move: tuple[int, int, int] | None = None
    own: int = 0


class _Present(Struct):
    """A stored message, as far as duplicates and quotes need it. `message` is at hand if this batch stored it."""

    seq: int
    sender_id: str | None
    body_hash: bytes
    content: str
    type: Any
    deleted_at: int | None
    message: Message | None = None


def append_sends(conn: Connection, entries: Sequence[NewMessage], terms: BatchTerms) -> list[Verdict]:
    """Decide and store; one verdict per entry. If a row cannot be stored it raises, and the caller undoes what it did."""
    return _Batch(conn, terms).run(entries)


def _refused(entry: NewMessage, outcome: Outcome, reason: str = "") -> Verdict:
    return Verdict(outcome=outcome, conversation_id=entry.conversation_id, reason=reason)


def _keys(keys: Iterable[str]) -> tuple[str]:
    return (_encode(list(dict.fromkeys(keys))).decode(),)


def _json(value: object) -> str | None:
    return _encode(value).decode() if value else None


class _Batch:
    """What a batch knows and what it will write."""

    def __init__(self, conn: Connection, terms: BatchTerms) -> None:
        self._conn = conn
        self._driver = raw(conn)
        self._now = terms.now
        self._epoch = terms.epoch
        self._heads: dict[str, _Head] = {}
        self._places: dict[str, _Place] = {}
        self._present: dict[str, _Present] = {}
        self._rows: list[tuple[Any, ...]] = []

    def run(self, entries: Sequence[NewMessage]) -> list[Verdict]:
        """Look up, decide, write."""
        self._look_up(entries)
        verdicts = [self._decide(entry) for entry in entries]
        if self._rows:
            self._write()
        return self._with_earlier_messages(entries, verdicts)

    def _look_up(self, entries: Sequence[NewMessage]) -> None:
        execute = self._driver.execute
        for conversation_id, *counters in execute(_SQL["heads"], _keys(e.conversation_id for e in entries)):
            self._heads[conversation_id] = _Head(*counters)
        pairs = _keys(e.conversation_id + e.sender_id for e in entries)
        for pair, visible_from_seq, name, avatar_url in execute(_SQL["senders"], pairs):
            sender = Sender(id=pair[36:], name=name, avatar_url=avatar_url)
            self._places[pair] = _Place(visible_from_seq, sender)
        for pair, *columns in execute(_SQL["present"], _keys(_named(entries))):
            self._present[pair] = _Present(*columns)

    def _decide(self, entry: NewMessage) -> Verdict:
        conversation_id = entry.conversation_id
        earlier = self._present.get(conversation_id + entry.id)
        if earlier is not None:
            if earlier.sender_id != entry.sender_id or earlier.body_hash != entry.body_hash:
                return _refused(entry, Outcome.CONFLICT)
            return Verdict(outcome=Outcome.DUPLICATE, conversation_id=conversation_id, message=earlier.message)
        place = self._places.get(conversation_id + entry.sender_id)
        head = self._heads.get(conversation_id)
        if place is None or head is None:
            return _refused(entry, Outcome.NOT_A_MEMBER)
        reply_to: Quote | UnsetType = UNSET
        if entry.reply_to_id is not None:
            target = self._present.get(conversation_id + entry.reply_to_id)
            if target is None or target.seq < place.visible_from_seq:
                return _refused(entry, Outcome.INVALID, "replyToId: no message of this conversation")
            reply_to = quote(
                entry.reply_to_id, target.seq, target.sender_id, target.content, target.type,
                shown=target.deleted_at is None,
            )  # fmt: skip  # the columns of a quote, in order
        return self._store(entry, head, place, reply_to)

    def _store(self, entry: NewMessage, head: _Head, place: _Place, reply_to: Quote | UnsetType) -> Verdict:
        head.moved = True
        head.last_seq += 1
        head.version += 1
        head.message_count += not entry.silent
        head.last_message_at = created_at = max(self._now, head.last_message_at)
        if entry.keep_unread:
            place.own += not entry.silent
        else:
            place.move, place.own = (head.last_seq, head.message_count, created_at), 0
        self._rows.append(
            (
                entry.conversation_id, entry.id, head.last_seq, head.version, head.message_count, entry.sender_id,
                entry.type, entry.content, entry.body_hash, _json(entry.mentions), entry.reply_to_id,
                _json(entry.attachments), entry.silent, entry.keep_unread, created_at,
            )
        )  # fmt: skip  # the columns of insert_message, in order
        message = Message(
            id=entry.id,
            conversation_id=entry.conversation_id,
            seq=head.last_seq,
            version=head.version,
            sender_id=entry.sender_id,
            sender=place.sender,
            type=entry.type,
            content=entry.content,
            created_at=to_iso(created_at),
            epoch=self._epoch,
            mentions=entry.mentions,
            reply_to_id=entry.reply_to_id,
            reply_to=reply_to,
            attachments=entry.attachments,
            silent=True if entry.silent else UNSET,
            keep_unread=True if entry.keep_unread else UNSET,
        )
        self._present[entry.conversation_id + entry.id] = _Present(
            head.last_seq, entry.sender_id, entry.body_hash, entry.content, entry.type, None, message
        )
        commit = Commit(conversation_id=entry.conversation_id, event="message:new", message=message)
        return Verdict(
            outcome=Outcome.STORED, conversation_id=entry.conversation_id, message=message, commits=(commit,)
        )

    def _write(self) -> None:
        many = self._driver.executemany
        many(_SQL["insert_message"], self._rows)
        many(
            _SQL["raise_head"],
            [
                (head.last_seq, head.version, head.message_count, head.last_message_at, conversation_id)
                for conversation_id, head in self._heads.items()
                if head.moved
            ],
        )
        moves, keeps = [], []
        for pair, place in self._places.items():
            if place.move is not None:
                moves.append((*place.move, place.own, pair[:36], pair[36:]))
            elif place.own:
                keeps.append((place.own, pair[:36], pair[36:]))
        many(_SQL["move_mark"], moves)
        many(_SQL["keep_mark"], keeps)

    def _with_earlier_messages(self, entries: Sequence[NewMessage], verdicts: list[Verdict]) -> list[Verdict]:
        """Duplicates of other batches get their message as it is now, and as its sender sees it now."""
        wanted = [
            entry
            for entry, verdict in zip(entries, verdicts, strict=True)
            if verdict.outcome is Outcome.DUPLICATE and verdict.message is None
        ]
        if not wanted:
            return verdicts
        found = sent_before(self._conn, wanted, self._epoch)
        return [
            msgspec.structs.replace(verdict, message=found[entry.conversation_id, entry.id][1])
            if verdict.outcome is Outcome.DUPLICATE and verdict.message is None
            else verdict
            for entry, verdict in zip(entries, verdicts, strict=True)
        ]


def _named(entries: Sequence[NewMessage]) -> Iterator[str]:
    """Keys of the messages a batch names: its own, and those it replies to."""
    for entry in entries:
        yield entry.conversation_id + entry.id
        if entry.reply_to_id is not None:
            yield entry.conversation_id + entry.reply_to_id
