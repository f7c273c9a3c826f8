"""Read marks: forward only, one by one in their effect, many in one commit, and told to those whom they concern."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from madang.contract.rest import SendBody
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.bus import ReadsMoved, RoomNotice, UserNotice
from madang.ports.log import ConversationLog, Mark, MarkVerdict
from madang.services import reading
from tests.server_parts import STORES, ServerParts, server_parts


class _GatedLog:
    """The real log behind a gate for marks, with a record of its batches."""

    def __init__(self, log: ConversationLog) -> None:
        self._log = log
        self.open = asyncio.Event()
        self.open.set()
        self.batches: list[list[Mark]] = []
        self.failure: Exception | None = None

    async def mark(self, marks: Sequence[Mark], now: int) -> list[MarkVerdict]:
        self.batches.append(list(marks))
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return await self._log.mark(marks, now)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


@pytest.fixture(params=STORES)
async def parts(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ServerParts]:
    """A server's parts, with a gate in front of the log."""
    async with server_parts(tmp_path, store_kind=request.param, log=_GatedLog) as parts:
        yield parts


def _gate(parts: ServerParts) -> _GatedLog:
    assert isinstance(parts.log, _GatedLog)
    return parts.log


async def _room(parts: ServerParts, messages: int = 6) -> tuple[str, str, str]:
    """Two people and a group with messages 2, 3, …"""
    mina, joon = await parts.user("mina"), await parts.user("joon")
    room = await parts.group(mina, joon)
    for number in range(messages):
        await parts.messages.send(mina, room, SendBody(content=f"{number}"))
    await parts.hear(joon)
    parts.heard.clear()
    return mina, joon, room


async def test_a_mark_moves_forward_and_never_back(parts: ServerParts) -> None:
    """Unread follows by arithmetic; a lower mark answers with where the mark stands and tells nobody."""
    _, joon, room = await _room(parts)
    half = await parts.reading.mark(joon, room, 4)
    assert (half.last_read_seq, half.unread_count) == (4, 3)
    parts.heard.clear()
    lower = await parts.reading.mark(joon, room.upper(), 2)
    assert (lower.last_read_seq, lower.unread_count) == (4, 3)
    assert parts.heard == []
    assert (await parts.reading.mark(joon, room, None)).unread_count == 0


async def test_a_mark_is_told_to_the_room_without_the_number_and_to_oneself_with_it(parts: ServerParts) -> None:
    """How much somebody has not read is nobody else's business."""
    _, joon, room = await _room(parts)
    await parts.reading.mark(joon, room, 5)
    own, others = parts.heard
    assert isinstance(own, UserNotice)
    assert isinstance(others, RoomNotice)
    assert msgspec.json.decode(own.payload)["unreadCount"] == 2
    assert msgspec.json.decode(others.payload).keys() == {"userId", "conversationId", "lastReadSeq", "lastReadAt"}
    assert (others.except_user, others.volatile) == (joon, False)


async def test_a_large_room_hears_once_that_marks_have_moved(
    parts: ServerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many batches of marks there are: only one's own devices hear of each."""
    monkeypatch.setattr(reading, "LARGE_ROOM", 1)
    monkeypatch.setattr(reading, "GATHER_SECONDS", 0.1)
    _, joon, room = await _room(parts)
    for seq in (3, 4, 5):
        await parts.reading.mark(joon, room, seq)
    assert [type(notice) for notice in parts.heard] == [UserNotice] * 3
    await asyncio.sleep(0.15)
    assert parts.heard[3:] == [ReadsMoved(conversation_id=room)]
    await parts.reading.mark(joon, room, 6)
    await parts.reading.close()
    assert parts.heard[5:] == [ReadsMoved(conversation_id=room)]


async def test_one_mark_that_is_refused_does_not_spoil_another(parts: ServerParts) -> None:
    """A good mark that waits together with one above the head is committed, and each gets its own answer."""
    _, joon, room = await _room(parts)
    gate = _gate(parts)
    gate.open.clear()
    blocking = asyncio.ensure_future(parts.reading.mark(joon, room, 2))
    await asyncio.sleep(0.01)
    asked = [asyncio.ensure_future(parts.reading.mark(joon, room, seq)) for seq in (5, 99, 4, 5, None)]
    await asyncio.sleep(0.01)
    gate.open.set()
    good, refused, lower, same, head = await asyncio.gather(*asked, return_exceptions=True)
    await blocking
    assert isinstance(refused, MadangError)
    assert refused.code is ErrorCode.INVALID
    seqs = [answer.last_read_seq for answer in (lower, good, same, head) if isinstance(answer, MarkVerdict)]
    assert seqs == [4, 5, 5, 7]
    assert [mark.seq for mark in gate.batches[1]] == [4, 5, 99, None]
    told = [notice for notice in parts.heard if isinstance(notice, RoomNotice)]
    assert len(told) == 2  # the first commit, and the end of the second


async def test_marks_of_many_share_a_commit(parts: ServerParts) -> None:
    """One message in a busy room brings a mark from everybody, in as few commits as the store is quick."""
    mina, joon, room = await _room(parts)
    gate = _gate(parts)
    gate.open.clear()
    asked = [asyncio.ensure_future(parts.reading.mark(joon, room, 2))]
    await asyncio.sleep(0.01)
    asked += [asyncio.ensure_future(parts.reading.mark(user, room, 3)) for user in (mina, joon) * 10]
    await asyncio.sleep(0.01)
    gate.open.set()
    await asyncio.gather(*asked)
    assert [len(batch) for batch in gate.batches] == [1, 2]


async def test_strangers_and_nonsense_get_the_same_answer(parts: ServerParts) -> None:
    """A conversation one is not in, one that does not exist, and what is no id."""
    _, _, room = await _room(parts)
    stranger = await parts.user("sora")
    for conversation in (room, new_id(), "nonsense"):
        with pytest.raises(MadangError) as refused:
            await parts.reading.mark(stranger, conversation, 1)
        assert refused.value.code is ErrorCode.NOT_A_MEMBER


async def test_a_queue_that_is_full_refuses_and_empties(parts: ServerParts, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is bounded by marks, not only by people: one person cannot fill it with different seqs."""
    monkeypatch.setattr(reading, "QUEUE_MARKS", 2)
    _, joon, room = await _room(parts)
    gate = _gate(parts)
    gate.open.clear()
    asked = [asyncio.ensure_future(parts.reading.mark(joon, room, 2))]
    await asyncio.sleep(0.01)
    asked += [asyncio.ensure_future(parts.reading.mark(joon, room, seq)) for seq in (3, 4)]
    await asyncio.sleep(0.01)
    with pytest.raises(MadangError) as refused:
        await parts.reading.mark(joon, room, 5)
    assert (refused.value.code, refused.value.retry_after_ms) == (ErrorCode.TRY_AGAIN, 1_000)
    gate.open.set()
    await asyncio.gather(*asked)
    assert (await parts.reading.mark(joon, room, 6)).last_read_seq == 6


async def test_a_silent_store_is_answered_as_unknown(parts: ServerParts, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the limit the caller hears `try_again`, as for messages; the mark moves all the same."""
    monkeypatch.setattr(reading, "ANSWER_SECONDS", 0.05)
    _, joon, room = await _room(parts)
    gate = _gate(parts)
    gate.open.clear()
    with pytest.raises(MadangError) as unknown:
        await parts.reading.mark(joon, room, 5)
    assert unknown.value.code is ErrorCode.TRY_AGAIN
    gate.open.set()
    await parts.reading.close()
    assert (await parts.reading.mark(joon, room, 0)).last_read_seq == 5


async def test_cancelling_and_failing_concern_only_who_waits(parts: ServerParts) -> None:
    """A caller who goes does not take the mark along; a batch that fails is answered to all and the next one works."""
    _, joon, room = await _room(parts)
    gate = _gate(parts)
    gate.open.clear()
    gone = asyncio.ensure_future(parts.reading.mark(joon, room, 3))
    stays = asyncio.ensure_future(parts.reading.mark(joon, room, 3))
    await asyncio.sleep(0.01)
    gone.cancel()
    gate.open.set()
    assert (await stays).last_read_seq == 3
    gate.failure = MadangError(ErrorCode.UNAVAILABLE, "gone")
    with pytest.raises(MadangError):
        await parts.reading.mark(joon, room, 4)
    gate.failure = None
    assert (await parts.reading.mark(joon, room, 4)).last_read_seq == 4
