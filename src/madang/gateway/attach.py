"""Attach: from "here is your list" to live delivery, without a hole and without a repetition.

Owns the three steps in their order: follow the conversation on the bus, read it, and then, in one step without await,
enqueue the answer and join at the state that was read. What was missed comes first, then live, each once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from madang.contract.client_events import ConversationSync
from madang.contract.shapes import Summary
from madang.errors import MadangError
from madang.gateway.connection import Connection
from madang.gateway.feed import Feed
from madang.gateway.packets import one_event
from madang.ids import parse_id
from madang.ports.conversations import Conversations
from madang.ports.log import ConversationLog
from madang.ports.sync import ListPage, Missed, Place
from madang.services.access import not_a_member
from madang.services.sync import Known, SyncService

__all__ = ["Attach"]

READS: Final = 3
"""How often a state that no longer connects with what is delivered is read again, before the client is sent back."""
RETRIES: Final = 5
RETRY_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class Attach:
    """Attaches sockets to conversations."""

    def __init__(self, feed: Feed, log: ConversationLog, conversations: Conversations, sync: SyncService) -> None:
        self._feed = feed
        self._log = log
        self._conversations = conversations
        self._sync = sync

    async def inbox(self, connection: Connection, known: Known, answer: Callable[[ListPage], None]) -> None:
        """Show a socket the next page of its person's list and attach it to what is on it. Cancelling attaches nothing.

        Pages by leaving out what was shown already, so a conversation that rises to the top meanwhile is not missed.

        Args:
            connection: the socket.
            known: what its client knows; the first page begins the list from the top, whatever was shown before.
            answer: enqueues the answer; called in the same step in which the socket joins.

        Raises:
            MadangError: the store or the bus does not answer.
        """
        if known.first:
            connection.shown.clear()
        before = self._feed.subscriptions
        page = await self._sync.page(connection.user_id, known, tuple(connection.shown))
        ids = [place.conversation_id for place in page.places]
        try:
            await self._feed.hold(ids)
            stale = await self._changed(page, before)
            for _ in range(READS):
                stale |= {place.conversation_id for place in page.places if not self._feed.connects(connection, place)}
                if not stale:
                    break
                page, stale = await self._sync.again(connection.user_id, known, page, stale), set()
            answer(page)
            self._shown(connection, known, page)
        finally:
            self._feed.release(ids)

    async def _changed(self, page: ListPage, before: int) -> set[str]:
        """What was read before the bus was heard, and is not so any more. All else goes on from what was read."""
        unheard = {
            place.conversation_id: place.version
            for place in page.places
            if not self._feed.heard_since(place.conversation_id, before)
        }
        heads = await self._log.heads(list(unheard)) if unheard else {}
        return {
            conversation_id
            for conversation_id, version in unheard.items()
            if conversation_id not in heads or heads[conversation_id].version != version
        }

    def _shown(self, connection: Connection, known: Known, page: ListPage) -> None:
        connection.shown.update(place.conversation_id for place in page.places)
        for place in page.places:
            self._feed.join(connection, place)
        if known.first:
            connection.inbox = page.inbox_version
        rest = msgspec.structs.replace(known, left_since=page.inbox_version, first=False)
        connection.known = rest if page.more else None

    async def changes(
        self, connection: Connection, request: ConversationSync, answer: Callable[[Missed], None]
    ) -> None:
        """Tell a socket what it has missed of a conversation, and attach it when that was all of it.

        A socket that is attached already gets again what followed the state that it is told of.

        Raises:
            MadangError: `not_a_member`, or the store or the bus does not answer.
        """
        conversation_id = parse_id(request.conversation_id)
        if conversation_id is None:
            raise not_a_member()
        try:
            await self._feed.hold([conversation_id])
            ask = (connection.user_id, conversation_id, request.epoch, request.version)
            missed = await self._sync.missed(*ask)
            for _ in range(READS):
                if missed.more or self._feed.connects(connection, missed.place):
                    break
                missed = await self._sync.missed(*ask)
            answer(missed)
            if connection.started and not missed.more:
                connection.shown.add(conversation_id)
                self._feed.join(connection, missed.place)
        finally:
            self._feed.release([conversation_id])

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
            for _ in range(READS):
                if all(self._feed.connects(connection, _place(summary)) for summary in summaries):
                    break
                summaries = await self._conversations.summaries(connection.user_id, [conversation_id])
            for summary in summaries:
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
        self._feed.join(connection, _place(summary))


def _place(summary: Summary) -> Place:
    return Place(
        conversation_id=summary.id,
        version=summary.version,
        seq=summary.last_seq,
        member_count=summary.member_count,
        visible_from_seq=summary.me.visible_from_seq,
    )
