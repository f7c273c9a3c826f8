"""Who may come in: admission, Origin, and the checks of the protocol in the order of the Node server.

Owns the refusals. Must never make or change a session: a request is judged before anything is made for it.

Order:
    admission by address (handshakes only)                          503 with Retry-After
    Origin, by the policy                                           403, code 4
    transport known                                                 400, code 0
    Origin without control characters                               400, code 3
    with a sid: it is known; without upgrade, its transport         400, code 1; 400, code 3
    without: GET only; a WebSocket only as upgrade; revision 4      400, codes 2, 3, 5
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from madang.socketio.handshake import has_invalid_characters
from madang.socketio.wire.engineio_packet import PROTOCOL

if TYPE_CHECKING:
    from madang.socketio.engine_server import EngineServer
    from madang.socketio.handshake import Request


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer instead of a session."""

    status: int
    body: bytes
    retry_after: int | None = None
    """Whole seconds."""


def _refusal(code: int, message: str, status: int = 400) -> Refusal:
    return Refusal(status, msgspec.json.encode({"code": code, "message": message}))


UNKNOWN_TRANSPORT = _refusal(0, "Transport unknown")
UNKNOWN_SID = _refusal(1, "Session ID unknown")
BAD_HANDSHAKE_METHOD = _refusal(2, "Bad handshake method")
BAD_REQUEST = _refusal(3, "Bad request")
FORBIDDEN = _refusal(4, "Forbidden", 403)
UNSUPPORTED_PROTOCOL = _refusal(5, "Unsupported protocol version")


def verify(server: EngineServer, request: Request) -> Refusal | None:
    """Judge a request; None lets it pass."""
    sid = request.query.get("sid")
    if not sid and server.options.admit is not None:
        wait = server.options.admit(request.address)
        if wait is not None:
            return Refusal(503, b'{"message":"Too many connections"}', max(math.ceil(wait), 1))
    origin = request.origin
    malformed_origin = origin is not None and has_invalid_characters(origin)
    if not malformed_origin and not server.origin_allowed(request):
        return FORBIDDEN
    transport = request.query.get("transport")
    if transport not in server.options.transports:
        return UNKNOWN_TRANSPORT
    if malformed_origin:
        return BAD_REQUEST
    if sid:
        return _verify_session(server, request, sid, transport)
    return _verify_handshake(request, transport)


def _verify_session(server: EngineServer, request: Request, sid: str, transport: str) -> Refusal | None:
    engine = server.engines.get(sid)
    if engine is None:
        return UNKNOWN_SID
    if not request.upgrade and engine.session.transport != transport:
        return BAD_REQUEST
    return None


def _verify_handshake(request: Request, transport: str) -> Refusal | None:
    if request.method != "GET":
        return BAD_HANDSHAKE_METHOD
    if (transport == "websocket") != request.upgrade:
        return BAD_REQUEST
    if request.query.get("EIO") != PROTOCOL:
        return UNSUPPORTED_PROTOCOL
    return None
