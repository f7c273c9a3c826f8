"""Messages: from what a client sent to what the log is asked to append, and history back.

Owns the checks before the log (shape of the id, content, counts, rate) and the answer after it. Must never await
between the request and `submit`: a socket's order is the log's order. With an enqueuer messages are accepted first and
stored later; everything else is as without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container
from typing import Literal, Protocol

from msgspec import UNSET, Struct, UnsetType

from madang.contract.limits import Limits
from madang.contract.rest import AcceptedMessage, SendBody, SentMessage
from madang.contract.shapes import Message
from madang.domain.membership import Action
from madang.domain.message import MessageType, body_hash, check_content
from madang.errors import ErrorCode, MadangError, invalid
from madang.ids import new_id, parse_id
from madang.ports.log import ConversationLog, NewMessage, Outcome, PageWindow, Verdict
from madang.ports.queue import Accepted
from madang.services.access import Access, no_such_message, not_a_member
from madang.services.committer import Committer
from madang.services.enqueuer import Enqueuer, SettleSend
from madang.services.send_rate import SendRate

__all__ = ["Draft", "HistoryPage", "MessageService", "stored"]


class Draft(Protocol):
    """What both doors bring: the payload of `message:send`, or the body of the POST."""

    @property
    def content(self) -> str: ...
    @property
    def id(self) -> str | UnsetType: ...
    @property
    def type(self) -> MessageType: ...
    @property
    def reply_to_id(self) -> str | None: ...
    @property
    def attachments(self) -> list[str]: ...
    @property
    def mentions(self) -> list[str] | Literal["all"]: ...
    @property
    def silent(self) -> bool: ...
    @property
    def keep_unread(self) -> bool: ...


def stored(verdict: Verdict) -> Verdict:
    """The verdict, if the entry is in the log.

    Raises:
        MadangError: what the outcome means to the client.
    """
    match verdict.outcome:
        case Outcome.STORED | Outcome.DUPLICATE:
            return verdict
        case Outcome.NOT_A_MEMBER:
            raise not_a_member()
        case Outcome.CONFLICT:
            raise MadangError(ErrorCode.CONFLICT, verdict.reason or "this id belongs to something else")
        case Outcome.NOT_FOUND:
            raise no_such_message()
        case Outcome.FORBIDDEN:
            raise MadangError(ErrorCode.FORBIDDEN, verdict.reason or "your role does not allow it")
        case Outcome.TOO_LARGE:
            raise MadangError(ErrorCode.TOO_LARGE, verdict.reason or "the conversation would have too many members")
        case Outcome.STORAGE_FULL:
            raise MadangError(ErrorCode.STORAGE_FULL, "the disk of the store is full", retry_after_ms=5_000)
        case Outcome.INVALID:
            raise MadangError(ErrorCode.INVALID, verdict.reason or "it names what does not exist")
        case Outcome.BUSY:  # the committer asks again until it is decided; nothing of it was kept
            raise MadangError(ErrorCode.TRY_AGAIN, "the conversation is held by somebody else", retry_after_ms=500)


class HistoryPage(Struct, frozen=True):
    """A part of the history, oldest first, and whether there are older and newer messages that its reader may see."""

    messages: list[Message]
    older: bool
    newer: bool


class MessageService:
    """Sends and reads messages."""

    def __init__(
        self,
        committer: Committer,
        log: ConversationLog,
        access: Access,
        limits: Limits,
        rate: SendRate,
        *,
        enqueuer: Enqueuer | None = None,
    ) -> None:
        self._committer = committer
        self._enqueuer = enqueuer
        self._log = log
        self._access = access
        self._limits = limits
        self._rate = rate

    def submit(
        self, sender_id: str, conversation_id: str, draft: Draft, settle: SettleSend, *, member_of: Container[str] = ()
    ) -> None:
        """Check a message and queue it; `settle` gets what became of it. Does not await.

        Args:
            sender_id: who sends it.
            conversation_id: where to.
            draft: what the client sent.
            settle: who waits.
            member_of: conversations of which the sender is known to be a member, as the live log has it.

        Raises:
            MadangError: refused before the log; `settle` is then not called.
        """
        entry = self._entry(sender_id, conversation_id, draft)
        self._rate.take(sender_id)
        if self._enqueuer is None:
            self._committer.submit(entry, settle)
        else:
            self._enqueuer.submit(entry, settle, is_member=entry.conversation_id in member_of)

    async def send(self, sender_id: str, conversation_id: str, body: SendBody) -> SentMessage | AcceptedMessage:
        """Send and wait until the message is durable, or accepted. Cancelling gives up waiting only.

        Raises:
            MadangError: any refusal of the contract.
        """
        answer: asyncio.Future[Verdict | Accepted] = asyncio.get_running_loop().create_future()

        def settle(outcome: Verdict | Accepted | MadangError, _payload: bytes) -> None:
            if answer.cancelled():
                return
            if isinstance(outcome, MadangError):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

        self.submit(sender_id, conversation_id, body, settle)
        outcome = await answer
        if isinstance(outcome, Accepted):
            return AcceptedMessage(temp_id=outcome.temp_id)
        verdict = stored(outcome)
        if verdict.message is None:
            raise MadangError(ErrorCode.TRY_AGAIN, "the outcome is unknown")
        duplicate = verdict.outcome is Outcome.DUPLICATE
        return SentMessage(message=verdict.message, duplicate=True if duplicate else UNSET)

    async def page(self, actor_id: str, conversation_id: str, window: PageWindow) -> HistoryPage:
        """History the actor may see.

        Raises:
            MadangError: `not_a_member`, or `invalid` for impossible bounds.
        """
        if not 1 <= window.limit <= self._limits.page:
            raise invalid("limit", f"must be from 1 to {self._limits.page}")
        bounds = (window.before, window.after, window.around, window.at)
        if sum(bound is not None for bound in bounds) > 1:
            raise MadangError(ErrorCode.INVALID, "use at most one of before, after, around, at")
        conversation = parse_id(conversation_id)
        if conversation is None:
            raise not_a_member()
        member = await self._access.member(actor_id, conversation, Action.READ)
        # The head is from before the page was read: what is named as newer is there, what came meanwhile may not be named.
        found = await self._log.page(conversation, window, member.visible_from_seq)
        return HistoryPage(
            messages=found,
            older=bool(found) and found[0].seq > member.visible_from_seq,
            newer=bool(found) and found[-1].seq < member.last_seq,
        )

    def _entry(self, sender_id: str, conversation_id: str, draft: Draft) -> NewMessage:
        conversation = parse_id(conversation_id)
        if conversation is None:
            raise not_a_member()
        message_id = new_id() if draft.id is UNSET else parse_id(str(draft.id))
        if message_id is None:
            raise invalid("id", "must be a UUID")
        reply_to_id = None if draft.reply_to_id is None else parse_id(draft.reply_to_id)
        if draft.reply_to_id is not None and reply_to_id is None:
            raise invalid("replyToId", "must be a UUID")
        mentions = self._mentions(draft.mentions)
        if draft.attachments:
            raise invalid("attachments", "names no upload of yours")
        content = check_content(draft.content, attachments=0, limit=self._limits.content_units)
        return NewMessage(
            conversation_id=conversation,
            id=message_id,
            sender_id=sender_id,
            type=draft.type,
            content=content,
            body_hash=body_hash(
                kind=draft.type,
                content=content,
                reply_to_id=reply_to_id,
                attachments=draft.attachments,
                mentions=mentions,
                silent=draft.silent,
            ),
            mentions=mentions,
            reply_to_id=reply_to_id,
            silent=draft.silent,
            keep_unread=draft.keep_unread,
        )

    def _mentions(self, mentions: list[str] | Literal["all"]) -> list[str] | Literal["all"]:
        if not mentions or mentions == "all":
            return mentions
        if len(mentions) > self._limits.mentions:
            raise MadangError(ErrorCode.TOO_LARGE, f"at most {self._limits.mentions} people can be mentioned")
        parsed = [parse_id(mention) for mention in mentions]
        known = [user_id for user_id in parsed if user_id is not None]
        if len(known) != len(parsed):
            raise invalid("mentions", "must be ids of users")
        return list(dict.fromkeys(known))
