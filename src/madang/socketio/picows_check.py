"""The self-test of picows at start: its version, its private constructor, one handshake, one message in.

Owns the decision that the installed picows is the one this package was written for. Must never touch the network: the
connection is a socket pair of this process.
"""

from __future__ import annotations

import importlib.metadata
import socket

from picows import WSFrame, WSListener, WSTransport, WSUpgradeRequest

from madang.socketio.picows_protocol import PicowsProtocol

PICOWS_VERSION = "2.3.1"

_KEY, _ACCEPT = b"dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the example of RFC 6455
_MASKED_HELLO = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"  # and its masked "Hello"


def check_picows() -> None:
    """Try picows as this package uses it; needs a running loop.

    Raises:
        RuntimeError: another version is installed, or it behaves otherwise.

    """
    version = importlib.metadata.version("picows")
    if version != PICOWS_VERSION:
        raise RuntimeError(f"picows {PICOWS_VERSION} is needed exactly, {version} is installed")
    near, far = socket.socketpair()
    with near, far:
        far.settimeout(1)
        try:
            answer, received = _converse(near, far)
        except Exception as error:
            raise RuntimeError(f"picows {version} does not work as expected") from error
    if _ACCEPT not in answer or received != [b"Hello"]:
        raise RuntimeError(f"picows {version} does not work as expected: {answer!r}, {received!r}")


def _converse(near: socket.socket, far: socket.socket) -> tuple[bytes, list[bytes]]:
    listener = _Recorder()

    def listener_factory(_: WSUpgradeRequest) -> WSListener:
        return listener

    protocol = PicowsProtocol(listener_factory, max_frame_size=1000)
    protocol.connection_made(_PairTransport(near))
    protocol.upgrade(b"13", _KEY)
    answer = far.recv(4096)
    protocol.feed(_MASKED_HELLO)
    protocol.connection_lost(None)
    return answer, listener.received


class _Recorder(WSListener):
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.received.append(frame.get_payload_as_bytes())


class _PairTransport:
    """As much of an asyncio transport as picows asks for."""

    def __init__(self, near: socket.socket) -> None:
        self._near = near

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._near if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes) -> None:
        self._near.sendall(data)

    def close(self) -> None:
        """Leave it to the caller."""

    abort = close
