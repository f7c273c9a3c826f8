"""Lists and members, as they are read.

Owns who is a member (a row without `left_at`) and what a Summary is made of. Must never write: membership changes
through the log. The cost of a page of the list depends on the reader's conversations, not on their messages or members.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from msgspec import UNSET
from sqlalchemy import Connection, Row, Select, and_, select, tuple_, union

from madang.clock import to_iso
from madang.contract.shapes import Membership, Message, PublicMember, Summary, User
from madang.domain.reading import unread_count
from madang.domain.search_text import fold
from madang.ports.conversations import InboxPage, Member
from madang.storage.accounts import USER_COLUMNS, matches, to_user, users_by_id
from madang.storage.column_types import among, bigint, outside
from madang.storage.database import Database
from madang.storage.messages import select_messages, to_message
from madang.storage.tables import conversations, members, messages, users

FACES: Final = 4

_PRESENT: Final = members.c.left_at.is_(None)
_SUMMARY_COLUMNS: Final = (
    conversations.c.id,
    conversations.c.type,
    conversations.c.name,
    conversations.c.avatar_url,
    conversations.c.custom,
    conversations.c.key,
    conversations.c.last_seq,
    conversations.c.version,
    conversations.c.message_count,
    conversations.c.member_count,
    conversations.c.first_member_ids,
    conversations.c.last_message_at,
    conversations.c.created_at,
    members.c.role,
    members.c.last_read_seq,
    members.c.last_read_ordinal,
    members.c.own_since_read,
    members.c.visible_from_seq,
    members.c.notification_enabled,
    members.c.muted_until,
    members.c.pinned_at,
    members.c.marked_unread,
)


# Built once, not for each list: naming so many columns costs about as much as a statement.
_OF_MEMBERS: Final = (
    select(*_SUMMARY_COLUMNS)
    .select_from(members.join(conversations, conversations.c.id == members.c.conversation_id))
    .where(_PRESENT)
)
_NEWEST: Final = select_messages(
    conversations.join(
        messages,
        and_(messages.c.conversation_id == conversations.c.id, messages.c.seq == conversations.c.last_seq),
    )
)


def memberships(conn: Connection, conversation_id: str, user_ids: Collection[str]) -> dict[str, Member]:
    """Those of these users who are members."""
    statement = (
        select(
            members.c.conversation_id,
            members.c.user_id,
            members.c.role,
            conversations.c.type.label("conversation_type"),
            members.c.visible_from_seq,
            members.c.last_read_seq,
            conversations.c.last_seq,
        )
        .join(conversations, conversations.c.id == members.c.conversation_id)
        .where(members.c.conversation_id == conversation_id, among(members.c.user_id, user_ids), _PRESENT)
    )
    return {row.user_id: Member(**row._asdict()) for row in conn.execute(statement)}


def inbox(
    conn: Connection,
    user_id: str,
    epoch: str,
    *,
    limit: int,
    exclude: Collection[str],
    before: tuple[int, str] | None,
) -> InboxPage:
    """A page of somebody's list and the list's number, from one snapshot."""
    place = (conversations.c.last_message_at, conversations.c.id)
    statement = _mine(user_id)
    if exclude:
        statement = statement.where(outside(conversations.c.id, exclude))
    if before is not None:
        statement = statement.where(tuple_(*place) < (bigint(before[0]), before[1]))
    statement = statement.order_by(*(column.desc() for column in place)).limit(limit + 1)
    found = _summaries(conn, statement, user_id, epoch)
    version = conn.scalar(select(users.c.inbox_version).where(users.c.id == user_id))
    return InboxPage(inbox_version=version or 0, summaries=found[:limit], more=len(found) > limit)


def summaries(conn: Connection, user_id: str, conversation_ids: Sequence[str], epoch: str) -> list[Summary]:
    """Summaries of these conversations, where the user is a member."""
    return _summaries(conn, _mine(user_id).where(among(conversations.c.id, conversation_ids)), user_id, epoch)


def _mine(user_id: str) -> Select[Any]:
    return _OF_MEMBERS.where(members.c.user_id == user_id)


def _summaries(conn: Connection, statement: Select[Any], user_id: str, epoch: str) -> list[Summary]:
    """Summaries of rows of `_SUMMARY_COLUMNS`, in their order: last messages and people in one more query each."""
    rows = conn.execute(statement).all()
    last = _last_messages(conn, rows)
    people = users_by_id(conn, list({member for row in rows for member in row.first_member_ids}))
    return [_summary(row, last.get(row.id), people, user_id, epoch) for row in rows]


def _last_messages(conn: Connection, rows: Sequence[Row[Any]]) -> dict[str, Message]:
    visible = {row.id: row.visible_from_seq for row in rows}
    statement = _NEWEST.where(among(conversations.c.id, list(visible)))
    return {row[0]: to_message(row, visible_from_seq=visible[row[0]]) for row in conn.execute(statement).all()}


def _summary(row: Sequence[Any], last: Message | None, people: dict[str, User], user_id: str, epoch: str) -> Summary:
    (
        conversation_id, kind, name, avatar_url, custom, key, last_seq, version, message_count, member_count, first_member_ids,
        last_message_at, created_at, role, last_read_seq, last_read_ordinal, own_since_read, visible_from_seq,
        notification_enabled, muted_until, pinned_at, marked_unread,
    ) = row  # fmt: skip  # one name per column, in the order of the columns: asking a row for each takes most of the time
    unread = unread_count(message_count, last_read_ordinal, own_since_read)
    others = [people[member] for member in first_member_ids if member != user_id]
    mine = [people[member] for member in first_member_ids if member == user_id]
    return Summary(
        id=conversation_id,
        type=kind,
        name=name,
        epoch=epoch,
        version=version,
        last_seq=last_seq,
        member_count=member_count,
        faces=(others + mine)[:FACES],
        last_message=last,
        last_message_at=to_iso(last_message_at),
        created_at=to_iso(created_at),
        me=Membership(
            role=role,
            last_read_seq=last_read_seq,
            unread_count=unread,
            visible_from_seq=visible_from_seq,
            notification_enabled=bool(notification_enabled),
            muted_until=None if muted_until is None else to_iso(muted_until),
            pinned_at=None if pinned_at is None else to_iso(pinned_at),
            marked_unread=bool(marked_unread),
        ),
        unread_count=unread,
        avatar_url=avatar_url,
        custom=custom or {},
        key=UNSET if key is None else key,
        peer=(others + mine)[0] if kind == "direct" else UNSET,
    )


def members_page(
    conn: Connection, conversation_id: str, limit: int, after: str | None, query: str
) -> list[PublicMember]:
    """Members by user id, after one of them."""
    statement = (
        select(*USER_COLUMNS, members.c.role, members.c.joined_at, members.c.last_read_seq, members.c.visible_from_seq)
        .select_from(members.join(users, users.c.id == members.c.user_id))
        .where(members.c.conversation_id == conversation_id, _PRESENT)
        .order_by(members.c.user_id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(members.c.user_id > after)
    if query:
        statement = statement.where(matches(fold(query)))
    return [
        PublicMember(
            user=to_user(row),
            role=row.role,
            joined_at=to_iso(row.joined_at),
            last_read_seq=row.last_read_seq,
            visible_from_seq=row.visible_from_seq,
        )
        for row in conn.execute(statement)
    ]


def sharing(conn: Connection, user_id: str, user_ids: Collection[str]) -> set[str]:
    """Those of these users who are in a conversation with the user."""
    theirs = members.alias()
    statement = (
        select(theirs.c.user_id)
        .distinct()
        .join(members, members.c.conversation_id == theirs.c.conversation_id)
        .where(among(theirs.c.user_id, user_ids), theirs.c.left_at.is_(None), members.c.user_id == user_id, _PRESENT)
    )
    return set(conn.scalars(statement)) | ({user_id} & set(user_ids))


def presence_audience(conn: Connection, user_id: str, rooms: int, room_size: int) -> set[str]:
    """Direct peers, and members of the newest small conversations."""
    mine = (
        select(conversations.c.id)
        .join(members, members.c.conversation_id == conversations.c.id)
        .where(members.c.user_id == user_id, _PRESENT)
    )
    small = (
        mine.where(conversations.c.member_count <= room_size)
        .order_by(conversations.c.last_message_at.desc(), conversations.c.id.desc())
        .limit(rooms)
    )
    near = union(mine.where(conversations.c.type == "direct"), select(small.subquery().c.id))
    audience = select(members.c.user_id).distinct().where(members.c.conversation_id.in_(near), _PRESENT)
    return set(conn.scalars(audience)) - {user_id}


class DatabaseConversations:
    """The port `Conversations` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def member(self, conversation_id: str, user_id: str) -> Member | None:
        return (await self.memberships(conversation_id, [user_id])).get(user_id)

    async def memberships(self, conversation_id: str, user_ids: Collection[str]) -> dict[str, Member]:
        return await self._database.read(memberships, conversation_id, user_ids)

    async def inbox(
        self,
        user_id: str,
        *,
        limit: int,
        exclude: Collection[str] = (),
        before: tuple[int, str] | None = None,
    ) -> InboxPage:
        return await self._database.read(
            inbox, user_id, self._database.epoch, limit=limit, exclude=exclude, before=before
        )

    async def summaries(self, user_id: str, conversation_ids: Sequence[str]) -> list[Summary]:
        return await self._database.read(summaries, user_id, conversation_ids, self._database.epoch)

    async def members(
        self, conversation_id: str, *, limit: int, after: str | None = None, query: str = ""
    ) -> list[PublicMember]:
        return await self._database.read(members_page, conversation_id, limit, after, query)

    async def sharing(self, user_id: str, user_ids: Collection[str]) -> set[str]:
        return await self._database.read(sharing, user_id, user_ids)

    async def presence_audience(self, user_id: str, *, rooms: int, room_size: int) -> set[str]:
        return await self._database.read(presence_audience, user_id, rooms, room_size)
