"""Authorisation: the one gate in front of conversations.

Owns the answer to "may this person do this here?". Every event and every call passes here or through the log, which
decides under its lock by the same table (`domain.membership`). Must never tell a stranger whether a conversation
exists.
"""

from __future__ import annotations

from madang.domain.membership import Action, may
from madang.errors import ErrorCode, MadangError
from madang.ports.conversations import Conversations, Member

__all__ = ["Access", "no_such_message", "not_a_member"]


def not_a_member() -> MadangError:
    """The one answer for what somebody may not know."""
    return MadangError(ErrorCode.NOT_A_MEMBER, "there is no such conversation of yours")


def no_such_message() -> MadangError:
    """The same for a message: unknown, elsewhere, or from before one joined."""
    return MadangError(ErrorCode.NOT_FOUND, "there is no such message that you may see")


class Access:
    """Asks the store who is a member now."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    async def member(self, user_id: str, conversation_id: str, action: Action) -> Member:
        """The actor's membership.

        Raises:
            MadangError: `not_a_member` to strangers, `forbidden` to members whose role does not allow it.
        """
        member = await self._conversations.member(conversation_id, user_id)
        if member is None:
            raise not_a_member()
        if not may(member.role, action, member.conversation_type):
            raise MadangError(ErrorCode.FORBIDDEN, f"{member.role}s may not {action.replace('_', ' ')} here")
        return member
