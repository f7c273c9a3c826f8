"""The other nodes behind one address, for the engine: requests for their engines are passed on to them.

Owns the way to an owner. Workers of one machine have a Unix socket each, in a folder of their own; nodes on other machines have
the address of the `Directory`, behind which any worker may answer and pass on once more.

    client -> this node -> [Unix socket] owner
    client -> this node -> [address] a worker of the owner's machine -> [Unix socket] owner

Invariants:
1. A request crosses the network once at most: what was passed on already goes no further than a Unix socket.
2. It keeps its seal on the second way, so that each node can tell whether it has seen it.
3. An owner that is unknown, dead or silent is as an engine that does not exist: the client comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog

from madang.cluster.directory import Directory
from madang.cluster.lines import Tunnel, ask
from madang.cluster.seal import Seals
from madang.socketio import PASSED_ON, PassedAnswer, PassedRequest
from madang.tasks import TaskSupervisor

__all__ = ["NodePeers"]

_SUFFIX: Final = ".socket"
_log = structlog.get_logger(__name__)


class NodePeers:
    """The engine's port `Peers`.

    Args:
        name: this node's, which its sids begin with.
        seals: what nodes prove to each other.
        directory: where nodes on other machines are.
        folder: of the Unix sockets of this machine's workers; None if it has no others.
        answer_seconds: how long a poll may be held.
    """

    def __init__(
        self,
        *,
        name: str,
        seals: Seals,
        directory: Directory,
        folder: Path | None,
        answer_seconds: float,
        tasks: TaskSupervisor,
    ) -> None:
        self.name = name
        self.passed_on = 0
        """Requests, WebSockets among them."""
        self.tunnels = 0
        """WebSockets that are carried to another node now."""
        self._seals = seals
        self._directory = directory
        self._folder = folder
        self._answer_seconds = answer_seconds
        self._tasks = tasks
        self._doubted = False

    @staticmethod
    def socket_of(folder: Path, name: str) -> Path:
        """Where a worker of this machine listens for its siblings."""
        return folder / f"{name}{_SUFFIX}"

    def admits(self, request: PassedRequest) -> bool:
        holds = self._seals.holds(request)
        if not holds and not self._doubted:
            self._doubted = True
            _log.warning("a request says that a node passed it on, and none did: compare MADANG_SECRET and the clocks")
        return holds

    def owner_of(self, sid: str) -> str | None:
        name = self._seals.name_in(sid)
        return None if name == self.name else name

    async def ask(self, owner: str, request: PassedRequest) -> PassedAnswer | None:
        place = await self._place(owner, request)
        if place is None:
            return None
        self.passed_on += 1
        return await ask(place, request, self._seal(request), seconds=self._answer_seconds)

    def connect(
        self, owner: str, request: PassedRequest, tcp: Any, connections: set[Any], refuse: Callable[[], None]
    ) -> None:
        self._tasks.start(self._carry(owner, request, Tunnel(tcp, connections), refuse), "a WebSocket of another node")

    async def _carry(self, owner: str, request: PassedRequest, tunnel: Tunnel, refuse: Callable[[], None]) -> None:
        place = await self._place(owner, request)
        if place is None or not await tunnel.open(place, request, self._seal(request)):
            refuse()
            return
        self.passed_on += 1
        self.tunnels += 1
        try:
            await tunnel.over.wait()
        finally:
            self.tunnels -= 1
            tunnel.shutdown()

    async def _place(self, owner: str, request: PassedRequest) -> str | None:
        beside = self._beside(owner)
        if beside is not None or request.header(PASSED_ON):
            return beside
        return await self._directory.find(owner)

    def _beside(self, owner: str) -> str | None:
        if self._folder is None:
            return None
        place = self.socket_of(self._folder, owner)
        return str(place) if place.exists() else None

    def _seal(self, request: PassedRequest) -> bytes:
        return request.header(PASSED_ON) or self._seals.seal(request)
