"""Replies: one answer, in the form the client asked for."""

import json
from typing import Any, cast

from madang.contract.client_events import OkAck
from madang.errors import ErrorCode, MadangError
from madang.gateway.reply import MOST_ECHOED, Reply
from madang.socketio import Ack, Socket

ERROR = MadangError(ErrorCode.RATE_LIMITED, "slowly", details={"content": "x"}, retry_after_ms=5)


class _Socket:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, frames: Any) -> None:
        self.sent.append(json.loads(frames.packets[0].text[1:]))


def _reply(payload: object, *, ack: bool, event: str = "message:send") -> tuple[Reply, list[Any], list[Any]]:
    socket, acks = _Socket(), list[Any]()
    return Reply(cast("Socket", socket), event, cast("Ack", acks.append) if ack else None, payload), acks, socket.sent


def test_with_an_ack_everything_goes_there() -> None:
    """A failure says all the error says, and which id it was about."""
    reply, acks, sent = _reply({"id": "the-id"}, ack=True)
    reply.failed(ERROR)
    reply.done(OkAck())
    failure = acks[0]
    assert (failure.ok, failure.error, failure.reason, failure.details) == (
        False,
        "rate_limited",
        "slowly",
        ERROR.details,
    )
    assert (failure.retry_after_ms, failure.id) == (5, "the-id")
    assert (acks[1], sent) == (OkAck(), [])


def test_without_one_only_failures_are_told() -> None:
    """As the event `error`, with what it was about."""
    reply, _, sent = _reply({"conversationId": "c"}, ack=False)
    reply.done(OkAck())
    reply.failed(ERROR)
    body = {"event": "message:send", "error": "rate_limited", "reason": "slowly", "conversationId": "c"}
    assert sent == [["error", body]]


def test_only_short_text_that_can_be_sent_comes_back() -> None:
    """Ids that are none are left out; a name is cut."""
    for odd in (5, None, "x" * (MOST_ECHOED + 1), "\ud800", "한"):
        reply, _, sent = _reply({"id": odd, "conversationId": odd}, ack=False, event="\ud800" + "한" * 5_000)
        reply.failed(ERROR)
        body = sent[0][1]
        assert "conversationId" not in body
        assert len(body["event"].encode()) <= MOST_ECHOED
