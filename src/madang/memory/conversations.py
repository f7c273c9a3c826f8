"""Lists and members in memory: the port `Conversations`, as the store on a database answers it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from msgspec import UNSET

from madang.clock import to_iso
from madang.contract.shapes import Membership, PublicMember, Summary
from madang.domain.search_text import fold
from madang.memory.messages import to_message
from madang.memory.rows import ConversationRow, MemberRow, Rows
from madang.ports.conversations import InboxPage, Member

__all__ = ["MemoryConversations"]

FACES: Final = 4


class MemoryConversations:
    """Answers from the logs themselves."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def member(self, conversation_id: str, user_id: str) -> Member | None:
        return (await self.memberships(conversation_id, [user_id])).get(user_id)

    async def memberships(self, conversation_id: str, user_ids: Collection[str]) -> dict[str, Member]:
        conversation = self._rows.conversations.get(conversation_id)
        if conversation is None:
            return {}
        return {
            row.user_id: Member(
                conversation_id=conversation_id,
                user_id=row.user_id,
                role=row.role,
                conversation_type=conversation.type,
                visible_from_seq=row.joined_seq,
                last_read_seq=row.last_read_seq,
                last_seq=len(conversation.messages),
            )
            for row in conversation.present().values()
            if row.user_id in user_ids
        }

    async def inbox(
        self,
        user_id: str,
        *,
        limit: int,
        exclude: Collection[str] = (),
        before: tuple[int, str] | None = None,
    ) -> InboxPage:
        user = self._rows.users.get(user_id)
        found = [
            (conversation, row)
            for conversation, row in self._rows.of(user_id)
            if conversation.id not in exclude and (before is None or _place(conversation) < before)
        ]
        found.sort(key=lambda pair: _place(pair[0]), reverse=True)
        return InboxPage(
            inbox_version=0 if user is None else user.inbox_version,
            summaries=[self._summary(*pair) for pair in found[:limit]],
            more=len(found) > limit,
        )

    async def summaries(self, user_id: str, conversation_ids: Sequence[str]) -> list[Summary]:
        return [
            self._summary(conversation, row)
            for conversation, row in self._rows.of(user_id)
            if conversation.id in conversation_ids
        ]

    async def members(
        self, conversation_id: str, *, limit: int, after: str | None = None, query: str = ""
    ) -> list[PublicMember]:
        conversation = self._rows.conversations.get(conversation_id)
        present = {} if conversation is None else conversation.present()
        wanted = fold(query)
        found = [
            PublicMember(
                user=user.user(),
                role=present[user.id].role,
                joined_at=to_iso(present[user.id].joined_at),
                last_read_seq=present[user.id].last_read_seq,
                visible_from_seq=present[user.id].joined_seq,
            )
            for user in (self._rows.users[user_id] for user_id in sorted(present))
            if (after is None or user.id > after) and (wanted in user.username or wanted in fold(user.name))
        ]
        return found[:limit]

    async def sharing(self, user_id: str, user_ids: Collection[str]) -> set[str]:
        mine = {member for conversation, _ in self._rows.of(user_id) for member in conversation.present()}
        return {*mine, user_id} & set(user_ids)

    async def presence_audience(self, user_id: str, *, rooms: int, room_size: int) -> set[str]:
        mine = [conversation for conversation, _ in self._rows.of(user_id)]
        small = [conversation for conversation in mine if len(conversation.present()) <= room_size]
        small.sort(key=_place, reverse=True)
        told = [conversation for conversation in mine if conversation.type == "direct"] + small[:rooms]
        return {member for conversation in told for member in conversation.present()} - {user_id}

    def _summary(self, conversation: ConversationRow, row: MemberRow) -> Summary:
        present = conversation.present()
        people = [self._rows.users[member].user() for member in present if member != row.user_id]
        people.append(self._rows.users[row.user_id].user())
        unread = conversation.unread(row)
        last = conversation.messages[-1]
        return Summary(
            id=conversation.id,
            type=conversation.type,
            name=conversation.name,
            epoch=self._rows.epoch,
            version=conversation.version,
            last_seq=last.seq,
            member_count=len(present),
            faces=people[:FACES],
            last_message=to_message(self._rows, conversation, last, visible_from_seq=row.joined_seq),
            last_message_at=to_iso(last.created_at),
            created_at=to_iso(conversation.created_at),
            me=Membership(
                role=row.role,
                last_read_seq=row.last_read_seq,
                unread_count=unread,
                visible_from_seq=row.joined_seq,
                notification_enabled=row.notification_enabled,
                muted_until=None if row.muted_until is None else to_iso(row.muted_until),
                pinned_at=None if row.pinned_at is None else to_iso(row.pinned_at),
                marked_unread=row.marked_unread,
            ),
            unread_count=unread,
            avatar_url=conversation.avatar_url,
            custom=conversation.custom,
            key=UNSET if conversation.key is None else conversation.key,
            peer=people[0] if conversation.type == "direct" else UNSET,
        )


def _place(conversation: ConversationRow) -> tuple[int, str]:
    return conversation.last_message_at(), conversation.id
