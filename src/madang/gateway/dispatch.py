"""Dispatch: from an event's name to its handler.

Owns the table of events with the policy of each, decoding, and turning errors into answers. This is the one place
where events of sockets are authorised; an event without a policy cannot be written down.

Invariants:
1. Handlers start in the order events were received, and nothing is awaited before a synchronous one has run: messages
   reach the log in the order of the socket.
2. Every event gets exactly one answer, whatever happens in its handler.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Final

import msgspec
import structlog
from msgspec import Struct

from madang.contract.client_events import CLIENT_EVENTS
from madang.contract.codec import decode_payload
from madang.contract.shapes import Shape
from madang.domain.membership import Action
from madang.errors import ErrorCode, MadangError, invalid
from madang.gateway.connection import Connection
from madang.gateway.reply import Reply
from madang.ids import parse_id
from madang.services.access import Access, not_a_member
from madang.socketio import Ack, Socket
from madang.tasks import TaskSupervisor

__all__ = ["Dispatch", "Handler", "Policy", "Waits"]

PENDING: Final = 64
"""Events of one socket whose handlers may run at the same time."""

_log = structlog.get_logger(__name__)


class Policy(Enum):
    """Who may send an event."""

    SELF = "it concerns nothing but oneself"
    MEMBER = "members of `conversationId`, asked before the handler runs"
    SYNC = "members of `conversationId`, decided in the snapshot that is answered from"
    LOG = "members of `conversationId`, decided by the log under its lock"


Waits = Awaitable[msgspec.Struct | None]
"""A handler that waits gives its ack when it is done, or None if it has answered through the reply."""


class Handler(Struct, frozen=True):
    """How one event is served. `run` answers through the reply, at once or later, or returns what to wait for."""

    policy: Policy
    run: Callable[[Connection, Any, Reply], Waits | None]


class Dispatch:
    """Serves the events of all sockets.

    Args:
        observe: told of each event whose handler waited, and how many seconds it took from receipt to answer.

    Raises:
        ValueError: the handlers are not exactly those of the contract.
    """

    def __init__(
        self,
        handlers: dict[str, Handler],
        access: Access,
        tasks: TaskSupervisor,
        observe: Callable[[str, float], None],
    ) -> None:
        if handlers.keys() != CLIENT_EVENTS.keys():
            raise ValueError(f"events without handler, or the reverse: {handlers.keys() ^ CLIENT_EVENTS.keys()}")
        self._handlers = handlers
        self._access = access
        self._tasks = tasks
        self._observe = observe

    def __call__(self, socket: Socket, event: str, args: list[Any], ack: Ack | None) -> None:
        """Serve one event. Never raises."""
        connection: Connection = socket.data
        payload = args[0] if args else {}
        reply = Reply(socket, event, ack, payload)
        try:
            handler = self._handlers.get(event)
            if handler is None:
                raise MadangError(ErrorCode.INVALID, "unknown event")
            request = decode_payload({} if payload is None else payload, CLIENT_EVENTS[event].payload)
            if handler.policy is Policy.MEMBER and _conversation(request) not in connection.attached:
                self._wait(connection, event, self._ask_first(connection, request, handler, reply), reply)
                return
            waits = handler.run(connection, request, reply)
            if waits is not None:
                self._wait(connection, event, waits, reply)
        except MadangError as error:
            reply.failed(error)
        except Exception:  # noqa: BLE001  # one broken handler must not end the socket; it is logged and answered
            self._defect(event, reply)

    def _wait(self, connection: Connection, event: str, waits: Waits, reply: Reply) -> None:
        if connection.pending >= PENDING:
            if hasattr(waits, "close"):
                waits.close()  # a coroutine that never starts
            reply.failed(MadangError(ErrorCode.RATE_LIMITED, "too many events at once", retry_after_ms=1_000))
            return
        connection.pending += 1
        received = asyncio.get_running_loop().time()
        self._tasks.start(self._finish(connection, event, waits, reply, received), event)

    async def _finish(self, connection: Connection, event: str, waits: Waits, reply: Reply, received: float) -> None:
        try:
            answer = await waits
            if answer is not None:
                reply.done(answer)
        except MadangError as error:
            reply.failed(error)
        except Exception:  # noqa: BLE001  # one broken handler must not end the socket; it is logged and answered
            self._defect(event, reply)
        finally:
            connection.pending -= 1
            self._observe(event, asyncio.get_running_loop().time() - received)

    async def _ask_first(
        self, connection: Connection, request: Shape, handler: Handler, reply: Reply
    ) -> msgspec.Struct | None:
        """Membership from the store, for a socket that is not attached to the conversation."""
        await self._access.member(connection.user_id, _conversation(request), Action.READ)
        waits = handler.run(connection, request, reply)
        return None if waits is None else await waits

    @staticmethod
    def _defect(event: str, reply: Reply) -> None:
        _log.exception("a handler failed", event_name=event)
        reply.failed(MadangError(ErrorCode.UNAVAILABLE, "this is a defect of the server; it has been logged"))


def _conversation(request: Shape) -> str:
    named = getattr(request, "conversation_id", None)
    if not isinstance(named, str):
        raise invalid("conversationId", "must be the id of a conversation")
    conversation_id = parse_id(named)
    if conversation_id is None:
        raise not_a_member()
    return conversation_id
