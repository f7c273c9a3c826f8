"""A Socket.IO 5 server that stands alone: Engine.IO 4 over long-polling and WebSocket, on one port with HTTP.

Owns the protocol and the connections, nothing of chat. Must never import anything else of Madang. An echo server:

    from madang.socketio import Server, run

    server = Server()

    @server.on("message")
    def echo(socket, *args):
        socket.emit("message", *args)
        return "received"  # the ack, when one was asked for

    run(server, port=3000)

Everything runs on one event loop, and nothing here is thread-safe. Reading order: ``wire`` (bytes), ``frames``,
``outbox`` and ``flusher`` (the way out), ``engine`` and ``engine_server`` (connections), ``polling`` and ``websocket``
(the doors), ``connection``, ``namespace`` and ``socket`` (Socket.IO), ``server``.
"""

from madang.socketio.ack import Ack
from madang.socketio.broadcast import Broadcast
from madang.socketio.engine import Application, Engine
from madang.socketio.engine_server import EngineServer
from madang.socketio.frames import EventPacket, Frames, Sendable, encode_event
from madang.socketio.handshake import Handshake
from madang.socketio.namespace import ConnectionPostponed, ConnectionRefused, Namespace
from madang.socketio.options import OriginPolicy, ServerOptions, same_origin
from madang.socketio.outbox import Traffic
from madang.socketio.peers import PASSED_ON, PassedAnswer, PassedRequest, Peers
from madang.socketio.reasons import DisconnectReason
from madang.socketio.server import Server, Stats, run
from madang.socketio.socket import Socket
from madang.socketio.websocket_protocol import websocket_protocol

__all__ = [
    "PASSED_ON",
    "Ack",
    "Application",
    "Broadcast",
    "ConnectionPostponed",
    "ConnectionRefused",
    "DisconnectReason",
    "Engine",
    "EngineServer",
    "EventPacket",
    "Frames",
    "Handshake",
    "Namespace",
    "OriginPolicy",
    "PassedAnswer",
    "PassedRequest",
    "Peers",
    "Sendable",
    "Server",
    "ServerOptions",
    "Socket",
    "Stats",
    "Traffic",
    "encode_event",
    "run",
    "same_origin",
    "websocket_protocol",
]
