"""Messages: what is refused before the log, and history for those who may see it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from madang.contract.limits import LIMITS
from madang.contract.rest import SendBody, SentMessage
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.log import PageWindow
from tests.server_parts import STORES, ServerParts, server_parts


@pytest.fixture(params=STORES)
async def parts(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ServerParts]:
    """A server's parts."""
    async with server_parts(tmp_path, store_kind=request.param) as parts:
        yield parts


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"content": ""}, ErrorCode.INVALID, "content"),
        ({"content": "  \n"}, ErrorCode.INVALID, "content"),
        ({"content": "a\x00b"}, ErrorCode.INVALID, "content"),
        ({"content": "\ud83d"}, ErrorCode.INVALID, "content"),
        ({"content": "x" * 10_001}, ErrorCode.TOO_LARGE, "content"),
        ({"content": "😀" * 5_001}, ErrorCode.TOO_LARGE, "content"),
        ({"id": "mine"}, ErrorCode.INVALID, "id"),
        ({"reply_to_id": "that one"}, ErrorCode.INVALID, "replyToId"),
        ({"mentions": ["mina"]}, ErrorCode.INVALID, "mentions"),
        ({"mentions": ["x"] * 101}, ErrorCode.TOO_LARGE, None),
        ({"attachments": ["a"]}, ErrorCode.INVALID, "attachments"),
    ],
)
async def test_what_breaks_a_rule_never_reaches_the_log(
    parts: ServerParts, fields: dict[str, Any], code: ErrorCode, field: str | None
) -> None:
    """Refused with the field to blame, and no number is taken."""
    mina = await parts.user("mina")
    room = await parts.group(mina)
    with pytest.raises(MadangError) as refused:
        await parts.messages.send(mina, room, SendBody(**{"content": "x", **fields}))
    assert refused.value.code is code
    assert field is None or list(refused.value.details or ()) == [field]
    assert (await parts.store.log.heads([room]))[room].seq == 1


async def test_the_longest_message_is_measured_after_composing_it(parts: ServerParts) -> None:
    """10,000 UTF-16 units of NFC pass, however they were typed; it is stored composed."""
    mina = await parts.user("mina")
    room = await parts.group(mina)
    decomposed = "\u1112\u1161\u11ab" * 10_000
    sent = await parts.messages.send(mina, room, SendBody(content=decomposed))
    assert isinstance(sent, SentMessage)
    assert sent.message.content == "한" * 10_000


async def test_a_retry_gives_the_first_result_and_anything_else_a_conflict(parts: ServerParts) -> None:
    """Ids in any case name one message; the same id with another body, or of another person, is refused."""
    mina, joon = await parts.user("mina"), await parts.user("joon")
    room, message_id = await parts.group(mina, joon), new_id()
    first = await parts.messages.send(mina, room, SendBody(content="x", id=message_id))
    again = await parts.messages.send(mina, room.upper(), SendBody(content="x", id=message_id.upper()))
    assert isinstance(first, SentMessage)
    assert isinstance(again, SentMessage)
    assert (again.message, again.duplicate) == (first.message, True)
    for actor, content in ((mina, "y"), (joon, "x")):
        with pytest.raises(MadangError) as refused:
            await parts.messages.send(actor, room, SendBody(content=content, id=message_id))
        assert refused.value.code is ErrorCode.CONFLICT


async def test_history_begins_where_one_came_in_with_quotes_before_that_blank(parts: ServerParts) -> None:
    """Whoever is added sees from their own entry on, under an id in any case."""
    mina, joon = await parts.user("mina"), await parts.user("joon")
    room = await parts.group(mina)
    secret = await parts.messages.send(mina, room, SendBody(content="before"))
    assert isinstance(secret, SentMessage)
    await parts.conversations.add_members(mina, room, [joon])
    await parts.messages.send(mina, room, SendBody(content="reply", reply_to_id=secret.message.id))
    page = await parts.messages.page(joon, room.upper(), PageWindow(limit=50))
    assert ([message.seq for message in page.messages], page.older, page.newer) == ([3, 4], False, False)
    quoted = page.messages[1].reply_to
    assert (quoted.content, quoted.sender_id) == ("", None)  # type: ignore[union-attr]  # it is there


async def test_history_is_for_members_and_within_bounds(parts: ServerParts) -> None:
    """Strangers get one answer for every id; a page has a limit and one bound at most."""
    mina, joon = await parts.user("mina"), await parts.user("joon")
    room = await parts.group(mina)
    for conversation in (room, new_id(), "nonsense"):
        with pytest.raises(MadangError) as refused:
            await parts.messages.page(joon, conversation, PageWindow(limit=50))
        assert refused.value.code is ErrorCode.NOT_A_MEMBER
    for window in (PageWindow(limit=0), PageWindow(limit=LIMITS.page + 1), PageWindow(limit=1, before=3, after=1)):
        with pytest.raises(MadangError) as refused:
            await parts.messages.page(mina, room, window)
        assert refused.value.code is ErrorCode.INVALID


async def test_the_rate_is_one_persons_whatever_the_door(tmp_path: Path) -> None:
    """What is refused says when to come back, and after that time it passes."""
    async with server_parts(tmp_path, store_kind="memory", send_rate=1.0) as parts:
        mina = await parts.user("mina")
        room = await parts.group(mina)
        for _ in range(3):
            await parts.messages.send(mina, room, SendBody(content="x"))
        with pytest.raises(MadangError) as refused:
            await parts.messages.send(mina, room, SendBody(content="x"))
        assert refused.value.code is ErrorCode.RATE_LIMITED
        parts.clock.added_ms += refused.value.retry_after_ms or 0
        await parts.messages.send(mina, room, SendBody(content="x"))
