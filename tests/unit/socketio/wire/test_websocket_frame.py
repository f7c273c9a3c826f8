"""Frames of a server, read back by the library ``websockets``."""

from collections.abc import Generator
from typing import Any

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from madang.socketio.wire.websocket_frame import binary_frame, text_frame


def parse(data: bytes) -> Frame:
    """Read one frame as a client does."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    frame: Frame = finish(Frame.parse(reader.read_exact, mask=False))
    assert finish(reader.at_eof()), "more than one frame"
    return frame


def finish(steps: Generator[None, None, Any]) -> Any:
    """Run a parser that has all its bytes; its result."""
    with pytest.raises(StopIteration) as stop:
        next(steps)
    return stop.value.value


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_every_length_of_header_is_right(size: int) -> None:
    """Both kinds, final, unmasked, at each border."""
    payload = bytes(size)
    assert parse(text_frame(payload)) == Frame(Opcode.TEXT, payload)
    assert parse(binary_frame(payload)) == Frame(Opcode.BINARY, payload)
