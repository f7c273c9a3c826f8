"""Changes of messages: from what a client asked to what the log is asked to append.

Owns the checks before the log: ids, content, emoji, how old a message may be, rate. Whose message it is and which role may
what is decided by the log under its lock. Must never await between the request and `submit`.
"""

from __future__ import annotations

from madang.clock import Clock
from madang.contract.limits import Limits
from madang.contract.shapes import Message
from madang.domain.reaction import canonical_emoji
from madang.domain.text import clean_text
from madang.errors import ErrorCode, MadangError
from madang.ids import parse_id
from madang.ports.log import DeleteMessage, EditMessage, MessageChange, React
from madang.services.access import no_such_message, not_a_member
from madang.services.committer import Committer, Settle
from madang.services.messages import stored
from madang.services.send_rate import SendRate

__all__ = ["MessageChangeService"]


class MessageChangeService:
    """Edits, deletes and reacts.

    A retry is known by its outcome: what is so already is not changed again, and the answer is the message as it is now.
    """

    def __init__(self, committer: Committer, clock: Clock, limits: Limits, rate: SendRate) -> None:
        self._committer = committer
        self._clock = clock
        self._limits = limits
        self._rate = rate

    def edit(self, actor_id: str, conversation_id: str, message_id: str, content: str) -> EditMessage:
        """Another content for one's own message. Raises `MadangError`: `invalid`, `too_large`, or as for unknown ids."""
        conversation, message = _ids(conversation_id, message_id)
        return EditMessage(
            conversation_id=conversation,
            message_id=message,
            actor_id=actor_id,
            content=clean_text("content", content, self._limits.content_units),
            made_since=self._since(self._limits.edit_seconds),
        )

    def delete(self, actor_id: str, conversation_id: str, message_id: str) -> DeleteMessage:
        """A message becomes a tombstone. Raises `MadangError` for unknown ids."""
        conversation, message = _ids(conversation_id, message_id)
        return DeleteMessage(
            conversation_id=conversation,
            message_id=message,
            actor_id=actor_id,
            made_since=self._since(self._limits.delete_seconds),
        )

    def react(self, actor_id: str, conversation_id: str, message_id: str, emoji: str, *, remove: bool) -> React:
        """One emoji on a message, or off it. Raises `MadangError(invalid)` unless it is one, or as for unknown ids."""
        conversation, message = _ids(conversation_id, message_id)
        return React(
            conversation_id=conversation,
            message_id=message,
            actor_id=actor_id,
            emoji=canonical_emoji(emoji),
            remove=remove,
        )

    def submit(self, change: MessageChange, settle: Settle) -> None:
        """Queue a change; `settle` gets the log's verdict. Does not await.

        Raises:
            MadangError: `rate_limited` or refused by the queue; `settle` is then not called.
        """
        self._rate.take(change.actor_id)
        self._committer.submit(change, settle)

    async def commit(self, change: MessageChange) -> Message:
        """Make a change and wait until it is durable; the message as it is now. Cancelling gives up waiting only.

        Raises:
            MadangError: any refusal of the contract.
        """
        self._rate.take(change.actor_id)
        verdict = stored(await self._committer.commit(change))
        if verdict.message is None:
            raise MadangError(ErrorCode.TRY_AGAIN, "the outcome is unknown")
        return verdict.message

    def _since(self, seconds: float) -> int:
        """The time at which the oldest message was made that may still be changed; 0: any may."""
        return self._clock.now() - int(seconds * 1_000) if seconds > 0 else 0


def _ids(conversation_id: str, message_id: str) -> tuple[str, str]:
    conversation = parse_id(conversation_id)
    if conversation is None:
        raise not_a_member()
    message = parse_id(message_id)
    if message is None:
        raise no_such_message()
    return conversation, message
