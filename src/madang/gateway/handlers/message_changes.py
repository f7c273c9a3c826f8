"""Changes of messages on sockets: `message:edit`, `message:delete`, `message:react`."""

from __future__ import annotations

from madang.contract.client_events import MessageDelete, MessageEdit, MessageReact
from madang.errors import MadangError
from madang.gateway.connection import Connection
from madang.gateway.dispatch import Handler, Policy
from madang.gateway.packets import message_ack
from madang.gateway.reply import Reply
from madang.ports.log import MessageChange, Verdict
from madang.services.message_changes import MessageChangeService
from madang.services.messages import stored

__all__ = ["MessageChangeHandlers"]


class MessageChangeHandlers:
    """Hands changes to the log in the order of the socket; each ack is the message as it is now."""

    def __init__(self, changes: MessageChangeService) -> None:
        self._changes = changes

    def table(self) -> dict[str, Handler]:
        """Event names and how they are served."""
        return {
            "message:edit": Handler(Policy.LOG, self._edit),
            "message:delete": Handler(Policy.LOG, self._delete),
            "message:react": Handler(Policy.LOG, self._react),
        }

    def _edit(self, connection: Connection, request: MessageEdit, reply: Reply) -> None:
        change = self._changes.edit(connection.user_id, request.conversation_id, request.message_id, request.content)
        self._submit(change, reply)

    def _delete(self, connection: Connection, request: MessageDelete, reply: Reply) -> None:
        self._submit(self._changes.delete(connection.user_id, request.conversation_id, request.message_id), reply)

    def _react(self, connection: Connection, request: MessageReact, reply: Reply) -> None:
        change = self._changes.react(
            connection.user_id, request.conversation_id, request.message_id, request.emoji, remove=request.remove
        )
        self._submit(change, reply)

    def _submit(self, change: MessageChange, reply: Reply) -> None:
        def settle(outcome: Verdict | MadangError, payload: bytes) -> None:
            try:
                if isinstance(outcome, MadangError):
                    raise outcome
                stored(outcome)
            except MadangError as error:
                reply.failed(error)
            else:
                reply.done(message_ack(payload))

        self._changes.submit(change, settle)
