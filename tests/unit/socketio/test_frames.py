"""What goes into an outbox: both written forms, built once."""

import pytest

from madang.socketio.frames import BinaryMessage, ControlPacket, EventPacket, Frames, Joiner, encode_event
from madang.socketio.wire.websocket_frame import binary_frame, text_frame


def test_an_event_has_both_forms() -> None:
    """Text, then attachments; each form is built once and shared."""
    packet = encode_event("e", 1, b"\x01\x02\x03", namespace="/n", ack_id=5)
    text = b'51-/n,5["e",1,{"_placeholder":true,"num":0}]'
    assert packet.text == text
    assert packet.attachments == (b"\x01\x02\x03",)
    assert packet.websocket == text_frame(b"4" + text) + binary_frame(b"\x01\x02\x03")
    assert packet.polling == b"4" + text + b"\x1ebAQID"
    assert packet.websocket is packet.websocket
    assert packet.polling is packet.polling


def test_frames_are_their_packets_in_order() -> None:
    """Joined in both forms; the size is near what is written."""
    packets = [encode_event("e", "x" * 200 * number) for number in range(3)]
    frames = Frames(packets)
    assert frames.websocket == b"".join(packet.websocket for packet in packets)
    assert frames.polling == b"\x1e".join(packet.polling for packet in packets)
    assert abs(frames.size - len(frames.websocket)) <= 3 * 4
    assert frames.websocket is frames.websocket
    assert frames.polling is frames.polling


def test_reserved_names_cannot_be_sent() -> None:
    """A client would take them for its own events."""
    for name in ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"):
        with pytest.raises(ValueError, match="reserved"):
            encode_event(name)


def test_binary_and_control_packets_have_both_forms() -> None:
    """Base64 by polling, raw on a WebSocket; control packets as they are."""
    assert BinaryMessage(b"\x01\x02\x03").polling == b"bAQID"
    assert BinaryMessage(b"\x01").websocket == binary_frame(b"\x01")
    assert ControlPacket(b"2").polling == b"2"
    assert ControlPacket(b"2").websocket == text_frame(b"2")


def test_the_joiner_joins_equal_queues_once() -> None:
    """By identity of what is in them, so equal bytes of other packets are joined anew."""
    joiner = Joiner()
    a, b = EventPacket(b"a"), EventPacket(b"b")
    joined = joiner.join([a, b])
    assert joined == a.websocket + b.websocket
    assert joiner.join([a, b]) is joined
    assert joiner.join([b, a]) == b.websocket + a.websocket
    assert joiner.join([a]) is a.websocket
