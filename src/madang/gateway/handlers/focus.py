"""Focus on sockets: what this device shows."""

from __future__ import annotations

from madang.contract.client_events import Focusing, OkAck
from madang.errors import invalid
from madang.gateway.connection import Connection
from madang.gateway.dispatch import Handler, Policy
from madang.gateway.focus import Focus
from madang.gateway.read_steps import StepCounts
from madang.gateway.reply import Reply
from madang.ids import parse_id

__all__ = ["FocusHandlers"]


class FocusHandlers:
    """Answers `focus`."""

    def __init__(self, focus: Focus, steps: StepCounts) -> None:
        self._focus = focus
        self._steps = steps

    def table(self) -> dict[str, Handler]:
        """Event names and how they are served."""
        return {"focus": Handler(Policy.SELF, self._set)}

    def _set(self, connection: Connection, request: Focusing, reply: Reply) -> None:
        conversation_id = None if request.conversation_id is None else parse_id(request.conversation_id)
        if conversation_id is None and request.conversation_id is not None:
            raise invalid("conversationId", "must be the id of a conversation, or null")
        self._focus.set(connection, conversation_id)
        if conversation_id is not None:
            self._steps.moved(conversation_id)
        reply.done(OkAck())
