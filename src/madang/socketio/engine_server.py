"""An Engine.IO server: every connection of this process, and what they share.

Owns the table of engines, the timer wheel, the flusher and the counters; makes engines and closes them. Must never
know Socket.IO: it is told what to put on top of a connection by a factory, and a raw message application works as
well as ``madang.socketio.Server``.

As an ASGI application it answers polling; the WebSocket half is ``websocket_protocol`` (see ``websocket.py``).
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from madang.socketio.engine import GOING_AWAY, Application, Engine, Transport
from madang.socketio.exchange import Exchange, Receive, Scope, Send
from madang.socketio.flusher import Flusher
from madang.socketio.frames import ControlPacket, Joiner
from madang.socketio.heartbeat import TimerWheel, monotonic
from madang.socketio.picows_check import check_picows
from madang.socketio.polling import serve_polling
from madang.socketio.reasons import DisconnectReason
from madang.socketio.upgrade import UpgradeAttempt
from madang.socketio.websocket_protocol import websocket_protocol
from madang.socketio.wire.engineio_packet import open_packet
from madang.socketio.wire.engineio_session import EngineSession, TransportName

if TYPE_CHECKING:
    from madang.socketio.handshake import Request
    from madang.socketio.options import ServerOptions
    from madang.socketio.websocket import WebSocketTransport

_ID_BYTES = 15  # 20 characters in base64, as in Node
# Below this interval the first ping keeps its exact time: nobody has herds of connections with such settings.
_RANDOMISE_ABOVE = 5.0
_EARLIEST_FIRST_PING = 0.2
_CLOSED_PER_TURN = 200

ApplicationFactory = Callable[[Engine], Application]


@dataclass(slots=True)
class Counters:
    """What has been counted since the start."""

    packets_in: int = 0
    engines_opened: int = 0


class EngineServer:
    """The connections of one mount point.

    Args:
        options: limits and times.
        application: called with each new engine; what it returns gets the messages.

    """

    def __init__(self, options: ServerOptions, application: ApplicationFactory) -> None:
        self.options = options
        self.engines: dict[str, Engine] = {}
        self.counters = Counters()
        self.joiner = Joiner()
        self.wheel = TimerWheel(min(options.ping_interval, options.ping_timeout, options.connect_timeout))
        self.flusher = Flusher(options, self.wheel)
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an HTTP request, as an ASGI application; the path is not looked at."""
        await serve_polling(self, Exchange(scope, receive, send))

    @property
    def websocket_protocol(self) -> Any:
        """What ``uvicorn.Config(ws=...)`` takes."""
        return websocket_protocol({self.options.path: self})

    async def start(self) -> None:
        """Start the timers on the running loop.

        Raises:
            RuntimeError: the installed picows does not work as this package expects.

        """
        check_picows()
        self.wheel.start()

    async def close(self, code: int = GOING_AWAY) -> None:
        """Close every engine, a few hundred per turn of the loop; calling it twice is harmless.

        WebSockets still have two seconds to answer the CLOSE; a loop that ends earlier ends them.
        """
        for number, engine in enumerate(list(self.engines.values()), start=1):
            engine.close(DisconnectReason.SERVER_SHUTTING_DOWN, code)
            if number % _CLOSED_PER_TURN == 0:
                await asyncio.sleep(0)

    def open_engine(self, transport: Transport, request: Request, name: TransportName) -> Engine:
        """Make the engine of a handshake that was verified, and queue its first packet."""
        options = self.options
        first_ping = options.ping_interval
        if first_ping > _RANDOMISE_ABOVE:
            # After a restart everybody connects at once; pings must not come in step for ever after.
            first_ping *= random.uniform(_EARLIEST_FIRST_PING, 1)  # noqa: S311  # spreads load, guards nothing
        now = monotonic()
        session = EngineSession(
            options.node + new_id(),
            name,
            first_ping=now + first_ping,
            ping_interval=options.ping_interval,
            ping_timeout=options.ping_timeout,
        )
        engine = Engine(self, session, transport, request)
        self.engines[session.sid] = engine
        self.counters.engines_opened += 1
        upgrades = ["websocket"] if name == "polling" and "websocket" in options.transports else []
        hello = open_packet(
            session.sid,
            upgrades,
            ping_interval=options.ping_interval,
            ping_timeout=options.ping_timeout,
            max_payload=options.max_payload,
        )
        engine.outbox.push(ControlPacket(hello))
        self.wheel.set(engine, session.next_ping)
        engine.application = self._application(engine)
        return engine

    def attach_websocket(self, transport: WebSocketTransport, request: Request) -> None:
        """Give a WebSocket whose handshake is done its engine, or start the upgrade of the one it names."""
        sid = request.query.get("sid")
        if not sid:
            transport.receiver = self.open_engine(transport, request, "websocket")
            return
        engine = self.engines.get(sid)
        if engine is None or not engine.session.begin_upgrade():
            transport.close(1000, "")
            return
        engine.upgrade_attempt = transport.receiver = UpgradeAttempt(engine, transport)

    def origin_allowed(self, request: Request) -> bool:
        """Ask the policy about a request."""
        origins = self.options.origins
        return origins == "*" or origins(request.origin, request.host)

    def client_address(self, peer: str, headers: Mapping[str, str]) -> str:
        """Find the address of a client, with the help of the options."""
        resolve = self.options.client_address
        return peer if resolve is None else resolve(peer, headers)


def new_id() -> str:
    """Make an id of 120 random bits, 20 characters long."""
    return secrets.token_urlsafe(_ID_BYTES)
