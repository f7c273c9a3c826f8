"""Attach: from "here is your list" to live delivery, without a hole and without a repetition.

Owns the three steps in their order: follow the conversation on the bus, read it at its head, and then, in one step
without await, enqueue the answer and join at that head. What was missed comes first, then live, each once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from madang.contract.shapes import Summary
from madang.errors import MadangError
from madang.gateway.connection import Connection
from madang.gateway.feed import Feed
from madang.gateway.packets import one_event
from madang.ports.conversations import Conversations, InboxPage
from madang.ports.log import ConversationLog

__all__ = ["Attach"]

RETRIES: Final = 5
RETRY_SECONDS: Final = 1.0

_encode = msgspec.json.Encoder().encode


class Attach:
    """Attaches sockets to conversations."""

    def __init__(self, feed: Feed, log: ConversationLog, conversations: Conversations) -> None:
        self._feed = feed
        self._log = log
        self._conversations = conversations

    async def inbox(self, connection: Connection, limit: int, answer: Callable[[InboxPage], None]) -> None:
        """Show a socket the next page of its person's list and attach it to what is on it.

        Pages by leaving out what is attached already, so a conversation that rises to the top meanwhile is not missed.

        Args:
            connection: the socket.
            limit: conversations on a page.
            answer: enqueues the answer; called in the same step in which the socket joins.
        """
        page = await self._conversations.inbox(connection.user_id, limit=limit, exclude=tuple(connection.attached))
        ids = [summary.id for summary in page.summaries]
        try:
            await self._feed.hold(ids)
            # the list was read before the bus was heard: what happened between is found by comparing heads
            heads = await self._log.heads(ids)
            answer(page)
            self._join(connection, page.summaries, {found: head.version for found, head in heads.items()})
        finally:
            self._feed.release(ids)

    async def added(self, connection: Connection, conversation_id: str) -> None:
        """The person has become a member: show the conversation to a socket of theirs and attach it.

        A store that does not answer is asked again a few times; then the engine is closed, and the client comes back
        and finds the conversation in its list.
        """
        for _ in range(RETRIES):
            try:
                await self._attach_one(connection, conversation_id)
            except MadangError:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return
        connection.socket.close_engine(1013, "the store does not answer")

    async def _attach_one(self, connection: Connection, conversation_id: str) -> None:
        try:
            await self._feed.hold([conversation_id])
            summaries = await self._conversations.summaries(connection.user_id, [conversation_id])
            if summaries and not connection.ended and conversation_id not in connection.attached:
                connection.socket.send(one_event("conversation:new", _encode(summaries[0])))
                self._join(connection, summaries, {})
        finally:
            self._feed.release([conversation_id])

    def _join(self, connection: Connection, summaries: Sequence[Summary], heads: dict[str, int]) -> None:
        for summary in summaries:
            self._feed.join(connection, summary.id, summary.version, summary.last_seq, heads.get(summary.id, 0))
