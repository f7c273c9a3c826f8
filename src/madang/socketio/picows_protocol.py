"""picows as this package uses it: its protocol object with what its private constructor takes.

Owns every touch of what picows does not document: the positional constructor, the buffer, the logger. Must never be
used without ``picows_check``, which tries exactly this at start.
"""

from __future__ import annotations

import logging
import socket as sockets
from collections.abc import Callable
from typing import Any

from picows import WSListener, WSUpgradeRequest
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # exists, but is not in the stubs

_log = logging.getLogger("madang.socketio")

_READ_BUFFER = 2048  # what picows keeps for each connection; its default of 16 KiB would be most of a socket's memory
_PING_PERIODICALLY = 2
_REQUEST = (
    b"GET / HTTP/1.1\r\nHost: madang\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: %b\r\nSec-WebSocket-Key: %b\r\n\r\n"
)

ListenerFactory = Callable[[WSUpgradeRequest], WSListener | None]


class _QuietLogger:
    """What picows logs of its peers is no news; what it logs of us is.

    It is no ``logging.Logger``, for which picows would make a child of its own for each connection.
    """

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  # the standard library's name, which picows calls
        return False

    def log(self, *_: object, **__: object) -> None:
        """Say nothing."""

    debug = info = warning = error = log

    def exception(self, message: str, *args: object) -> None:
        _log.exception(message, *args)  # picows calls this inside an except block


_quiet = _QuietLogger()


class _NoTcpSocket:
    """A socket that takes the options of TCP and makes nothing of them."""

    __slots__ = ("_socket",)

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if level != sockets.IPPROTO_TCP:
            self._socket.setsockopt(level, option, value)

    def getsockopt(self, level: int, option: int) -> Any:
        return 0 if level == sockets.IPPROTO_TCP else self._socket.getsockopt(level, option)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class _NoTcpTransport:
    """A connection on a Unix socket. picows sets options of TCP on every one, which the system refuses there."""

    __slots__ = ("_transport",)

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        found = self._transport.get_extra_info(name, default)
        return _NoTcpSocket(found) if name == "socket" else found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class PicowsProtocol(WSProtocol):  # type: ignore[misc]  # see the import
    """picows' server side of one connection, without its handshake timeout, its pings and its pongs."""

    __slots__ = ()

    def __init__(self, listener_factory: ListenerFactory, *, max_frame_size: int) -> None:
        super().__init__(
            None,  # host_port
            None,  # ws_path
            False,  # is_client_side
            listener_factory,
            _quiet,  # logger
            True,  # disconnect_on_exception
            None,  # websocket_handshake_timeout: the request is complete when picows gets it
            False,  # enable_auto_ping
            20,  # auto_ping_idle_timeout
            20,  # auto_ping_reply_timeout
            _PING_PERIODICALLY,
            False,  # enable_auto_pong: an answer to a peer that does not read must not pile up
            max_frame_size,
            None,  # extra_headers
            _READ_BUFFER,
        )

    def connection_made(self, transport: Any) -> None:
        """Take a connection, of TCP or on a Unix socket."""
        has_tcp = transport.get_extra_info("socket").family != sockets.AF_UNIX
        super().connection_made(transport if has_tcp else _NoTcpTransport(transport))

    def upgrade(self, version: bytes, key: bytes) -> None:
        """Have picows do its handshake, from the least that it needs of a request."""
        self.feed(_REQUEST % (version, key))

    def feed(self, data: bytes) -> None:
        """Hand bytes to picows as a transport would."""
        while data:
            buffer: Any = self.get_buffer(-1)
            taken = min(len(buffer), len(data))
            buffer[:taken] = data[:taken]
            self.buffer_updated(taken)
            data = data[taken:]
