"""The walk over received frames: exact, wherever the reads cut them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.frames import CLOSE, PING, TEXT, FrameReader, client_frame, stamped_text
from madang.socketio.wire.websocket_frame import text_frame

PREFIX = b'42["message",'
SIZES = st.sampled_from([0, 1, 95, 96, 97, 300, 65_520, 65_521, 70_000])


def message(size: int, sender: int = 1, number: int = 0) -> bytes:
    """A frame of a room's message with so many bytes of text beyond the stamp."""
    return text_frame(PREFIX + b'"' + stamped_text(sender, number, 15 + size).encode() + b'"]')


def read_in_pieces(reader: FrameReader, data: bytes, cuts: list[int]) -> tuple[int, list[tuple[int, bytes]], bytes]:
    """What a socket counts that receives these bytes in these pieces."""
    rest, delivered, others, begin = b"", 0, list[tuple[int, bytes]](), 0
    for end in [*sorted(cuts), len(data)]:
        batch = reader.read(rest + data[begin:end])
        rest, delivered, begin = batch.rest, delivered + batch.delivered, end
        others += batch.others
    return delivered, others, rest


@given(
    sizes=st.lists(SIZES, max_size=12),
    pings=st.lists(st.integers(0, 12), max_size=3),
    cuts=st.lists(st.integers(0, 10_000), max_size=8),
)
def test_the_count_does_not_depend_on_the_cuts(sizes: list[int], pings: list[int], cuts: list[int]) -> None:
    """Every message is counted once and every other frame handed over once, however the bytes arrive."""
    frames = [message(size) for size in sizes]
    for position in pings:
        frames.insert(position, text_frame(b"2"))
    data = b"".join(frames)
    delivered, others, rest = read_in_pieces(FrameReader(PREFIX), data, [cut % (len(data) + 1) for cut in cuts])
    assert (delivered, others, rest) == (len(sizes), [(TEXT, b"2")] * len(pings), b"")


def test_equal_pieces_of_many_sockets_count_for_each() -> None:
    """A piece that equals the one before it is not walked again, and counts all the same."""
    reader = FrameReader(PREFIX, stamps=True)
    data = message(100, 3, 7) + message(100, 4, 8) + message(100)[:50]
    for _ in range(3):
        batch = reader.read(data)
        assert (batch.delivered, batch.stamps, batch.rest) == (2, ((3, 7), (4, 8)), message(100)[:50])


def test_what_looks_like_a_message_inside_a_message_is_none() -> None:
    """Frames are walked by their headers, so a text cannot forge a delivery."""
    forged = text_frame(PREFIX + b'"' + message(10) * 3 + b'"]')
    assert FrameReader(PREFIX).read(forged).delivered == 1


def test_a_message_without_a_stamp_is_counted_without_a_sender() -> None:
    """What the server itself says in a room is a delivery, of nobody."""
    batch = FrameReader(PREFIX, stamps=True).read(text_frame(PREFIX + b'"joined"]') + message(0, 2, 5))
    assert (batch.delivered, batch.stamps) == (2, ((2, 5),))


@pytest.mark.parametrize("first", [CLOSE, PING])
def test_control_frames_are_handed_over(first: int) -> None:
    """A close or a ping is not lost among the messages."""
    data = message(5) + bytes((first, 2, 3, 232)) + message(5)
    batch = FrameReader(PREFIX).read(data)
    assert (batch.delivered, batch.others) == (2, ((first, b"\x03\xe8"),))


@pytest.mark.parametrize("first", [0x01, 0x80, 0x82, 0xC1, 0x00])
def test_a_frame_no_server_under_test_sends_stops_the_run(first: int) -> None:
    """Fragments, binary and compressed frames would be counted wrongly, so they are refused."""
    with pytest.raises(BenchError, match="unexpected frame"):
        FrameReader(PREFIX).read(message(5) + bytes((first, 1, 50)))


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_client_frames_are_masked_with_the_right_length(size: int) -> None:
    """A server reads what was meant: masked, as every client's frame must be, with a key that changes nothing."""
    frame = client_frame(b"x" * size)
    header = {True: 2, size > 125: 4, size > 65_535: 10}[True]
    length = frame[1] & 0x7F if header == 2 else int.from_bytes(frame[2:header], "big")
    assert (frame[0], frame[1] >> 7, length) == (TEXT, 1, size)
    assert frame[header:] == b"\0\0\0\0" + b"x" * size


def test_a_stamped_text_has_its_size() -> None:
    """Messages of all senders are equally long."""
    assert {len(stamped_text(sender, number, 200)) for sender, number in ((0, 0), (9_999, 99_999_999))} == {200}
