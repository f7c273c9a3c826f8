"""Attach: from "here is your list" to live delivery, without a hole and without a repetition.

Owns the three steps in their order: follow the conversation on the bus, read it, and then, in one step without await,
enqueue the answer and join at the state that was read. What was missed comes first, then live, each once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec
import structlog

from madang.contract.shapes import Summary
from madang.errors import MadangError
from madang.gateway.connection import Connection
from madang.gateway.feed import Feed
from madang.gateway.packets import one_event
from madang.ports.conversations import Conversations, InboxPage
from madang.ports.log import ConversationLog

__all__ = ["Attach"]

READS: Final = 3
"""How often a state that no longer connects with what is delivered is read again, before the client is sent back."""
RETRIES: Final = 5
RETRY_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class Attach:
    """Attaches sockets to conversations."""

    def __init__(self, feed: Feed, log: ConversationLog, conversations: Conversations) -> None:
        self._feed = feed
        self._log = log
        self._conversations = conversations

    async def inbox(
        self, connection: Connection, limit: int, answer: Callable[[InboxPage], None], *, from_the_top: bool
    ) -> None:
        """Show a socket a page of its person's list and attach it to what is on it. Cancelling attaches nothing.

        Pages by leaving out what was shown already, so a conversation that rises to the top meanwhile is not missed.

        Args:
            connection: the socket.
            limit: conversations on a page.
            answer: enqueues the answer; called in the same step in which the socket joins.
            from_the_top: the first page, whatever was shown before.

        Raises:
            MadangError: the store or the bus does not answer.
        """
        if from_the_top:
            connection.shown.clear()
        page = await self._conversations.inbox(connection.user_id, limit=limit, exclude=tuple(connection.shown))
        ids = [summary.id for summary in page.summaries]
        try:
            await self._feed.hold(ids)
            # the list was read before the bus was heard: what has changed between is read again
            heads = await self._log.heads(ids)
            moved = {
                summary.id
                for summary in page.summaries
                if summary.id not in heads or heads[summary.id].version != summary.version
            }
            summaries = await self._connecting(connection, page.summaries, moved)
            answer(msgspec.structs.replace(page, summaries=summaries))
            connection.shown.update(summary.id for summary in summaries)
            for summary in summaries:
                self._feed.join(connection, summary)
        finally:
            self._feed.release(ids)

    async def added(self, connection: Connection, conversation_id: str) -> None:
        """The person has become a member: show the conversation to a socket of theirs and attach it.

        A store that does not answer is asked again a few times; then the engine is closed, and the client comes back
        and finds the conversation in its list.
        """
        for _ in range(RETRIES):
            if connection.ended:
                return
            try:
                await self._attach_one(connection, conversation_id)
            except Exception as error:  # noqa: BLE001  # whatever it is, the conversation must not be missing in silence
                if not isinstance(error, MadangError):
                    _log.exception("attaching failed", conversation_id=conversation_id)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return
        connection.socket.close_engine(1013, "the store does not answer")

    async def _attach_one(self, connection: Connection, conversation_id: str) -> None:
        try:
            await self._feed.hold([conversation_id])
            summaries = await self._conversations.summaries(connection.user_id, [conversation_id])
            for summary in await self._connecting(connection, summaries):
                self._show(connection, summary)
        finally:
            self._feed.release([conversation_id])

    def _show(self, connection: Connection, summary: Summary) -> None:
        if connection.ended:
            return
        known = connection.attached.get(summary.id)
        if known == summary.me.visible_from_seq:
            return  # it was shown this membership by its list
        if known is not None:  # the end of the membership it was shown has not been delivered yet
            self._feed.dismiss(connection, summary.id)
        connection.socket.send(one_event("conversation:new", _encode(summary)))
        connection.shown.add(summary.id)
        self._feed.join(connection, summary)

    async def _connecting(
        self, connection: Connection, summaries: Sequence[Summary], moved: Collection[str] = ()
    ) -> list[Summary]:
        """These summaries, newest first; those that have moved or do not connect with what is delivered are read again,
        and left out if the person is no member any more. Nothing is awaited after the last look.
        """
        found = list(summaries)
        for _ in range(READS):
            stale = [
                summary.id for summary in found if summary.id in moved or not self._feed.connects(connection, summary)
            ]
            if not stale:
                break
            again = {summary.id: summary for summary in await self._conversations.summaries(connection.user_id, stale)}
            kept = [summary for summary in found if summary.id not in stale]
            found = sorted(kept + list(again.values()), key=_place, reverse=True)
            moved = ()
        return found


def _place(summary: Summary) -> tuple[str, str]:
    return summary.last_message_at or "", summary.id
