"""Why a socket was disconnected, in the words of the Node server.

Owns the closed list. Applications ported from Node compare these strings, so they never change.
"""

from __future__ import annotations

from enum import StrEnum


class DisconnectReason(StrEnum):
    """The second argument of the "disconnect" event."""

    TRANSPORT_CLOSE = "transport close"
    """The peer closed the connection, or the network did."""
    TRANSPORT_ERROR = "transport error"
    """A poll was aborted, requests overlapped, a WebSocket frame or a heartbeat was wrong, or a limit was passed."""
    PING_TIMEOUT = "ping timeout"
    """No pong came in time."""
    PARSE_ERROR = "parse error"
    """The peer sent something that is no Engine.IO packet."""
    CLIENT_NAMESPACE_DISCONNECT = "client namespace disconnect"
    """The peer left the namespace."""
    SERVER_NAMESPACE_DISCONNECT = "server namespace disconnect"
    """``Socket.disconnect`` was called."""
    FORCED_CLOSE = "forced close"
    """The engine was closed by the server: ``Socket.close_engine``, a slow reader, a flood, a broken Socket.IO packet."""
    FORCED_SERVER_CLOSE = "forced server close"
    """A packet came for a namespace that was not joined, or CONNECT twice."""
    SERVER_SHUTTING_DOWN = "server shutting down"
    """``Server.close`` was called, or the process ends."""
