"""Long-polling: the requests of Engine.IO over HTTP, and the transport they make up.

Owns one poll and one post at a time for each connection, and which status answers what. Must never hold a request open
that cannot be answered.

Invariants:
1. A poll that waits is ended by data, by a farewell or by its own connection going away, which closes the engine.
2. The Origin is judged before a session is looked up or made.
3. A poll that is sent again, because its answer got lost on the way, closes the engine: what the answer held is gone, and
   only a client that comes back finds it.
4. A request for another server's engine is answered by that server, or as if the engine did not exist.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from madang.socketio.engine import NORMAL, PROTOCOL_ERROR
from madang.socketio.exchange import Exchange
from madang.socketio.peers import PASSED_ON
from madang.socketio.reasons import DisconnectReason
from madang.socketio.verify import BAD_REQUEST, FORBIDDEN, UNKNOWN_SID, verify
from madang.socketio.wire.engineio_packet import CLOSE, NOOP, ParseError, join_payload, split_payload

if TYPE_CHECKING:
    from madang.socketio.engine import Engine
    from madang.socketio.engine_server import EngineServer
    from madang.socketio.frames import Sendable


class PollingTransport:
    """The poll that waits, if one does."""

    __slots__ = ("_poll", "_stamp", "_stamps_vary", "posting", "writable")
    most_packets = 16
    """Of one answer. The official Python client gives up a connection that brings more; the next poll comes at once."""

    def __init__(self) -> None:
        self._poll: asyncio.Future[bytes] | None = None
        self.writable = False
        self.posting = False
        self._stamp: str | None = None
        self._stamps_vary = False

    @property
    def buffered(self) -> int:
        return 0  # an answered poll is the HTTP server's business, and the next one does not come before it arrived

    def was_sent_before(self, stamp: str | None) -> bool:
        """Judge a poll by its `t`: HTTP clients send a GET again when its connection broke, with the same one.

        Clients that give all polls the same `t` are not judged.
        """
        if stamp is None:
            return False
        if stamp == self._stamp:
            return self._stamps_vary
        self._stamps_vary = self._stamp is not None
        self._stamp = stamp
        return False

    def open_poll(self) -> asyncio.Future[bytes] | None:
        """Begin a poll; None when one waits already. The future gives the body."""
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
        """End a poll that still waits, as one does when the peer goes over to WebSocket too early."""
        self._answer(NOOP)

    def _answer(self, body: bytes) -> None:
        poll, self._poll = self._poll, None
        self.writable = False
        if poll is not None and not poll.done():
            poll.set_result(body)


async def serve_polling(server: EngineServer, exchange: Exchange) -> None:
    """Answer one HTTP request to an engine server."""
    request = exchange.read_request(server)
    if request is None:
        await exchange.refuse(BAD_REQUEST)
        return
    if request.method == "OPTIONS":
        await (exchange.answer_preflight() if server.origin_allowed(request) else exchange.refuse(FORBIDDEN))
        return
    sid = request.query.get("sid")
    if exchange.header(PASSED_ON) and not await _came_from_a_peer(server, exchange):
        await exchange.refuse(UNKNOWN_SID)
        return
    if sid in server.engines:
        server.engines[sid].close_if_overdue()
    refusal = verify(server, request)
    if refusal is UNKNOWN_SID and sid and await _answered_by_its_owner(server, exchange, sid):
        return
    if refusal is not None:
        await exchange.refuse(refusal)
        return
    if not sid:
        engine = server.open_engine(PollingTransport(), request, "polling")
        await _poll(server, engine, exchange, request.query.get("t"))
    elif request.method == "GET":
        await _poll(server, server.engines[sid], exchange, request.query.get("t"))
    elif request.method == "POST":
        await _post(server, server.engines[sid], exchange)
    else:
        await exchange.refuse(BAD_REQUEST)


async def _came_from_a_peer(server: EngineServer, exchange: Exchange) -> bool:
    request = await exchange.passed_request(server.options.max_payload)
    peers = server.options.peers
    return peers is not None and request is not None and peers.admits(request)


async def _answered_by_its_owner(server: EngineServer, exchange: Exchange, sid: str) -> bool:
    """Pass a request on to the server that has its engine; False if there is none that answers."""
    peers = server.options.peers
    owner = None if peers is None else peers.owner_of(sid)
    if peers is None or owner is None:
        return False
    request = await exchange.passed_request(server.options.max_payload)
    if request is None:
        return True  # the peer went away, and there is nobody to answer
    asking = asyncio.ensure_future(peers.ask(owner, request))
    try:
        answer = await exchange.wait_for(asking)
        went_away = not asking.done()
    finally:
        asking.cancel()
    if answer is not None:
        await exchange.pass_back(answer)
    return answer is not None or went_away


async def _poll(server: EngineServer, engine: Engine, exchange: Exchange, stamp: str | None) -> None:
    transport = engine.transport
    poll = None
    if isinstance(transport, PollingTransport) and not transport.was_sent_before(stamp):
        poll = transport.open_poll()
    if poll is None or not isinstance(transport, PollingTransport):
        engine.close(DisconnectReason.TRANSPORT_ERROR, PROTOCOL_ERROR, "overlapping or repeated polls")
        await exchange.refuse(BAD_REQUEST)
        return
    server.flusher.flush_now(engine.outbox)
    body = poll.result() if poll.done() else None
    try:
        if body is None:
            body = await exchange.wait_for(poll)
    finally:
        if not poll.done():
            transport.drop_poll()
            engine.transport_closed(transport, DisconnectReason.TRANSPORT_ERROR)
    if body is not None:
        await exchange.respond(200, body, b"text/plain; charset=UTF-8")


async def _post(server: EngineServer, engine: Engine, exchange: Exchange) -> None:
    transport = engine.transport
    binary = exchange.header(b"content-type").lower().startswith(b"application/octet-stream")
    if not isinstance(transport, PollingTransport) or transport.posting or binary:
        engine.close(DisconnectReason.TRANSPORT_ERROR, PROTOCOL_ERROR, "invalid content")
        await exchange.refuse(BAD_REQUEST)
        return
    transport.posting = True
    try:
        body = await exchange.read_body(server.options.max_payload)
    finally:
        transport.posting = False
    if body is None:
        engine.transport_closed(transport, DisconnectReason.TRANSPORT_ERROR)
    elif len(body) > server.options.max_payload:
        engine.close(DisconnectReason.TRANSPORT_ERROR, NORMAL)
        await exchange.respond(413, b"", b"text/plain", (b"connection", b"close"))
    elif _receive_body(engine, body, server.options.max_packets_per_body):
        await exchange.respond(200, b"ok", b"text/html")
    else:
        await exchange.refuse(BAD_REQUEST)


def _receive_body(engine: Engine, body: bytes, max_packets: int) -> bool:
    """Feed a body to its engine; False when the peer broke a rule with it, or the engine is gone."""
    if engine.session.closed:
        return False
    try:
        packets = split_payload(body, max_packets)
    except ParseError:
        engine.close(DisconnectReason.PARSE_ERROR, PROTOCOL_ERROR)
        return False
    for packet in packets:
        engine.text_received(packet)
        if not engine.open:
            return packet == CLOSE  # closing is what the peer asked for; anything else was a mistake
    return True
