"""Lists and members: the port that answers what a person's conversations are, and who is in them. Reads only;
changes go through the log.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from msgspec import Struct

from madang.contract.shapes import PublicMember, Summary
from madang.domain.conversation import ConversationType
from madang.domain.membership import Role

__all__ = ["Conversations", "InboxPage", "Member"]


class Member(Struct, frozen=True, kw_only=True):
    """Somebody's membership as it is now."""

    conversation_id: str
    user_id: str
    role: Role
    conversation_type: ConversationType
    visible_from_seq: int
    last_read_seq: int
    last_seq: int
    """The newest message of the conversation."""


class InboxPage(Struct, frozen=True, kw_only=True):
    """A page of somebody's list, newest first, from one snapshot."""

    inbox_version: int
    summaries: list[Summary]
    more: bool


class Conversations(Protocol):
    """Reads what the log has made. Only members are ever answered about; removed ones are not members."""

    async def member(self, conversation_id: str, user_id: str) -> Member | None: ...

    async def memberships(self, conversation_id: str, user_ids: Collection[str]) -> dict[str, Member]:
        """Those of these users who are members."""
        ...

    async def inbox(
        self,
        user_id: str,
        *,
        limit: int,
        exclude: Collection[str] = (),
        before: tuple[int, str] | None = None,
    ) -> InboxPage:
        """The newest conversations (by last message, then id descending), without those in `exclude`, and only those
        after the place `(last_message_at in ms, id)`. The cost does not depend on how many messages there are.
        """
        ...

    async def summaries(self, user_id: str, conversation_ids: Sequence[str]) -> list[Summary]:
        """Summaries of those the user is a member of, in no order, from one snapshot."""
        ...

    async def members(
        self, conversation_id: str, *, limit: int, after: str | None = None, query: str = ""
    ) -> list[PublicMember]:
        """Members ordered by user id, after the given id; `query` filters by name or username."""
        ...

    async def sharing(self, user_id: str, user_ids: Collection[str]) -> set[str]:
        """Those of these users who share a conversation with the user; oneself counts."""
        ...

    async def presence_audience(self, user_id: str, *, rooms: int, room_size: int) -> set[str]:
        """Who is told when this user comes and goes: peers of direct conversations, and members of the user's newest
        `rooms` conversations of at most `room_size` members; without the user.
        """
        ...
