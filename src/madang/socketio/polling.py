"""Long-polling: the ASGI application of an engine server, and the transport it serves.

Owns the HTTP of Engine.IO: status codes, CORS, limits of a body, one poll and one post at a time for each connection.
Must never hold a request open that cannot be answered, nor read a body beyond the limit.

Invariants:
1. A poll that waits is ended by data, by a farewell or by its own connection going away, which closes the engine.
2. The Origin is judged before a session is looked up or made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from madang.socketio.engine import NORMAL, PROTOCOL_ERROR
from madang.socketio.handshake import Request, keep_headers, parse_query
from madang.socketio.reasons import DisconnectReason
from madang.socketio.verify import BAD_REQUEST, Refusal, verify
from madang.socketio.wire.engineio_packet import NOOP, ParseError, join_payload, split_payload

if TYPE_CHECKING:
    from madang.socketio.engine import Engine
    from madang.socketio.engine_server import EngineServer
    from madang.socketio.frames import Sendable

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_PREFLIGHT_SECONDS = b"600"


class PollingTransport:
    """The poll that waits, if one does."""

    __slots__ = ("_poll", "posting", "writable")

    def __init__(self) -> None:
        self._poll: asyncio.Future[bytes | None] | None = None
        self.writable = False
        self.posting = False

    @property
    def buffered(self) -> int:
        return 0  # an answered poll is the HTTP server's business, and the next one does not come before it arrived

    def open_poll(self) -> asyncio.Future[bytes | None] | None:
        """Begin a poll; None when one waits already. The future gives the body, or None for a refusal."""
        if self._poll is not None:
            return None
        self._poll = asyncio.get_running_loop().create_future()
        self.writable = True
        return self._poll

    def drop_poll(self) -> None:
        """Forget a poll whose connection went away."""
        self._poll = None
        self.writable = False

    def write_queue(self, queue: list[Sendable]) -> int:
        body = join_payload([frames.polling for frames in queue])
        self._answer(body)
        return len(body)

    def close(self, code: int, reason: str) -> None:
        """End the poll that waits; after an upgrade that is a noop, after a close it was answered before."""
        self._answer(NOOP)

    def _answer(self, body: bytes) -> None:
        poll, self._poll = self._poll, None
        self.writable = False
        if poll is not None and not poll.done():
            poll.set_result(body)


async def serve_polling(server: EngineServer, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one HTTP request to an engine server."""
    request = _read_request(server, scope)
    if request is None:
        await _respond_refusal(send, BAD_REQUEST, [])
        return
    cors = _cors_headers(server, request)
    if request.method == "OPTIONS":
        await _preflight(server, request, scope, send, cors)
        return
    refusal = verify(server, request)
    if refusal is not None:
        await _respond_refusal(send, refusal, cors)
        return
    sid = request.query.get("sid")
    if not sid:
        engine = server.open_engine(PollingTransport(), request, "polling")
        await _poll(server, engine, receive, send, cors)
        return
    engine = server.engines[sid]
    match request.method:
        case "GET":
            await _poll(server, engine, receive, send, cors)
        case "POST":
            await _post(server, engine, scope, receive, send, cors)
        case _:
            await _respond_refusal(send, BAD_REQUEST, cors)


def _read_request(server: EngineServer, scope: Scope) -> Request | None:
    query = parse_query(scope["query_string"])
    if query is None:
        return None
    client = scope.get("client")
    headers = keep_headers(scope["headers"])
    return Request(
        method=scope["method"],
        query=query,
        headers=headers,
        address=server.client_address(client[0] if client else "", headers),
        secure=scope.get("scheme") == "https",
    )


async def _poll(server: EngineServer, engine: Engine, receive: Receive, send: Send, cors: Headers) -> None:
    transport = engine.transport
    poll = transport.open_poll() if isinstance(transport, PollingTransport) else None
    if poll is None or not isinstance(transport, PollingTransport):
        engine.close(DisconnectReason.TRANSPORT_ERROR, PROTOCOL_ERROR, "overlapping polls")
        await _respond_refusal(send, BAD_REQUEST, cors)
        return
    server.flusher.flush_now(engine.outbox)
    if not poll.done():
        watcher = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait((poll, watcher), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watcher.cancel()
            if not poll.done():
                transport.drop_poll()
                engine.transport_closed(transport, DisconnectReason.TRANSPORT_ERROR)
    body = poll.result() if poll.done() else None
    if body is not None:
        await _respond(send, 200, b"text/plain; charset=UTF-8", body, cors)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _post(
    server: EngineServer, engine: Engine, scope: Scope, receive: Receive, send: Send, cors: Headers
) -> None:
    transport = engine.transport
    if not isinstance(transport, PollingTransport) or transport.posting or _is_binary(scope):
        engine.close(DisconnectReason.TRANSPORT_ERROR, PROTOCOL_ERROR, "overlapping posts")
        await _respond_refusal(send, BAD_REQUEST, cors)
        return
    transport.posting = True
    try:
        body = await _read_body(scope, receive, server.options.max_payload)
    finally:
        transport.posting = False
    if body is None:
        engine.transport_closed(transport, DisconnectReason.TRANSPORT_ERROR)
        return
    if len(body) > server.options.max_payload:
        engine.close(DisconnectReason.TRANSPORT_ERROR, NORMAL)
        await _respond(send, 413, b"text/plain", b"", [*cors, (b"connection", b"close")])
        return
    if _receive_body(engine, body, server.options.max_packets_per_body):
        await _respond(send, 200, b"text/html", b"ok", cors)
    else:
        await _respond_refusal(send, BAD_REQUEST, cors)


def _receive_body(engine: Engine, body: bytes, max_packets: int) -> bool:
    """Feed a body to its engine; False when the peer broke a rule with it."""
    if not engine.open:
        return False
    try:
        packets = split_payload(body, max_packets)
    except ParseError:
        engine.close(DisconnectReason.PARSE_ERROR, PROTOCOL_ERROR)
        return False
    for packet in packets:
        engine.text_received(packet)
        if not engine.open:
            return packet == b"1"  # closing is what the peer asked for; anything else was a mistake
    return True


def _is_binary(scope: Scope) -> bool:
    return any(
        name == b"content-type" and value.lower().startswith(b"application/octet-stream")
        for name, value in scope["headers"]
    )


async def _read_body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """Read at most one byte beyond the limit; None when the peer went away."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            return bytes(limit + 1)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > limit or not message.get("more_body", False):
            return bytes(body)


# ------------------------------------------------------------------------------------------------- answers


def _cors_headers(server: EngineServer, request: Request) -> Headers:
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


async def _preflight(server: EngineServer, request: Request, scope: Scope, send: Send, cors: Headers) -> None:
    if not server.origin_allowed(request):
        await _respond(send, 403, b"text/plain", b"", cors)
        return
    wanted = next((value for name, value in scope["headers"] if name == b"access-control-request-headers"), b"")
    headers: Headers = [
        *cors,
        (b"access-control-allow-methods", b"GET,POST,OPTIONS"),
        (b"access-control-allow-headers", wanted or b"content-type"),
        (b"access-control-max-age", _PREFLIGHT_SECONDS),
    ]
    await _respond(send, 204, b"", b"", headers)


async def _respond_refusal(send: Send, refusal: Refusal, cors: Headers) -> None:
    headers = [*cors]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after))
    await _respond(send, refusal.status, b"application/json", refusal.body, headers)


async def _respond(send: Send, status: int, content_type: bytes, body: bytes, extra: Headers) -> None:
    headers: Headers = [(b"cache-control", b"no-store"), *extra]
    if status != 204:
        headers += [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
