"""One socket of the generator: from the TCP connection to a member of a room who counts.

Owns the handshake of one client and its counters. Must never wait: the crowd calls it when its socket is ready.

Invariant: `stage` only moves forward, and a client that ends anywhere but by the generator's own will says why.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Protocol

from bench.errors import BenchError
from bench.frames import CLOSE, PING, PONG, Batch, FrameReader, client_frame, upgrade_request

if TYPE_CHECKING:
    from bench.crowd import Crowd

RECEIVE_BYTES: Final = 65_536
_END_OF_HEAD: Final = b"\r\n\r\n"
_PONG: Final = client_frame(b"3")


class Stage(IntEnum):
    """How far a client has come."""

    CONNECTING = 0
    UPGRADING = 1
    OPENING = 2
    JOINING = 3
    GREETING = 4
    READY = 5
    CLOSED = 6


class Dialect(Protocol):
    """What one kind of server wants to hear, and how its messages begin."""

    path: str
    """Of the Socket.IO server."""
    delivered: bytes
    """How the payload of a message of a room begins."""
    greeting: bytes | None
    """What is sent after CONNECT, with ack id 0; a client is ready when that is answered."""

    def room_of(self, index: int) -> int:
        """What the scenario calls the room of a client."""

    def auth(self, index: int) -> bytes:
        """The JSON of CONNECT for a client."""

    def message(self, client: Client, number: int, text: str) -> bytes:
        """The payload that sends a text to the client's room; its ack id is the number."""

    def is_refusal(self, ack: bytes) -> bool:
        """Whether an ack says that the message was not taken."""


class Client:
    """One connection. `room` is what the scenario calls its room; `delivered` counts messages of it."""

    __slots__ = (
        "_address", "_crowd", "_head", "_unsent", "delivered", "index", "on_ack", "on_batch", "reader", "rest", "room",
        "sock", "stage", "why",
    )  # fmt: skip

    def __init__(self, crowd: Crowd, index: int, room: int) -> None:
        self._crowd = crowd
        self._head = b""
        self._unsent = bytearray()
        self._address = crowd.addresses[crowd.node_of(index)]
        self.index = index
        self.room = room
        self.delivered = 0
        self.reader: FrameReader = crowd.counting
        self.rest = b""
        self.on_batch: Callable[[Client, Batch], None] | None = None
        self.on_ack: Callable[[Client, int], None] | None = None
        self.stage = Stage.CONNECTING
        self.why = ""
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begun = self.sock.connect_ex(self._address)
        if begun not in (0, errno.EINPROGRESS):
            raise BenchError(f"connecting failed: {errno.errorcode.get(begun, begun)}")

    # ---------------------------------------------------------------------------------------- the crowd calls

    def writable(self) -> None:
        """Go on writing, or find the TCP connection made."""
        if self.stage is Stage.CONNECTING:
            failed = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed:
                raise BenchError(f"connecting failed: {errno.errorcode.get(failed, failed)}")
            self.stage = Stage.UPGRADING
            host, port = self._address
            self._unsent += upgrade_request(f"{host}:{port}", self._crowd.dialect.path)
        unsent, self._unsent = self._unsent, bytearray()
        self._crowd.wants_to_write(self, wants=False)
        self.send(bytes(unsent))

    def readable(self) -> None:
        """Take what has come, at most `RECEIVE_BYTES`; the crowd calls again while there is more."""
        try:
            data = self.sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.end(f"the connection broke: {error}")
            return
        if not data:
            self.end("the server closed the connection")
            return
        if self.stage is Stage.UPGRADING:
            data = self._take_head(data)
        if data:
            self._take_frames(data)

    def send(self, frames: bytes) -> None:
        """Write frames, now as far as the kernel takes them."""
        if self._unsent:
            self._unsent += frames
            return
        try:
            sent = self.sock.send(frames)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.end(f"the connection broke: {error}")
            return
        if sent < len(frames):
            self._unsent += frames[sent:]
            self._crowd.wants_to_write(self, wants=True)

    def end(self, why: str) -> None:
        """Note that the connection is over, and why."""
        if self.stage is not Stage.CLOSED:
            self.stage, self.why = Stage.CLOSED, self.why or why
            self._crowd.lost(self)

    # --------------------------------------------------------------------------------------------- receiving

    def _take_head(self, data: bytes) -> bytes:
        self._head += data
        head, separator, frames = self._head.partition(_END_OF_HEAD)
        if not separator:
            return b""
        self._head = b""
        status = head.partition(b"\r\n")[0]
        if b" 101 " not in status + b" ":
            raise BenchError(f"no upgrade: {status.decode('latin-1')}")
        self.stage = Stage.OPENING
        return frames

    def _take_frames(self, data: bytes) -> None:
        batch = self.reader.read(self.rest + data if self.rest else data)
        self.rest = batch.rest
        if batch.delivered:
            self.delivered += batch.delivered
            self._crowd.delivered += batch.delivered
            if self.on_batch is not None:
                self.on_batch(self, batch)
        for first, payload in batch.others:
            self._take_other(first, payload)

    def _take_other(self, first: int, payload: bytes) -> None:
        if first == CLOSE:
            code = int.from_bytes(payload[:2], "big")
            self.end(f"the server closed the WebSocket: {code} {payload[2:].decode(errors='replace')}")
        elif first == PING:
            self.send(client_frame(payload, PONG))
        elif payload == b"2":
            self.send(_PONG)
        elif payload.startswith(b"43"):
            self._take_ack(payload)
        elif payload.startswith(b"40"):
            self._joined()
        elif payload.startswith(b"0"):
            self.stage = Stage.JOINING
            self.send(client_frame(b"40" + self._crowd.dialect.auth(self.index)))
        elif not payload.startswith(b"42"):
            raise BenchError(f"refused or not understood: {payload[:200]!r}")

    def _joined(self) -> None:
        greeting = self._crowd.dialect.greeting
        if greeting is None:
            self._ready()
        else:
            self.stage = Stage.GREETING
            self.send(client_frame(greeting))

    def _take_ack(self, payload: bytes) -> None:
        if self._crowd.dialect.is_refusal(payload):
            raise BenchError(f"a message was refused: {payload[:300]!r}")
        if self.stage is Stage.GREETING:
            self._ready()
        elif self.on_ack is not None:
            self.on_ack(self, int(payload[2 : payload.index(b"[")]))

    def _ready(self) -> None:
        self.stage = Stage.READY
        self._crowd.ready += 1
