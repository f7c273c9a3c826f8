"""News: what has been committed, put into the words of the bus.

Owns the one encoding of a message, which its ack and everybody's event share, and the order in which it is told: one
publication per conversation, versions ascending, then the devices of who was added. Must be given commits only.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from madang.contract.shapes import Message, Quote
from madang.ports.bus import Bus, LogAppended, LogEntry, MemberAdded, conversation_channel, user_channel
from madang.ports.log import Commit, Verdict

__all__ = ["News"]

_encode = msgspec.json.Encoder().encode


class News:
    """What a run of verdicts has to tell, collected until it is published."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._entries: dict[str, list[LogEntry]] = {}

    def add(self, verdict: Verdict) -> bytes:
        """Take what a verdict has committed; the JSON of its message, or nothing if it has none."""
        answer = b""
        for commit in verdict.commits:
            told = commit.message if commit.reaction is None else commit.reaction
            payload = _encode(told)
            if told is verdict.message:
                answer = payload
            quotes = told.reply_to.seq if isinstance(told, Message) and isinstance(told.reply_to, Quote) else None
            self._entries.setdefault(commit.conversation_id, []).append(_entry(commit, payload, quotes))
        if verdict.message is not None and not answer:
            answer = _encode(verdict.message)
        return answer

    def publish(self) -> None:
        """Tell all of it, once."""
        news, self._entries = self._entries, {}
        for conversation_id, entries in news.items():
            self._bus.publish(
                conversation_channel(conversation_id),
                LogAppended(conversation_id=conversation_id, entries=tuple(entries)),
            )
            self._tell_added(conversation_id, entries)

    def _tell_added(self, conversation_id: str, entries: Sequence[LogEntry]) -> None:
        for entry in entries:
            for user_id in entry.added:
                self._bus.publish(
                    user_channel(user_id),
                    MemberAdded(user_id=user_id, conversation_id=conversation_id),
                )


def _entry(commit: Commit, payload: bytes, quotes: int | None) -> LogEntry:
    return LogEntry(
        version=commit.message.version,
        seq=commit.message.seq,
        epoch=commit.message.epoch or "",
        event=commit.event,
        payload=payload,
        quotes=quotes,
        added=commit.added,
        removed=commit.removed,
        removed_reason=commit.removed_reason,
    )
