"""Replies: the one answer to each event.

Owns the two forms: an ack if the client asked for one, else an `error` event if it failed. Answering twice, or after
the socket has gone, does nothing.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

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

    __slots__ = ("_ack", "_event", "_payload", "_socket")

    def __init__(self, socket: Socket, event: str, ack: Ack | None, payload: object) -> None:
        self._socket = socket
        self._event = event
        self._ack = ack
        self._payload = payload

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
                    id=self._named("id"),
                )
            )
            return
        notice = ErrorNotice(
            event=self._event.encode(errors="replace")[:MOST_ECHOED].decode(errors="ignore"),
            error=error.code,
            reason=error.reason,
            conversation_id=self._named("conversationId"),
        )
        self._socket.send(one_event("error", _encode(notice)))

    def _named(self, field: str) -> str | UnsetType:
        """What the client meant, whatever else was wrong: a short text; nobody gets a megabyte or a lone surrogate returned."""
        value = self._payload.get(field) if isinstance(self._payload, dict) else None
        return value if isinstance(value, str) and value.isascii() and 0 < len(value) <= MOST_ECHOED else UNSET
