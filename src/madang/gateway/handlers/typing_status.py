"""Typing on sockets: told to the others of the room, never stored."""

from __future__ import annotations

from madang.contract.client_events import ConversationRef, OkAck
from madang.gateway.connection import Connection
from madang.gateway.dispatch import Handler, Policy
from madang.gateway.reply import Reply
from madang.services.typing_status import TypingService

__all__ = ["TypingHandlers"]


class TypingHandlers:
    """Passes typing on."""

    def __init__(self, typing: TypingService) -> None:
        self._typing = typing

    def table(self) -> dict[str, Handler]:
        """Event names and how they are served."""
        return {
            "typing:start": Handler(Policy.MEMBER, self._start),
            "typing:stop": Handler(Policy.MEMBER, self._stop),
        }

    def _start(self, connection: Connection, request: ConversationRef, reply: Reply) -> None:
        self._typing.start(connection.user_id, request.conversation_id.lower())
        reply.done(OkAck())

    def _stop(self, connection: Connection, request: ConversationRef, reply: Reply) -> None:
        self._typing.stop(connection.user_id, request.conversation_id.lower())
        reply.done(OkAck())
