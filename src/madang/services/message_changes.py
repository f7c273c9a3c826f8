"""Changes of messages: from what a client asked to what the log is asked to append.

Owns the checks before the log: ids, content, emoji, how old a message may be, rate. Whose message it is and which role may
what is decided by the log under its lock. Must never await between the request and `submit`.
"""

from __future__ import annotations

from functools import partial

from madang.clock import Clock
from madang.contract.limits import Limits
from madang.contract.shapes import Message
from madang.domain.reaction import canonical_emoji
from madang.domain.text import clean_text
from madang.errors import ErrorCode, MadangError
from madang.ids import parse_id
from madang.ports.log import DeleteMessage, EditMessage, MessageChange, Outcome, React, Verdict
from madang.services.access import no_such_message, not_a_member
from madang.services.committer import Committer, Settle
from madang.services.enqueuer import Enqueuer, not_stored_yet
from madang.services.messages import stored
from madang.services.send_rate import SendRate
from madang.tasks import TaskSupervisor

__all__ = ["MessageChangeService"]


class MessageChangeService:
    """Edits, deletes and reacts.

    A retry is known by its outcome: what is so already is not changed again, and the answer is the message as it is now.
    """

    def __init__(
        self,
        committer: Committer,
        clock: Clock,
        limits: Limits,
        rate: SendRate,
        tasks: TaskSupervisor,
        *,
        enqueuer: Enqueuer | None = None,
    ) -> None:
        self._committer = committer
        self._tasks = tasks
        self._enqueuer = enqueuer
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
        if self._enqueuer is None:
            self._committer.submit(change, settle)
        else:
            self._committer.submit(change, partial(self._settle_known, self._enqueuer, change, settle))

    async def commit(self, change: MessageChange) -> Message:
        """Make a change and wait until it is durable; the message as it is now. Cancelling gives up waiting only.

        Raises:
            MadangError: any refusal of the contract.
        """
        self._rate.take(change.actor_id)
        verdict = await self._committer.commit(change)
        if self._enqueuer is not None and verdict.outcome is Outcome.NOT_FOUND:
            await self._check_waiting(self._enqueuer, change)
            verdict = await self._committer.commit(change)
        message = stored(verdict).message
        if message is None:
            raise MadangError(ErrorCode.TRY_AGAIN, "the outcome is unknown")
        return message

    def _settle_known(
        self,
        enqueuer: Enqueuer,
        change: MessageChange,
        settle: Settle,
        outcome: Verdict | MadangError,
        payload: bytes,
    ) -> None:
        """What the log does not find may be accepted and not stored yet."""
        if isinstance(outcome, MadangError) or outcome.outcome is not Outcome.NOT_FOUND:
            settle(outcome, payload)
        else:
            self._tasks.start(self._submit_known(enqueuer, change, settle), "a change of a message that is not found")

    async def _submit_known(self, enqueuer: Enqueuer, change: MessageChange, settle: Settle) -> None:
        try:
            await self._check_waiting(enqueuer, change)
            self._committer.submit(change, settle)
        except MadangError as error:
            settle(error, b"")

    @staticmethod
    async def _check_waiting(enqueuer: Enqueuer, change: MessageChange) -> None:
        """Afterwards the log can be asked again: what was stored between its answer and the queue's is found then.

        Raises:
            MadangError: `try_again`: the message is accepted, and not stored yet.
        """
        if await enqueuer.waiting(change.conversation_id, change.message_id):
            raise not_stored_yet()

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
