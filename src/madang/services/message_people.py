"""Who has read a message, and who reacted to it with what.

Owns who may ask: whoever sees the message. Reads only.
"""

from __future__ import annotations

from madang.contract.limits import Limits
from madang.contract.shapes import Message, User
from madang.domain.membership import Action
from madang.domain.reaction import canonical_emoji
from madang.errors import invalid
from madang.ids import parse_id
from madang.ports.log import ConversationLog
from madang.ports.members import Members
from madang.services.access import Access, no_such_message, not_a_member
from madang.services.enqueuer import Enqueuer, not_stored_yet

__all__ = ["MessagePeopleService"]


class MessagePeopleService:
    """Lists people by user id, a page at a time."""

    def __init__(
        self,
        log: ConversationLog,
        members: Members,
        access: Access,
        limits: Limits,
        *,
        enqueuer: Enqueuer | None = None,
    ) -> None:
        self._log = log
        self._enqueuer = enqueuer
        self._members = members
        self._access = access
        self._limits = limits

    async def readers(
        self, actor_id: str, conversation_id: str, message_id: str, *, limit: int, after: str | None = None
    ) -> list[User]:
        """Members whose mark is at the message or above and who see it, without its sender.

        Raises:
            MadangError: `not_a_member`, `not_found`, `invalid`.
        """
        after = self._bounds(limit, after)
        message = await self._seen(actor_id, conversation_id, message_id)
        return await self._members.readers(
            message.conversation_id, message.seq, sender_id=message.sender_id, limit=limit, after=after
        )

    async def reactors(
        self, actor_id: str, conversation_id: str, message_id: str, emoji: str, *, limit: int, after: str | None = None
    ) -> list[User]:
        """Who reacted to a message with an emoji.

        Raises:
            MadangError: `not_a_member`, `not_found`, `invalid`.
        """
        after = self._bounds(limit, after)
        emoji = canonical_emoji(emoji)
        message = await self._seen(actor_id, conversation_id, message_id)
        return await self._members.reactors(message.conversation_id, message.id, emoji, limit=limit, after=after)

    async def _seen(self, actor_id: str, conversation_id: str, message_id: str) -> Message:
        conversation, wanted = parse_id(conversation_id), parse_id(message_id)
        if conversation is None:
            raise not_a_member()
        member = await self._access.member(actor_id, conversation, Action.READ)
        if wanted is None:
            raise no_such_message()
        message = await self._log.message(conversation, wanted, member.visible_from_seq)
        if message is None and self._enqueuer is not None:
            if await self._enqueuer.waiting(conversation, wanted):
                raise not_stored_yet()
            message = await self._log.message(conversation, wanted, member.visible_from_seq)  # stored meanwhile
        if message is None:
            raise no_such_message()
        return message

    def _bounds(self, limit: int, after: str | None) -> str | None:
        if not 1 <= limit <= self._limits.page:
            raise invalid("limit", f"must be from 1 to {self._limits.page}")
        known = None if after is None else parse_id(after)
        if after is not None and known is None:
            raise invalid("after", "must be the id of a user")
        return known
