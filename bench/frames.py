"""WebSocket frames as a client of the benchmark sees them: counted, not parsed.

Owns the walk over received bytes and the building of what is sent. Must never decode JSON: the generator shares a small
machine with the server it measures, so a delivery may cost it nanoseconds only.

Invariants:
1. The count is exact: a frame is counted once it has arrived whole, wherever the reads have cut it.
2. Sockets of a room mostly receive the same bytes in the same pieces; a piece equal to the last one is not walked again,
   which changes the cost and never the count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.errors import BenchError

TEXT: Final = 0x81
CLOSE: Final = 0x88
PING: Final = 0x89
PONG: Final = 0x8A
_KNOWN: Final = frozenset({TEXT, CLOSE, PING, PONG})
_MASKED: Final = 0x80
_ZERO_KEY: Final = b"\0\0\0\0"
_KEY: Final = "AAAAAAAAAAAAAAAAAAAAAA=="
_STAMP: Final = ord("~")


@dataclass(frozen=True, slots=True)
class Batch:
    """What some received bytes hold."""

    delivered: int
    """Messages of the room, whole ones."""
    stamps: tuple[tuple[int, int], ...]
    """Sender and number of each, if the reader was asked for them."""
    others: tuple[tuple[int, bytes], ...]
    """All other frames: first byte and payload."""
    rest: bytes
    """The beginning of a frame whose end is yet to come; put it before what is received next."""


def upgrade_request(host: str, path: str) -> bytes:
    """The request that opens a WebSocket to an Engine.IO server."""
    lines = (
        f"GET {path}?EIO=4&transport=websocket HTTP/1.1",
        f"Host: {host}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {_KEY}",
    )
    return "\r\n".join([*lines, "", ""]).encode()


def client_frame(payload: bytes, first: int = TEXT) -> bytes:
    """A masked frame. The key is zero: legal, the same work for the server, none for the generator."""
    size = len(payload)
    if size < 126:
        header = bytes((first, _MASKED | size))
    elif size < 65_536:
        header = bytes((first, _MASKED | 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((first, _MASKED | 127)) + size.to_bytes(8, "big")
    return header + _ZERO_KEY + payload


def stamped_text(sender: int, number: int, size: int) -> str:
    """The text of a message: who sent it, the how manieth of theirs it is, and ASCII up to `size` bytes."""
    return f"~{sender:04}~{number:08}~".ljust(size, "m")


class FrameReader:
    """Walks received bytes; one serves any number of sockets, because what is unfinished travels in `Batch.rest`.

    Args:
        delivered: how the payload of a message of the room begins.
        stamps: whether to read who sent it.
    """

    def __init__(self, delivered: bytes, *, stamps: bool = False) -> None:
        self._prefix = delivered
        self._want_stamps = stamps
        self._last_data = b""
        self._last_batch = Batch(0, (), (), b"")

    def read(self, data: bytes) -> Batch:
        """Walk bytes that begin with a frame.

        Raises:
            BenchError: no server under test may send such a frame.
        """
        if data != self._last_data:
            self._last_batch = self._walk(data)
            self._last_data = data
        return self._last_batch

    def _walk(self, data: bytes) -> Batch:
        prefix, want_stamps = self._prefix, self._want_stamps
        position, end, delivered = 0, len(data), 0
        stamps: list[tuple[int, int]] = []
        others: list[tuple[int, bytes]] = []
        while position + 1 < end:
            size = data[position + 1]
            start = position + 2
            if size == 126:
                start += 2
                size = int.from_bytes(data[position + 2 : start], "big")
            elif size == 127:
                start += 8
                size = int.from_bytes(data[position + 2 : start], "big")
            stop = start + size
            if stop > end or start > end:
                break
            if data.startswith(prefix, start, stop):
                delivered += 1
                if want_stamps:
                    _read_stamp(data, start, stop, stamps)
            else:
                others.append((data[position], data[start:stop]))
            position = stop
        if (position < end and data[position] not in _KNOWN) or any(first not in _KNOWN for first, _ in others):
            raise BenchError(f"an unexpected frame: {data[position : position + 16]!r}")
        return Batch(delivered, tuple(stamps), tuple(others), data[position:])


def _read_stamp(data: bytes, start: int, stop: int, stamps: list[tuple[int, int]]) -> None:
    """Find the stamp of a message; one without a stamp is not of the generator and has no sender here."""
    at = data.find(_STAMP, start, stop)
    if at >= 0:
        stamps.append((int(data[at + 1 : at + 5]), int(data[at + 6 : at + 14])))
