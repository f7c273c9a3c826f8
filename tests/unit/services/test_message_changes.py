"""Changes of messages on their way to the log: what is counted, what is published, what is answered."""

from pathlib import Path

import msgspec
import pytest

from madang.contract.limits import LIMITS
from madang.contract.rest import SendBody, SentMessage
from madang.contract.server_events import ReactionChanged
from madang.contract.shapes import Message
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.bus import LogAppended, LogEntry
from tests.server_parts import ServerParts, server_parts


def published(parts: ServerParts) -> list[LogEntry]:
    """Every entry of a log that was told."""
    return [entry for message in parts.heard if isinstance(message, LogAppended) for entry in message.entries]


async def sent(parts: ServerParts, sender: str, room: str, reply_to_id: str | None = None) -> str:
    """The id of a message somebody has just written."""
    body = SendBody(id=new_id(), content="hello", reply_to_id=reply_to_id)
    answer = await parts.messages.send(sender, room, body)
    assert isinstance(answer, SentMessage)
    return answer.message.id


async def test_changes_are_counted_with_sends(tmp_path: Path) -> None:
    """All that others are told of comes out of one bucket; others' buckets are their own."""
    async with server_parts(tmp_path, send_rate=10.0) as parts:
        mina, joon = await parts.user("mina"), await parts.user("joon")
        room = await parts.group(mina, joon)
        message = await sent(parts, joon, room)
        for number in range(LIMITS.send_burst):
            change = parts.changes.react(mina, room, message, "👍", remove=bool(number % 2))
            parts.changes.submit(change, lambda *_: None)
        for refusal in (parts.changes.edit(mina, room, message, "x"), parts.changes.delete(mina, room, message)):
            with pytest.raises(MadangError) as refused:
                parts.changes.submit(refusal, lambda *_: None)
            assert refused.value.code is ErrorCode.RATE_LIMITED
            assert refused.value.retry_after_ms
        shown = await parts.changes.commit(parts.changes.react(joon, room, message, "👍", remove=False))
        assert joon in shown.reactions[0].user_ids


async def test_a_reaction_is_published_small_and_answered_whole(tmp_path: Path) -> None:
    """The room gets `ReactionChanged`, without a quote to hide; whoever asked gets the message."""
    async with server_parts(tmp_path) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        first = await sent(parts, mina, room)
        message = await sent(parts, mina, room, reply_to_id=first)
        answers: list[bytes] = []
        change = parts.changes.react(mina, room, message, "❤", remove=False)
        parts.changes.submit(change, lambda _, payload: answers.append(payload))
        await parts.committer.close()
        entry = published(parts)[-1]
        assert (entry.event, entry.version, entry.seq, entry.quotes) == ("message:reaction", 4, 3, None)
        assert msgspec.json.decode(entry.payload, type=ReactionChanged).emoji == "❤\ufe0f"
        assert msgspec.json.decode(answers[0], type=Message).reactions[0].count == 1


async def test_an_edit_of_a_reply_says_what_it_quotes(tmp_path: Path) -> None:
    """So that the quote can be hidden from who came later; ack and event are the same bytes."""
    async with server_parts(tmp_path) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        first = await sent(parts, mina, room)
        message = await sent(parts, mina, room, reply_to_id=first)
        answers: list[bytes] = []
        change = parts.changes.edit(mina, room, message, "better")
        parts.changes.submit(change, lambda _, payload: answers.append(payload))
        await parts.committer.close()
        entry = published(parts)[-1]
        assert (entry.event, entry.seq, entry.quotes) == ("message:updated", 3, 2)
        assert answers == [entry.payload]


async def test_the_window_moves_with_the_clock(tmp_path: Path) -> None:
    """The operator's seconds are counted back from now; no window reaches back to the beginning."""
    limits = msgspec.structs.replace(LIMITS, edit_seconds=60.0)
    async with server_parts(tmp_path, limits=limits) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        message = await sent(parts, mina, room)
        parts.clock.added_ms = 59_000
        assert (await parts.changes.commit(parts.changes.edit(mina, room, message, "in time"))).edited_at
        parts.clock.added_ms = 61_000
        with pytest.raises(MadangError) as refused:
            await parts.changes.commit(parts.changes.edit(mina, room, message, "too late"))
        assert refused.value.code is ErrorCode.FORBIDDEN
        assert (await parts.changes.commit(parts.changes.delete(mina, room, message))).deleted_at
