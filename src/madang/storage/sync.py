"""Coming back, as it is read: pages of the list for those who know some of it, and what was missed of a conversation.

Owns which rows answer that, each answer from one snapshot. Must never write, and must never read what its reader may not
see: rows below `visible_from_seq` are not selected. How much is too much is the domain's to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, func, select

from madang.contract.shapes import Message, Summary
from madang.domain.sync import Status, starts_membership, status_of
from madang.ports.log import PageWindow
from madang.ports.sync import MOST_READS, MOST_STEPS, ListPage, ListQuery, MemberTouched, Missed, Place
from madang.storage.column_types import among, outside
from madang.storage.conversations import summaries
from madang.storage.database import Database
from madang.storage.messages import page as page_of_history
from madang.storage.messages import select_messages, to_message
from madang.storage.tables import conversations, members, messages, users

__all__ = ["DatabaseSync", "inbox_versions", "missed", "page", "steps", "touched"]

_PRESENT: Final = members.c.left_at.is_(None)
_PLACE: Final = (
    conversations.c.id,
    conversations.c.version,
    conversations.c.last_seq,
    conversations.c.member_count,
    members.c.visible_from_seq,
    members.c.inbox_version,
)


_PLACES: Final = (
    select(*_PLACE)
    .select_from(members.join(conversations, conversations.c.id == members.c.conversation_id))
    .where(_PRESENT)
)
_MESSAGES: Final = select_messages(messages)


def page(conn: Connection, user_id: str, epoch: str, query: ListQuery) -> ListPage:
    """The next page of a list."""
    statement = _mine(user_id).order_by(conversations.c.last_message_at.desc(), conversations.c.id.desc())
    if query.exclude:
        statement = statement.where(outside(conversations.c.id, query.exclude))
    if query.only is not None:
        statement = statement.where(among(conversations.c.id, query.only))
    # what is not known takes a Summary, so no more of it fits than there are Summaries
    most = min(query.places, query.summaries + len(query.known))
    found = conn.execute(statement.limit(most + 1)).all()
    version: int = conn.scalar(select(users.c.inbox_version).where(users.c.id == user_id)) or 0
    since = query.inbox if query.inbox is not None and query.inbox <= version else None
    shown, places = _choose(found[:most], query, since)
    by_id = {summary.id: summary for summary in summaries(conn, user_id, shown, epoch)}
    return ListPage(
        inbox_version=version,
        places=[_place(row) for row in places],
        summaries=[by_id[conversation_id] for conversation_id in shown],
        missed=_missed_of_page(conn, places, query),
        removed=_removed(conn, user_id, query),
        more=len(places) < len(found),
    )


def missed(
    conn: Connection,
    user_id: str,
    epoch: str,
    conversation_id: str,
    known: int | None,
    *,
    rows: int,
    page_rows: int,
) -> Missed | None:
    """What one member has missed of one conversation."""
    row = conn.execute(_mine(user_id).where(conversations.c.id == conversation_id)).first()
    if row is None:
        return None
    status, changed, more = _messages(conn, row, known, rows, page_rows)
    summary: Summary | None = None
    if not more:
        (summary,) = summaries(conn, user_id, [conversation_id], epoch)
    return Missed(
        place=_place(row),
        status=status,
        messages=changed,
        more=more,
        reads=_reads(conn, row) if not more else None,
        steps=steps(conn, row.id) if not more and row.member_count > MOST_READS else None,
        summary=summary,
    )


def steps(conn: Connection, conversation_id: str) -> list[tuple[int, int]]:
    """How many members' marks stand at a seq, the newest."""
    seq = members.c.last_read_seq
    statement = (
        select(seq, func.count())
        .where(members.c.conversation_id == conversation_id, _PRESENT)
        .group_by(seq)
        .order_by(seq.desc())
        .limit(MOST_STEPS)
    )
    return [(found[0], found[1]) for found in conn.execute(statement)][::-1]


def inbox_versions(conn: Connection, user_ids: Sequence[str]) -> dict[str, int]:
    """Numbers of lists."""
    statement = select(users.c.id, users.c.inbox_version).where(among(users.c.id, user_ids))
    return {row[0]: row[1] for row in conn.execute(statement)}


def touched(conn: Connection, user_ids: Sequence[str], depth: int) -> list[MemberTouched]:
    """Member rows whose last change is among the last `depth` of their user's list."""
    m = members.c
    statement = (
        select(m.user_id, m.conversation_id, m.inbox_version, m.visible_from_seq, m.left_at)
        .select_from(members.join(users, users.c.id == m.user_id))
        .where(among(m.user_id, user_ids), m.inbox_version > users.c.inbox_version - depth)
    )
    return [
        MemberTouched(
            user_id=row.user_id,
            conversation_id=row.conversation_id,
            inbox_version=row.inbox_version,
            visible_from_seq=row.visible_from_seq if row.left_at is None else None,
        )
        for row in conn.execute(statement)
    ]


def _mine(user_id: str) -> Select[Any]:
    return _PLACES.where(members.c.user_id == user_id)


def _place(row: Row[Any]) -> Place:
    return Place(
        conversation_id=row.id,
        version=row.version,
        seq=row.last_seq,
        member_count=row.member_count,
        visible_from_seq=row.visible_from_seq,
    )


def _choose(found: Sequence[Row[Any]], query: ListQuery, since: int | None) -> tuple[list[str], list[Row[Any]]]:
    """Which get a Summary, and all of the page: it ends before the first that would be a Summary too many."""
    shown: list[str] = []
    for number, row in enumerate(found):
        as_known = query.known.get(row.id) == row.version
        if since is not None and as_known and row.inbox_version <= since:
            continue
        if len(shown) == query.summaries:
            return shown, list(found[:number])
        shown.append(row.id)
    return shown, list(found)


def _missed_of_page(conn: Connection, places: Sequence[Row[Any]], query: ListQuery) -> list[Missed]:
    """What was missed of each that is known otherwise, as long as there is room for rows."""
    missed_of: list[Missed] = []
    room = query.rows
    for row in places:
        known = query.known.get(row.id)
        if known is None or known == row.version:
            continue
        status = status_of(known, row.version)
        needs = 0 if status == "reset" else query.page_rows if status == "gap" else row.version - known
        if needs > room:
            missed_of.append(Missed(place=_place(row), status=status, left_out=True))
            continue
        status, changed, _ = _messages(conn, row, known, needs, query.page_rows)
        room -= len(changed)
        missed_of.append(Missed(place=_place(row), status=status, messages=changed, reads=_reads(conn, row)))
    return missed_of


def _messages(
    conn: Connection, row: Row[Any], known: int | None, rows: int, page_rows: int
) -> tuple[Status, list[Message], bool]:
    """What helps, what to send, and whether there is more."""
    status = status_of(known, row.version)
    if status == "delta" and known is not None:
        changed, more = _changed(conn, row, known, rows)
        if starts_membership(changed, row.visible_from_seq):
            return "reset", [], False
        return status, changed, more
    if status == "gap":
        return status, page_of_history(conn, row.id, PageWindow(limit=page_rows), row.visible_from_seq), False
    return status, [], False


def _changed(conn: Connection, row: Row[Any], known: int, rows: int) -> tuple[list[Message], bool]:
    m = messages.c
    statement = (
        _MESSAGES.where(m.conversation_id == row.id, m.version > known, m.seq >= row.visible_from_seq)
        .order_by(m.version)
        .limit(rows + 1)
    )
    found = [to_message(each, visible_from_seq=row.visible_from_seq) for each in conn.execute(statement)]
    return found[:rows], len(found) > rows


def _reads(conn: Connection, row: Row[Any]) -> list[tuple[str, int]] | None:
    if row.member_count > MOST_READS:
        return None
    statement = (
        select(members.c.user_id, members.c.last_read_seq)
        .where(members.c.conversation_id == row.id, _PRESENT)
        .order_by(members.c.user_id)
    )
    return [(found[0], found[1]) for found in conn.execute(statement)]


def _removed(conn: Connection, user_id: str, query: ListQuery) -> list[str]:
    """Memberships that ended, and those that the client thinks it has."""
    gone: set[str] = set()
    if query.left_since is not None:
        after = members.c.inbox_version > query.left_since
        statement = select(members.c.conversation_id).where(members.c.user_id == user_id, ~_PRESENT, after)
        gone.update(conn.scalars(statement))
    if query.name_unknown and query.known:
        here = and_(members.c.user_id == user_id, _PRESENT, among(members.c.conversation_id, query.known))
        gone.update(query.known.keys() - set(conn.scalars(select(members.c.conversation_id).where(here))))
    return sorted(gone)


class DatabaseSync:
    """The port `Sync` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, user_id: str, query: ListQuery) -> ListPage:
        return await self._database.read(page, user_id, self._database.epoch, query)

    async def missed(
        self, user_id: str, conversation_id: str, known: int | None, *, rows: int, page_rows: int
    ) -> Missed | None:
        return await self._database.read(
            missed, user_id, self._database.epoch, conversation_id, known, rows=rows, page_rows=page_rows
        )

    async def steps(self, conversation_id: str) -> list[tuple[int, int]]:
        return await self._database.read(steps, conversation_id)

    async def inbox_versions(self, user_ids: Sequence[str]) -> dict[str, int]:
        return await self._database.read(inbox_versions, user_ids)

    async def touched(self, user_ids: Sequence[str], depth: int) -> list[MemberTouched]:
        return await self._database.read(touched, user_ids, depth)
