"""Replies: the one answer to each event.

Owns the two forms: an ack if the client asked for one, else an `error` event if it failed. Answering twice, or after
the socket has gone, does nothing.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET

from madang.contract.client_events import AckFailure
from madang.contract.server_events import ErrorNotice
from madang.errors import MadangError
from madang.gateway.packets import one_event
from madang.socketio import Ack, Socket

__all__ = ["Reply"]

MOST_ECHOED: Final = 64
"""Bytes of what a client sent that are sent back; a UUID has 36."""

_encode = msgspec.json.Encoder().encode


class Reply:
    """Where the outcome of one event goes."""

    __slots__ = ("_ack", "_conversation_id", "_event", "_id", "_socket")

    def __init__(self, socket: Socket, event: str, ack: Ack | None, payload: object) -> None:
        self._socket = socket
        self._event = event.encode(errors="replace")[:MOST_ECHOED].decode(errors="ignore")
        self._ack = ack
        self._id: str | None = None
        self._conversation_id: str | None = None
        if isinstance(payload, dict):  # so that a failure can name what the client meant, whatever else was wrong
            self._id = _text(payload.get("id"))
            self._conversation_id = _text(payload.get("conversationId"))

    def done(self, answer: msgspec.Struct | msgspec.Raw) -> None:
        """It worked."""
        if self._ack is not None:
            self._ack(answer)

    def failed(self, error: MadangError) -> None:
        """It did not."""
        if self._ack is not None:
            self._ack(
                AckFailure(
                    error=error.code,
                    reason=error.reason,
                    details=dict(error.details) if error.details else UNSET,
                    retry_after_ms=UNSET if error.retry_after_ms is None else error.retry_after_ms,
                    id=self._id or UNSET,
                )
            )
            return
        notice = ErrorNotice(
            event=self._event,
            error=error.code,
            reason=error.reason,
            conversation_id=self._conversation_id or UNSET,
        )
        self._socket.send(one_event("error", _encode(notice)))


def _text(value: object) -> str | None:
    """A short text that can be sent back; nobody gets a megabyte or a lone surrogate returned."""
    if not isinstance(value, str) or len(value) > MOST_ECHOED:
        return None
    return value if value.isascii() else None
