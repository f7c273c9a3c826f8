"""The log on PostgreSQL: which entries share a transaction, what is tried again, and what a bad row spoils.

Invariants:
1. Entries of a conversation are decided in their order: a stage begins only when the one before is committed.
2. A stage is plain sends, decided by one call of a function, or changes, decided by the shared functions in one
   transaction. A send that has the id of a message of its own stage, or replies to one, begins another.
3. After a lost answer the same stage is done again, as it was: ids and bodies make it idempotent. What then turns out to be
   stored, or so, already carries its commit, because nobody may have been told of it. It waits for conversations that are
   held: perhaps by that very commit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from madang.contract.limits import LIMITS
from madang.contract.shapes import Message
from madang.errors import ErrorCode, MadangError
from madang.ports.log import Commit, Entry, Mark, MarkVerdict, NewMessage, Outcome, Verdict
from madang.storage import postgres_marks, postgres_sends
from madang.storage.changes import Change
from madang.storage.log import LogReader, spoiled, storable
from madang.storage.messages import sent_before
from madang.storage.postgres_changes import append_changes
from madang.storage.postgres_database import PostgresDatabase
from madang.storage.postgres_errors import Trouble, trouble
from madang.storage.terms import BatchTerms

__all__ = ["PostgresLog", "stages"]

_UNDECIDED: Final = {Outcome.BUSY, Outcome.STORAGE_FULL}


def stages(entries: Sequence[Entry]) -> list[list[int]]:
    """Places of the entries, by stage: even stages are plain sends, odd ones other changes. Changes keep their order even
    among conversations, because one may take the key that another gives up.
    """
    last_change = 1
    stage_of: dict[str, int] = {}
    sent: dict[tuple[str, str | None], int] = {}
    found: defaultdict[int, list[int]] = defaultdict(list)
    for place, entry in enumerate(entries):
        here = entry.conversation_id
        is_change = not isinstance(entry, NewMessage)
        stage = stage_of.get(here, 0)
        stage += (stage % 2) != is_change
        if is_change:
            stage = last_change = max(stage, last_change)
        if isinstance(entry, NewMessage):
            if stage in (sent.get((here, entry.id)), sent.get((here, entry.reply_to_id))):
                stage += 2
            sent[here, entry.id] = stage
        stage_of[here] = stage
        found[stage].append(place)
    return [found[stage] for stage in sorted(found)]


class PostgresLog(LogReader):
    """The port `ConversationLog` on PostgreSQL; reading is the same as everywhere."""

    def __init__(self, database: PostgresDatabase, *, max_members: int = LIMITS.members) -> None:
        super().__init__(database)
        self._postgres = database
        self._max_members = max_members

    async def append(self, entries: Sequence[Entry], now: int, *, wait: bool = True) -> list[Verdict]:
        if not entries:
            return []
        pools = self._postgres.pools
        terms = BatchTerms(now=now, epoch=self._postgres.epoch, max_members=self._max_members)
        batch = _Batch(self._postgres, pools.spare if wait else pools.lanes, pools.reads, terms, wait=wait)
        return await self._postgres.detached(batch.run(list(entries)))

    async def mark(self, marks: Sequence[Mark], now: int) -> list[MarkVerdict]:
        if not marks:
            return []
        return await self._postgres.detached(self._mark(self._postgres.pools.writes, list(marks), now))

    async def _mark(self, engine: AsyncEngine, marks: Sequence[Mark], now: int) -> list[MarkVerdict]:
        try:
            rows, untold = await self._postgres.answered(
                engine, postgres_marks.MOVE_MARKS, lambda _: postgres_marks.arguments(marks, now)
            )
        except MadangError as error:
            if error.code is not ErrorCode.STORAGE_FULL:
                raise
            return [MarkVerdict(outcome=Outcome.STORAGE_FULL) for _ in marks]
        return postgres_marks.verdicts(rows, untold=untold)


class _Batch:
    """One call of `append`."""

    def __init__(
        self, database: PostgresDatabase, engine: AsyncEngine, reads: AsyncEngine, terms: BatchTerms, *, wait: bool
    ) -> None:
        self._database = database
        self._engine = engine
        self._reads = reads
        self._terms = terms
        self._wait = wait
        self._undecided: dict[str, Outcome] = {}
        """Conversations of which an entry was not decided, so that later ones must not be either."""

    async def run(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Decide all entries, stage by stage."""
        verdicts: dict[int, Verdict] = {
            place: spoiled(entry) for place, entry in enumerate(entries) if not storable(entry)
        }
        good = [place for place in range(len(entries)) if place not in verdicts]
        for stage in stages([entries[place] for place in good]):
            places = [good[place] for place in stage]
            decided = await self._stage([entries[place] for place in places])
            verdicts.update(zip(places, decided, strict=True))
        return [verdicts[place] for place in range(len(entries))]

    async def _stage(self, entries: list[Entry]) -> list[Verdict]:
        free = [entry for entry in entries if entry.conversation_id not in self._undecided]
        sends = [entry for entry in free if isinstance(entry, NewMessage)]
        changes: list[Change] = [entry for entry in free if not isinstance(entry, NewMessage)]
        try:
            decided = await self._sends(sends) if sends else await self._changes(changes) if changes else []
        except MadangError as error:
            if error.code is not ErrorCode.STORAGE_FULL:
                raise
            decided = [Verdict(outcome=Outcome.STORAGE_FULL, conversation_id=entry.conversation_id) for entry in free]
        turn = iter(decided)
        verdicts = [
            Verdict(outcome=self._undecided[entry.conversation_id], conversation_id=entry.conversation_id)
            if entry.conversation_id in self._undecided
            else next(turn)
            for entry in entries
        ]
        for verdict in verdicts:
            if verdict.outcome in _UNDECIDED:
                self._undecided[verdict.conversation_id] = verdict.outcome
        return verdicts

    async def _changes(self, changes: Sequence[Change]) -> list[Verdict]:
        attempted: list[Verdict] = []

        def work(conn: Connection) -> list[Verdict]:
            nonlocal attempted
            wait = self._wait or bool(attempted)
            attempted = append_changes(conn, changes, self._terms, wait=wait, attempted=attempted)
            return attempted

        return await self._database.transaction(self._engine, work, safe_twice=True)

    async def _sends(self, entries: list[NewMessage]) -> list[Verdict]:
        """One call; if a row spoils it, each half by itself."""
        try:
            rows, untold = await self._database.answered(
                self._engine,
                postgres_sends.APPEND_SENDS,
                lambda lost: postgres_sends.arguments(entries, self._terms.now, wait=self._wait or lost),
            )
        except Exception as error:
            if trouble(error) is not Trouble.DATA:
                raise
            if len(entries) == 1:
                return [spoiled(entries[0])]
            half = len(entries) // 2
            return await self._sends(entries[:half]) + await self._sends(entries[half:])
        verdicts = postgres_sends.verdicts(entries, rows, self._terms)
        return await self._with_earlier_messages(entries, verdicts, untold=untold)

    async def _with_earlier_messages(
        self, entries: Sequence[NewMessage], verdicts: list[Verdict], *, untold: bool
    ) -> list[Verdict]:
        """Duplicates get their message as it is now, and as its sender sees it now; `untold`: and its
        commit, to be published.
        """
        wanted = [
            entry for entry, verdict in zip(entries, verdicts, strict=True) if verdict.outcome is Outcome.DUPLICATE
        ]
        if not wanted:
            return verdicts
        try:
            found = await self._database.transaction(
                self._reads, lambda conn: sent_before(conn, wanted, self._terms.epoch)
            )
        except MadangError:
            if self._wait:
                raise
            # What was stored shall be told, so these are left undecided: asked again, they are duplicates again.
            return [
                Verdict(outcome=Outcome.BUSY, conversation_id=verdict.conversation_id)
                if verdict.outcome is Outcome.DUPLICATE
                else verdict
                for verdict in verdicts
            ]
        return [
            _duplicate(*found[entry.conversation_id, entry.id], untold=untold)
            if verdict.outcome is Outcome.DUPLICATE
            else verdict
            for entry, verdict in zip(entries, verdicts, strict=True)
        ]


def _duplicate(message: Message, shown: Message, *, untold: bool) -> Verdict:
    verdict = Verdict(outcome=Outcome.DUPLICATE, conversation_id=message.conversation_id, message=shown)
    if not untold:
        return verdict
    commit = Commit(conversation_id=message.conversation_id, event="message:new", message=message)
    return msgspec.structs.replace(verdict, commits=(commit,))
