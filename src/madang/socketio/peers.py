"""Other servers behind the same address, as this one needs them: a request for an engine of theirs is passed on to its owner.

Owns the port and its words, no implementation: how servers find and trust each other is the application's business. Must
never change what a request or an answer says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

PASSED_ON: Final = b"x-passed-on"
"""The header with which one server passes a request on to another, and proves that it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedRequest:
    """A request as it came, without what is only of the connection it came on."""

    method: str
    target: bytes
    """Path and query, as sent."""
    headers: Sequence[tuple[bytes, bytes]]
    """Names in lower case."""
    body: bytes = b""

    def header(self, wanted: bytes) -> bytes:
        """Look up a header by its name in lower case; empty when absent."""
        return next((value for name, value in self.headers if name == wanted), b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedAnswer:
    """What the owner has answered."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class Peers(Protocol):
    """The servers that share an address, each with engines of its own."""

    def admits(self, request: PassedRequest) -> bool:
        """Whether a request with the header `PASSED_ON` comes from one of these servers, and for the first time."""
        ...

    def owner_of(self, sid: str) -> str | None:
        """Who made an engine that is not here; None when that is nobody, or this server itself."""
        ...

    async def ask(self, owner: str, request: PassedRequest) -> PassedAnswer | None:
        """Have the owner answer; None when it cannot be reached. Cancelling it tells the owner that the peer went away."""
        ...

    def connect(
        self, owner: str, request: PassedRequest, tcp: Any, connections: set[Any], refuse: Callable[[], None]
    ) -> None:
        """Give the owner a connection that asks for a WebSocket, and carry its bytes as they are. Returns at once.

        Args:
            owner: from `owner_of`.
            request: the upgrade.
            tcp: the transport it came on. It may be given another protocol in a later turn of the loop, never in this one.
            connections: the HTTP server's: who stands there has its `shutdown` called when the server ends.
            refuse: called instead when the owner cannot be reached.

        """
        ...
