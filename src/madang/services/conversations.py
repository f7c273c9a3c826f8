"""Conversations: making them, changing them, who is in them in which role, and the list.

Owns the checks in front of the log for everything that changes a conversation. The log decides under its lock who may.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from madang.contract.limits import Limits
from madang.contract.rest import CreateConversation, UpdateConversation
from madang.contract.shapes import PublicMember, Summary
from madang.domain.conversation import clean_picture, direct_key, group_key
from madang.domain.custom import clean_custom
from madang.domain.membership import Action, Role
from madang.domain.text import clean_line, clean_text
from madang.errors import ErrorCode, MadangError, invalid
from madang.ids import new_id, parse_id
from madang.ports import log
from madang.ports.conversations import Conversations, InboxPage
from madang.services.access import Access, not_a_member
from madang.services.committer import Committer
from madang.services.messages import stored

__all__ = ["ConversationService"]


class ConversationService:
    """Makes conversations and changes who is in them.

    Args:
        users_create: whether people may create conversations, or only the host application.
    """

    def __init__(
        self,
        committer: Committer,
        conversations: Conversations,
        access: Access,
        limits: Limits,
        *,
        users_create: bool,
    ) -> None:
        self._committer = committer
        self._conversations = conversations
        self._access = access
        self._limits = limits
        self._users_create = users_create

    async def create(self, actor_id: str, body: CreateConversation) -> tuple[Summary, bool]:
        """Make a conversation, or find the one that exists: the pair's, or the one with the key.

        Returns:
            The actor's Summary and whether it was made now.

        Raises:
            MadangError: `forbidden` if only the host application creates, `invalid`, `too_large`, `conflict` if the key
                belongs to a conversation of others.
        """
        member_ids = [actor_id, *(user for user in self._user_ids("memberIds", body.member_ids) if user != actor_id)]
        if not self._users_create and member_ids != [actor_id]:
            raise MadangError(ErrorCode.FORBIDDEN, "only the host application creates conversations here")
        if body.type == "direct":
            entry = self._direct(actor_id, member_ids, body)
        else:
            entry = self._group(actor_id, member_ids, body)
        verdict = stored(await self._committer.commit(entry))
        found = await self._conversations.summaries(actor_id, [verdict.conversation_id])
        if not found:
            raise MadangError(ErrorCode.CONFLICT, "this key belongs to another conversation")
        return found[0], verdict.outcome is log.Outcome.STORED

    async def create_notes(self, user_id: str) -> None:
        """Somebody's notes to self: the direct conversation with oneself. Making it twice changes nothing."""
        body = CreateConversation(type="direct", member_ids=[user_id])
        stored(await self._committer.commit(self._direct(user_id, [user_id], body)))

    async def get(self, actor_id: str, conversation_id: str) -> Summary:
        """One conversation in the actor's list. Raises `MadangError(not_a_member)`."""
        conversation = parse_id(conversation_id)
        found = await self._conversations.summaries(actor_id, [conversation]) if conversation else []
        if not found:
            raise not_a_member()
        return found[0]

    async def inbox(self, actor_id: str, limit: int, before: tuple[int, str] | None = None) -> InboxPage:
        """A page of the actor's list, newest first. Raises `MadangError(invalid)` for an impossible limit."""
        if not 1 <= limit <= self._limits.inbox_page:
            raise invalid("limit", f"must be from 1 to {self._limits.inbox_page}")
        return await self._conversations.inbox(actor_id, limit=limit, before=before)

    async def members(
        self, actor_id: str, conversation_id: str, *, limit: int, after: str | None = None, query: str = ""
    ) -> list[PublicMember]:
        """Who is in a conversation of the actor's, by user id. Raises `MadangError`: `not_a_member`, `invalid`,
        `too_large`.
        """
        if not 1 <= limit <= self._limits.page:
            raise invalid("limit", f"must be from 1 to {self._limits.page}")
        query = clean_text("query", query, self._limits.name_units)
        member = await self._access.member(actor_id, self._conversation(conversation_id), Action.READ)
        return await self._conversations.members(member.conversation_id, limit=limit, after=after, query=query)

    async def add_members(self, actor_id: str, conversation_id: str, user_ids: Sequence[str]) -> Summary:
        """Add people; those who are in it already are left as they are. Raises `MadangError` as the log decides."""
        people = self._user_ids("userIds", user_ids)
        if not people:
            raise invalid("userIds", "must name somebody")
        entry = log.AddMembers(
            conversation_id=self._conversation(conversation_id),
            entry_id=new_id(),
            actor_id=actor_id,
            user_ids=people,
        )
        stored(await self._committer.commit(entry))
        return await self.get(actor_id, conversation_id)

    async def remove_member(self, actor_id: str, conversation_id: str, user_id: str) -> None:
        """Remove somebody, or leave if it is oneself. Raises `MadangError` as the log decides."""
        entry = log.RemoveMember(
            conversation_id=self._conversation(conversation_id),
            entry_id=new_id(),
            actor_id=actor_id,
            user_id=self._person(user_id),
        )
        stored(await self._committer.commit(entry))

    async def update(self, actor_id: str, conversation_id: str, body: UpdateConversation) -> Summary:
        """Change a group's name, picture or own fields. Raises `MadangError`: `invalid`, `too_large`, or as the log
        decides.
        """
        entry = log.UpdateConversation(
            conversation_id=self._conversation(conversation_id),
            entry_id=new_id(),
            actor_id=actor_id,
            name=clean_line("name", body.name, self._limits.name_units) if isinstance(body.name, str) else body.name,
            avatar_url=clean_picture(body.avatar_url) if isinstance(body.avatar_url, str) else body.avatar_url,
            custom=UNSET if body.custom is UNSET else clean_custom(dict(body.custom), self._limits.custom_bytes),
        )
        stored(await self._committer.commit(entry))
        return await self.get(actor_id, conversation_id)

    async def change_role(self, actor_id: str, conversation_id: str, user_id: str, role: Role) -> Summary:
        """Give a member another role; a new owner takes the place of the actor. Raises `MadangError` as the log decides."""
        entry = log.ChangeRole(
            conversation_id=self._conversation(conversation_id),
            entry_id=new_id(),
            actor_id=actor_id,
            user_id=self._person(user_id),
            role=role,
        )
        stored(await self._committer.commit(entry))
        return await self.get(actor_id, conversation_id)

    async def end(self, actor_id: str, conversation_id: str) -> None:
        """End a group for everybody. Raises `MadangError` as the log decides."""
        conversation = self._conversation(conversation_id)
        entry = log.EndConversation(conversation_id=conversation, entry_id=new_id(), actor_id=actor_id)
        stored(await self._committer.commit(entry))

    def _group(self, actor_id: str, member_ids: Sequence[str], body: CreateConversation) -> log.CreateConversation:
        key = None if body.key is None else clean_line("key", body.key, self._limits.key_units)
        return log.CreateConversation(
            conversation_id=new_id(),
            entry_id=new_id(),
            actor_id=actor_id,
            type="group",
            member_ids=member_ids,
            name=None if body.name is None else clean_line("name", body.name, self._limits.name_units),
            unique_key=None if key is None else group_key(key),
            key=key,
            custom=clean_custom(body.custom, self._limits.custom_bytes),
        )

    def _direct(self, actor_id: str, member_ids: Sequence[str], body: CreateConversation) -> log.CreateConversation:
        asked = set(body.member_ids)
        if len(member_ids) > 2 or not asked:  # a pair is two
            raise invalid("memberIds", "a direct conversation has one other person, or oneself alone")
        if body.name is not None:
            raise invalid("name", "a direct conversation has no name of its own")
        if body.key is not None:
            raise invalid("key", "a direct conversation exists once by itself")
        return log.CreateConversation(
            conversation_id=new_id(),
            entry_id=new_id(),
            actor_id=actor_id,
            type="direct",
            member_ids=member_ids,
            custom=clean_custom(body.custom, self._limits.custom_bytes),
            unique_key=direct_key(member_ids[0], member_ids[-1]),
        )

    @staticmethod
    def _person(user_id: str) -> str:
        person = parse_id(user_id)
        if person is None:
            raise invalid("userId", "must be the id of a user")
        return person

    @staticmethod
    def _conversation(conversation_id: str) -> str:
        conversation = parse_id(conversation_id)
        if conversation is None:
            raise not_a_member()
        return conversation

    def _user_ids(self, field: str, user_ids: Sequence[str]) -> list[str]:
        if len(user_ids) > self._limits.members_per_call:
            raise MadangError(ErrorCode.TOO_LARGE, f"{field}: at most {self._limits.members_per_call} in one call")
        parsed = [parse_id(user_id) for user_id in user_ids]
        known = [user_id for user_id in parsed if user_id is not None]
        if len(known) != len(parsed):
            raise invalid(field, "must be ids of users")
        return list(dict.fromkeys(known))
