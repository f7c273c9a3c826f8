"""The table of an application's handlers, and the order in which they start.

Owns handlers by event and the tasks of the asynchronous ones. Handlers of one socket start in the order of receipt;
synchronous ones also finish in it. Must never let a handler's error reach the connection: it is logged, and an ack
that was asked for stays unanswered.

How the order is kept: an asynchronous handler becomes a task, and tasks take their first step in the order of their
creation; a synchronous one that follows waits in the same queue of the loop until those before it have started.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from madang.socketio.ack import Ack
    from madang.socketio.socket import Socket

_log = logging.getLogger("madang.socketio")

Handler = Callable[..., Any]
_LIFECYCLE = frozenset({"connection", "disconnect"})


class EventTable:
    """Handlers of one namespace. What a peer sends never reaches the handlers of "connection" and "disconnect"."""

    def __init__(self) -> None:
        self._handlers: dict[str, list[tuple[Handler, bool]]] = {}  # with whether it is a coroutine function
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, event: str, handler: Handler) -> None:
        """Append a handler; those of one event start in the order they were added."""
        self._handlers.setdefault(event, []).append((handler, inspect.iscoroutinefunction(handler)))

    def received(self, socket: Socket, event: str, args: list[Any], ack: Ack | None) -> None:
        """Start the handlers of an event from a peer."""
        if event not in _LIFECYCLE:
            self._dispatch(socket, event, args, ack)

    def happened(self, socket: Socket, event: str, *args: Any) -> None:
        """Start the handlers of "connection" or "disconnect"."""
        self._dispatch(socket, event, list(args), None)

    def cancel(self) -> None:
        """Cancel what still runs."""
        for task in self._tasks:
            task.cancel()

    def _dispatch(self, socket: Socket, event: str, args: list[Any], ack: Ack | None) -> None:
        for handler, is_async in self._handlers.get(event, ()):
            if is_async:
                socket.starting += 1
                self._spawn(self._run_async(socket, handler, args, ack))
            elif socket.starting:
                socket.starting += 1
                asyncio.get_running_loop().call_soon(self._run_later, socket, handler, args, ack)
            else:
                self._run_sync(socket, handler, args, ack)

    def _run_later(self, socket: Socket, handler: Handler, args: list[Any], ack: Ack | None) -> None:
        socket.starting -= 1
        self._run_sync(socket, handler, args, ack)

    def _run_sync(self, socket: Socket, handler: Handler, args: list[Any], ack: Ack | None) -> None:
        try:
            result = handler(socket, *args)
        except Exception:  # noqa: BLE001  # an application's handler may raise anything
            _log.exception("a handler failed")
            return
        if inspect.isawaitable(result):
            self._spawn(self._finish(result, ack))
        else:
            _answer(ack, result)

    async def _run_async(self, socket: Socket, handler: Handler, args: list[Any], ack: Ack | None) -> None:
        socket.starting -= 1
        try:
            result = await handler(socket, *args)
        except Exception:  # noqa: BLE001  # an application's handler may raise anything
            _log.exception("a handler failed")
        else:
            _answer(ack, result)

    async def _finish(self, awaitable: Awaitable[Any], ack: Ack | None) -> None:
        try:
            result = await awaitable
        except Exception:  # noqa: BLE001  # an application's handler may raise anything
            _log.exception("a handler failed")
        else:
            _answer(ack, result)

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _answer(ack: Ack | None, result: Any) -> None:
    if ack is None:
        return
    try:
        if result is None:
            ack()
        elif isinstance(result, tuple):
            ack(*result)
        else:
            ack(result)
    except Exception:  # noqa: BLE001  # nor must what it returns
        _log.exception("the result of a handler has no JSON form")
