"""Envelopes: every message survives the way, payloads untouched, and strangers' bytes are refused."""

import msgspec
import pytest

from madang.cluster.envelope import HEAD_BYTES, Envelopes
from madang.ports.bus import (
    BusMessage,
    LogAppended,
    LogEntry,
    MemberAdded,
    PresenceNotice,
    ReadsMoved,
    RoomNotice,
    SessionsRevoked,
    UserNotice,
)

ENTRY = LogEntry(version=7, seq=5, epoch="e", event="message:new", payload='{"content": "안녕"}'.encode())
LEAVING = LogEntry(
    version=8, seq=6, epoch="e", event="message:new", payload=b"{}", quotes=2, added=("a",), removed=("b", "c"),
    removed_reason="left",
)  # fmt: skip  # all that an entry may have, at a glance
MESSAGES: list[BusMessage] = [
    LogAppended(conversation_id="c", entries=(ENTRY, LEAVING)),
    RoomNotice(conversation_id="c", event="typing:start", payload=b"{}", except_user="u", volatile=True),
    RoomNotice(conversation_id="c", event="typing:stop", payload=b"{}", volatile=True, narrow=True),
    ReadsMoved(conversation_id="c"),
    RoomNotice(conversation_id="c", event="message:read", payload=b"{}", key="read:c:u"),
    UserNotice(user_id="u", event="user:updated", payload=b"{}"),
    PresenceNotice(user_id="u", event="user:online", payload=b'"u",{}'),
    MemberAdded(user_id="u", conversation_id="c"),
    SessionsRevoked(user_id="u", session_ids=None, reason="logout"),
    SessionsRevoked(user_id="u", session_ids=("s",), reason="revoked"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_survives_the_way(message: BusMessage) -> None:
    """What one node says is what another hears."""
    assert Envelopes().open(Envelopes().seal(message)) == message


def test_a_payload_stays_as_it_is() -> None:
    """The bytes that were encoded once are in the envelope as they are: nobody encodes or escapes them again."""
    assert ENTRY.payload in Envelopes().seal(MESSAGES[0])


def test_who_has_said_it_is_known_without_opening() -> None:
    """One's own comes back and is dropped; that of another start of the same node is another's."""
    mine, yours = Envelopes(), Envelopes()
    for envelope in (mine.seal(MESSAGES[0]), mine.signal):
        assert mine.is_own(envelope)
        assert not yours.is_own(envelope)


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"\x02" + Envelopes().seal(MESSAGES[0])[1:],
        Envelopes().signal,
        Envelopes().seal(MESSAGES[0])[:-1],
        Envelopes().signal + b'{"type": "log"}',
        Envelopes().signal + msgspec.msgpack.encode({"type": "unheard-of"}),
        b"\x80\x04\x95" + b"." * 40,
    ],
    ids=["empty", "another format", "a signal", "cut", "json", "another kind", "a pickle"],
)
def test_what_is_not_understood_is_refused(envelope: bytes) -> None:
    """A newer format, a broken message, and anything that somebody else put there."""
    with pytest.raises(ValueError):  # noqa: PT011  # msgspec's own errors are of this kind, with words of its own
        Envelopes.open(envelope)


def test_fields_of_a_newer_version_are_ignored() -> None:
    """Nodes that differ by an added field understand each other while one after the other is replaced."""
    newer = msgspec.msgpack.decode(Envelopes().seal(MESSAGES[5])[HEAD_BYTES:]) | {"later": 1}
    assert Envelopes.open(Envelopes().signal + msgspec.msgpack.encode(newer)) == MESSAGES[5]
