"""One HTTP exchange over ASGI: reading a bounded body, answering with the headers of Engine.IO and of CORS.

Owns the shape of answers. Must never decide who is answered what; that is ``polling.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeVar

from madang.socketio.handshake import Request, keep_headers, parse_query
from madang.socketio.peers import PassedAnswer, PassedRequest

if TYPE_CHECKING:
    from madang.socketio.engine_server import EngineServer
    from madang.socketio.verify import Refusal

T = TypeVar("T")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PREFLIGHT_SECONDS = b"600"
_NO_CONTENT = 204


class Exchange:
    """A request and the way to answer it, once."""

    __slots__ = ("_body", "_cors", "_receive", "_scope", "_send")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._cors: list[tuple[bytes, bytes]] = []
        self._body: bytes | None = None

    def header(self, wanted: bytes) -> bytes:
        """Look up a header by its name in lower case; empty when absent."""
        for name, value in self._scope["headers"]:
            if name == wanted:
                found: bytes = value
                return found
        return b""

    def read_request(self, server: EngineServer) -> Request | None:
        """Read what the engine wants to know; None when the query string is absurd."""
        query = parse_query(self._scope["query_string"])
        if query is None:
            return None
        client = self._scope.get("client")
        headers = keep_headers(self._scope["headers"])
        request = Request(
            method=self._scope["method"],
            query=query,
            headers=headers,
            address=server.client_address(client[0] if client else "", headers),
            secure=self._scope.get("scheme") == "https",
        )
        self._cors = _cors_headers(server, request)
        return request

    async def read_body(self, limit: int) -> bytes | None:
        """Read the body, of one that is too long a little more than the limit; None when the peer went away. Another call
        gives the same.
        """
        if self._body is None:
            self._body = await self._receive_body(limit)
        return self._body

    async def _receive_body(self, limit: int) -> bytes | None:
        announced = self.header(b"content-length")
        if announced.isdigit() and int(announced) > limit:
            return bytes(limit + 1)
        body = bytearray()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > limit or not message.get("more_body", False):
                return bytes(body)

    async def passed_request(self, limit: int) -> PassedRequest | None:
        """Read the whole request, to pass it on; None when the peer went away."""
        body = await self.read_body(limit) if self._scope["method"] == "POST" else b""
        if body is None:
            return None
        path, query = self._scope["raw_path"], self._scope["query_string"]
        return PassedRequest(
            method=self._scope["method"], target=b"%b?%b" % (path, query), headers=self._scope["headers"], body=body
        )

    async def pass_back(self, answer: PassedAnswer) -> None:
        """Send another server's answer."""
        await self._send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
        await self._send({"type": "http.response.body", "body": answer.body})

    async def wait_for(self, answer: asyncio.Future[T]) -> T | None:
        """Wait until there is an answer; None when the peer went away first. Cancelling is safe."""
        watcher = asyncio.ensure_future(self._disconnected())
        try:
            await asyncio.wait((answer, watcher), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watcher.cancel()
        return answer.result() if answer.done() else None

    async def _disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def respond(
        self, status: int, body: bytes, content_type: bytes = b"text/plain", *extra: tuple[bytes, bytes]
    ) -> None:
        """Send the answer."""
        headers = [(b"cache-control", b"no-store"), *self._cors, *extra]
        if status != _NO_CONTENT:
            headers += [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def refuse(self, refusal: Refusal) -> None:
        """Send a refusal."""
        retry = [] if refusal.retry_after is None else [(b"retry-after", b"%d" % refusal.retry_after)]
        await self.respond(refusal.status, refusal.body, b"application/json", *retry)

    async def answer_preflight(self) -> None:
        """Tell a browser what it may send from an Origin that was let through."""
        await self.respond(
            _NO_CONTENT,
            b"",
            b"",
            (b"access-control-allow-methods", b"GET,POST,OPTIONS"),
            (b"access-control-allow-headers", self.header(b"access-control-request-headers") or b"content-type"),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        )


def _cors_headers(server: EngineServer, request: Request) -> list[tuple[bytes, bytes]]:
    if server.options.origins == "*":
        return [(b"access-control-allow-origin", b"*")]
    origin = request.origin
    if origin is None or not server.origin_allowed(request):
        return [(b"vary", b"Origin")]
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"vary", b"Origin"),
    ]
