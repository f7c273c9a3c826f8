"""The state machine of a Socket.IO peer: what is allowed when, in any order of packets."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.socketio.wire.engineio_packet import ParseError
from madang.socketio.wire.socketio_packet import Packet, PacketType
from madang.socketio.wire.socketio_session import SocketIOSession, StateError


def joined() -> SocketIOSession[str]:
    """Make a session that has joined "/"."""
    session: SocketIOSession[str] = SocketIOSession(10)
    session.receive_text(b"0")
    session.accept("/", "value")
    return session


def test_a_namespace_is_pending_then_joined_then_left() -> None:
    """Events pass only while it is joined."""
    session: SocketIOSession[str] = SocketIOSession(10)
    packet = session.receive_text(b"40", 1)
    assert packet is not None
    assert packet.kind is PacketType.CONNECT
    for text in (b'2["early"]', b"0"):
        with pytest.raises(StateError):
            session.receive_text(text)
    session.accept("/", "value")
    assert isinstance(session.receive_text(b'2["now"]'), Packet)
    assert session.leave("/") == "value"
    with pytest.raises(StateError):
        session.receive_text(b'2["late"]')


def test_a_refused_namespace_may_be_asked_for_again() -> None:
    """Refusal leaves no trace."""
    session: SocketIOSession[str] = SocketIOSession(10)
    session.receive_text(b"0/n")
    session.refuse("/n")
    assert session.receive_text(b"0/n") is not None


def test_attachments_are_collected_and_put_in_place() -> None:
    """The packet comes out with the last of them."""
    session = joined()
    assert session.receive_text(b'52-["f",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]') is None
    assert session.receive_binary(b"a") is None
    packet = session.receive_binary(b"b")
    assert packet is not None
    assert packet.data == ["f", b"b", b"a"]


def test_text_between_attachments_and_attachments_without_text_are_refused() -> None:
    """Each in its place only."""
    session = joined()
    with pytest.raises(ParseError):
        session.receive_binary(b"a")
    session.receive_text(b'51-["f"]')
    with pytest.raises(ParseError):
        session.receive_text(b'2["x"]')


def test_a_namespace_left_while_attachments_come_is_refused() -> None:
    """The packet has no owner any more."""
    session = joined()
    session.receive_text(b'51-["f",{"_placeholder":true,"num":0}]')
    session.leave("/")
    with pytest.raises(StateError):
        session.receive_binary(b"a")


def test_clearing_gives_back_what_was_joined() -> None:
    """Pending namespaces have nothing to give back."""
    session = joined()
    session.receive_text(b"0/pending")
    assert session.clear() == ["value"]
    assert session.clear() == []


packets = st.sampled_from(
    [b"0", b"1", b'2["a"]', b"31[]", b'51-["a",{"_placeholder":true,"num":0}]', b"0/n", b'2/n,["a"]', b"x"]
)


@given(st.lists(st.tuples(packets | st.binary(), st.booleans())))
def test_no_order_of_packets_raises_anything_else(conversation: list[tuple[bytes, bool]]) -> None:
    """Random conversations, text and binary, with every CONNECT accepted."""
    session: SocketIOSession[str] = SocketIOSession(10)
    for data, is_text in conversation:
        with contextlib.suppress(ParseError):
            packet = session.receive_text(data) if is_text else session.receive_binary(data)
            if packet is not None and packet.kind is PacketType.CONNECT:
                session.accept(packet.namespace, "value")
            elif packet is not None:
                assert session.joined[packet.namespace] == "value"
