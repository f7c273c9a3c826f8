"""Messages on sockets: `message:send`, the hottest event, and `message:read`."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from madang.contract.client_events import MessageAcceptedAck, MessageSend, ReadMark, ReadMarkAck
from madang.errors import MadangError
from madang.gateway.connection import Connection
from madang.gateway.dispatch import Handler, Policy
from madang.gateway.feed import Feed
from madang.gateway.packets import stored_ack
from madang.gateway.reply import Reply
from madang.ids import parse_id
from madang.ports.log import Outcome, Verdict
from madang.ports.queue import Accepted
from madang.services.messages import MessageService, stored
from madang.services.reading import ReadingService

__all__ = ["MessageHandlers"]


class MessageHandlers:
    """Sends messages and moves marks."""

    def __init__(self, messages: MessageService, reading: ReadingService, feed: Feed) -> None:
        self._messages = messages
        self._reading = reading
        self._feed = feed

    def table(self) -> dict[str, Handler]:
        """Event names and how they are served."""
        return {
            "message:send": Handler(Policy.LOG, self._send),
            "message:read": Handler(Policy.LOG, self._read),
        }

    def _send(self, connection: Connection, request: MessageSend, reply: Reply) -> None:
        def settle(outcome: Verdict | Accepted | MadangError, payload: bytes) -> None:
            if isinstance(outcome, MadangError):
                reply.failed(outcome)
                return
            if isinstance(outcome, Accepted):
                reply.done(MessageAcceptedAck(temp_id=outcome.temp_id))
                return
            try:
                verdict = stored(outcome)
            except MadangError as error:
                reply.failed(error)
            else:
                reply.done(stored_ack(payload, duplicate=verdict.outcome is Outcome.DUPLICATE))

        # Whoever is attached is a member: the log itself takes sockets out. If that comes a moment late, the log refuses.
        self._messages.submit(
            connection.user_id, request.conversation_id, request, settle, member_of=connection.attached
        )

    async def _read(self, connection: Connection, request: ReadMark, _reply: Reply) -> msgspec.Struct:
        if request.seq is UNSET:
            seq = self._feed.delivered(connection, parse_id(request.conversation_id) or "")
        else:
            seq = int(request.seq)
        verdict = await self._reading.mark(connection.user_id, request.conversation_id, seq)
        return ReadMarkAck(last_read_seq=verdict.last_read_seq, unread_count=verdict.unread_count)
