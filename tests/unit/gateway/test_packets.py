"""Packets from JSON that is encoded already: the same bytes as encoding the whole."""

import json

import msgspec
import pytest

from madang.contract.client_events import MessageSendAck
from madang.contract.shapes import Message, Sender
from madang.gateway.packets import event_packet, one_event, stored_ack

MESSAGE = Message(
    id="m", conversation_id="c", seq=1, version=1, sender_id="u", sender=Sender(id="u", name="밍"), type="text",
    content='안녕 "여러분"\n', created_at="2026-11-22T12:00:00.000Z", epoch="e",
)  # fmt: skip  # a message, field by field


@pytest.mark.parametrize("duplicate", [False, True])
def test_an_ack_around_an_encoded_message_is_the_ack_encoded(duplicate: bool) -> None:
    """The hot path writes the ack by hand; a field added to the contract must not be forgotten there."""
    whole = MessageSendAck(message=MESSAGE, duplicate=True if duplicate else msgspec.UNSET)
    by_hand = stored_ack(msgspec.json.encode(MESSAGE), duplicate=duplicate)
    assert json.loads(bytes(by_hand)) == json.loads(msgspec.json.encode(whole))


def test_an_event_is_its_name_and_its_arguments() -> None:
    """One packet with one argument, or several joined by commas; alone or ready for an outbox."""
    assert event_packet("message:new", b'{"a":1}').text == b'2["message:new",{"a":1}]'
    (packet,) = one_event("user:online", b'"u",{"at":"x"}').packets
    assert json.loads(packet.text[1:]) == ["user:online", "u", {"at": "x"}]
