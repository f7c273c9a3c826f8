"""Frames of a WebSocket server (RFC 6455): unmasked, unfragmented, so equal for every receiver.

Owns the bytes of a frame header. Must never keep state: because a server's frame depends on its payload alone, one
frame is built once and written to any number of sockets.
"""

from __future__ import annotations

_SHORT = 126
_MEDIUM = 1 << 16


def text_frame(payload: bytes) -> bytes:
    """Frame UTF-8 text as one final frame."""
    return _frame(0x81, payload)


def binary_frame(payload: bytes) -> bytes:
    """Frame bytes as one final frame."""
    return _frame(0x82, payload)


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < _SHORT:
        return b"%c%c%b" % (first, size, payload)
    if size < _MEDIUM:
        return b"%c\x7e%b%b" % (first, size.to_bytes(2, "big"), payload)
    return b"%c\x7f%b%b" % (first, size.to_bytes(8, "big"), payload)
