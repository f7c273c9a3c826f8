"""The sweep: what the bus has lost without anybody noticing is found by comparing with the store.

Owns the round through everything followed on this node: the heads of conversations, the numbers of people's lists, and, when
the bus itself says that it has lost something, whether the sessions of the sockets go on. A
hole shows itself with the next entry; a lost last entry, or a lost "you were added", shows itself only here. Must never
repair: the feed does that with conversations, and attaching with memberships.

Invariants:
1. A round takes `ROUND_SECONDS`; with what the feed waits and the store takes, a lost tail is found within ten seconds.
   While other nodes are not heard it takes `DEAF_ROUND_SECONDS`: then the sweep is all that tells of them. Asked for,
   a round begins at once, at most every `HURRY_SECONDS`.
2. One question to the store is about at most `SLICE` things, and the questions of a round are spread over it, or follow each
   other if the round was asked for.
3. A number of a list counts as seen when everything it stands for was looked at, not before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

import structlog

from madang.errors import MadangError
from madang.gateway.attach import Attach
from madang.gateway.connection import Connection, Connections
from madang.gateway.feed import Feed
from madang.gateway.notices import send_away
from madang.ports.bus import Bus
from madang.ports.log import ConversationLog
from madang.ports.sync import MemberTouched, Sync
from madang.services.identity import IdentityService
from madang.tasks import TaskSupervisor

__all__ = ["Sweep"]

ROUND_SECONDS: Final = 5.0
DEAF_ROUND_SECONDS: Final = 1.5
HURRY_SECONDS: Final = 1.0
SLICE: Final = 2_000
DEPTH: Final = 100
"""Changes of a list up to which people are asked about together; whoever has more is asked about alone."""

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class Sweep:
    """Goes round for as long as it is started."""

    def __init__(
        self,
        *,
        connections: Connections,
        feed: Feed,
        attach: Attach,
        log: ConversationLog,
        sync: Sync,
        identities: IdentityService,
        bus: Bus,
        tasks: TaskSupervisor,
    ) -> None:
        self._connections = connections
        self._feed = feed
        self._attach = attach
        self._log = log
        self._sync = sync
        self._identities = identities
        self._bus = bus
        self._tasks = tasks
        self._pause = 0.0
        """Between two questions of the round."""
        self._hurried = False
        self._hurried_at = -HURRY_SECONDS
        """When the last round that was asked for has begun."""
        self._parts: deque[Callable[[], Awaitable[None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to go round."""
        self._wait()

    def close(self) -> None:
        """Stop. Safe to call twice."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def hurry(self) -> None:
        """Begin a round now: the bus may have lost something. What was asked before may have been asked too early."""
        self._hurried = True
        self._parts.clear()
        if self._timer is not None:  # else a question is being asked, and what comes next is decided after it
            self._timer.cancel()
            self._wait()

    def _wait(self) -> None:
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        if self._hurried:
            pause = max(0.0, self._hurried_at + HURRY_SECONDS - loop.time())
        elif self._parts:
            pause = self._pause
        else:
            pause = self._pause or self._round_seconds()
        self._timer = loop.call_later(pause, self._next)

    def _round_seconds(self) -> float:
        return ROUND_SECONDS if self._bus.heard else DEAF_ROUND_SECONDS

    def _next(self) -> None:
        self._timer = None
        if not self._parts:
            self._begin_round()
        if self._parts:
            self._tasks.start(self._look(self._parts.popleft()), "sweep")
        else:
            self._wait()

    def _begin_round(self) -> None:
        self._parts.extend(partial(self._conversations, ids) for ids in _slices(self._feed.followed()))
        self._parts.extend(partial(self._lists, ids) for ids in _slices(self._connections.people()))
        if self._hurried or not self._bus.heard:
            self._parts.extend(partial(self._sessions, some) for some in _slices(list(self._connections)))
        if self._hurried:
            self._hurried, self._hurried_at = False, asyncio.get_running_loop().time()
            self._pause = 0.0
        else:
            self._pause = self._round_seconds() / max(1, len(self._parts))

    async def _look(self, part: Callable[[], Awaitable[None]]) -> None:
        try:
            await part()
        except MadangError as error:
            _log.info("a sweep was cut short", reason=error.reason)  # the next round asks again
        except Exception:  # noqa: BLE001  # whatever it is, without the sweep lost tails would stay lost
            _log.exception("a sweep failed")
        finally:
            self._wait()

    async def _conversations(self, conversation_ids: Sequence[str]) -> None:
        heads = await self._log.heads(conversation_ids)
        self._feed.told({conversation_id: head.version for conversation_id, head in heads.items()})

    async def _sessions(self, connections: Sequence[Connection]) -> None:
        identities = [connection.identity for connection in connections]
        reasons = await self._identities.ended(identities)
        for connection, identity, reason in zip(connections, identities, reasons, strict=True):
            if reason is not None and connection.identity is identity and not connection.ended:
                send_away(connection, reason)

    async def _lists(self, user_ids: Sequence[str]) -> None:
        numbers = await self._sync.inbox_versions(user_ids)
        changed: dict[str, int] = {}
        for user_id, number in numbers.items():
            seen = min((one.inbox for one in self._connections.of(user_id) if one.inbox is not None), default=number)
            if seen < number:
                changed[user_id] = number - seen
        shallow = {user_id: depth for user_id, depth in changed.items() if depth <= DEPTH}
        if shallow:
            self._take(numbers, await self._sync.touched(list(shallow), max(shallow.values())))
        for user_id in changed.keys() - shallow.keys():
            self._take(numbers, await self._sync.touched([user_id], changed[user_id]))
        for user_id in changed:
            for connection in self._connections.of(user_id):
                if connection.inbox is not None:
                    connection.inbox = max(connection.inbox, numbers[user_id])

    def _take(self, numbers: dict[str, int], rows: Sequence[MemberTouched]) -> None:
        """Attach what is new. What has ended is found as the head of its conversation, and leaves in its place."""
        for row in rows:
            if row.visible_from_seq is None or row.inbox_version > numbers[row.user_id]:
                continue
            for connection in self._connections.of(row.user_id):
                if self._lacks(connection, row, row.visible_from_seq):
                    self._tasks.start(self._attach.added(connection, row.conversation_id), "attach")

    @staticmethod
    def _lacks(connection: Connection, row: MemberTouched, visible_from_seq: int) -> bool:
        """Whether the row has changed since, and the socket is not attached under this membership."""
        if connection.inbox is None or row.inbox_version <= connection.inbox:
            return False
        return connection.attached.get(row.conversation_id) != visible_from_seq


def _slices(things: Sequence[T]) -> Iterator[Sequence[T]]:
    return (things[start : start + SLICE] for start in range(0, len(things), SLICE))
