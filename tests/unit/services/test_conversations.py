"""Conversations: made, joined, left and listed, by those who may."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from madang.clock import from_iso
from madang.contract.limits import LIMITS
from madang.contract.rest import CreateConversation
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.services.conversations import ConversationService
from tests.server_parts import STORES, ServerParts, server_parts


@pytest.fixture(params=STORES)
async def parts(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ServerParts]:
    """A server's parts."""
    async with server_parts(tmp_path, store_kind=request.param) as parts:
        yield parts


async def test_a_direct_conversation_exists_once_and_is_found_again(parts: ServerParts) -> None:
    """Whoever of the two asks, and the one with oneself too; the answer says whether it was made."""
    mina, joon = await parts.user("mina"), await parts.user("joon")
    first, made = await parts.conversations.create(mina, CreateConversation(type="direct", member_ids=[joon.upper()]))
    again, made_again = await parts.conversations.create(joon, CreateConversation(type="direct", member_ids=[mina]))
    assert (made, made_again, first.id == again.id) == (True, False, True)
    assert again.peer.id == mina  # type: ignore[union-attr]  # direct ones have a peer
    await parts.conversations.create_notes(mina)
    notes, made = await parts.conversations.create(mina, CreateConversation(type="direct", member_ids=[mina]))
    assert (made, notes.peer.id, notes.member_count) == (False, mina, 1)  # type: ignore[union-attr]  # as above


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"type": "direct", "member_ids": []}, ErrorCode.INVALID),
        ({"type": "direct", "member_ids": ["joon", "sora"]}, ErrorCode.INVALID),
        ({"type": "direct", "member_ids": ["joon"], "name": "us"}, ErrorCode.INVALID),
        ({"type": "group", "member_ids": ["nobody"]}, ErrorCode.INVALID),
        ({"type": "group", "member_ids": ["nonsense"]}, ErrorCode.INVALID),
        ({"type": "group", "member_ids": [], "name": "two\nlines"}, ErrorCode.INVALID),
        ({"type": "group", "member_ids": [], "name": "x" * 101}, ErrorCode.TOO_LARGE),
        ({"type": "group", "member_ids": ["joon"] * 101}, ErrorCode.TOO_LARGE),
    ],
)
async def test_impossible_conversations_are_refused(parts: ServerParts, body: dict[str, Any], code: ErrorCode) -> None:
    """Each with the code of its rule, and none is in the list afterwards."""
    mina = await parts.user("mina")
    people = {name: await parts.user(name) for name in ("joon", "sora")} | {"nobody": new_id()}
    members = [people.get(name, name) for name in body["member_ids"]]
    with pytest.raises(MadangError) as refused:
        await parts.conversations.create(mina, CreateConversation(**{**body, "member_ids": members}))
    assert refused.value.code is code
    assert (await parts.conversations.inbox(mina, 50)).summaries == []


async def test_only_the_host_creates_where_it_says_so_but_notes_are_everybodys(parts: ServerParts) -> None:
    """`MADANG_CONVERSATIONS=server` leaves people their notes to self."""
    mina, joon = await parts.user("mina"), await parts.user("joon")
    service = ConversationService(parts.committer, parts.store.conversations, parts.access, LIMITS, users_create=False)
    for kind in ("direct", "group"):
        with pytest.raises(MadangError) as refused:
            await service.create(mina, CreateConversation(type=kind, member_ids=[joon]))
        assert refused.value.code is ErrorCode.FORBIDDEN
    assert (await service.create(mina, CreateConversation(type="direct", member_ids=[mina])))[1]


async def test_members_are_shown_to_members_in_pages(parts: ServerParts) -> None:
    """By user id, found by name, and for nobody else."""
    mina, joon, sora = [await parts.user(name) for name in ("mina", "joon", "sora")]
    room = await parts.group(mina, joon)
    first, second = sorted((mina, joon))
    page = await parts.conversations.members(mina, room.upper(), limit=1)
    assert [member.user.id for member in page] == [first]
    page = await parts.conversations.members(mina, room, limit=1, after=first)
    assert [member.user.id for member in page] == [second]
    found = await parts.conversations.members(joon, room, limit=10, query="MIN")
    assert [member.user.id for member in found] == [mina]
    with pytest.raises(MadangError) as refused:
        await parts.conversations.members(sora, room, limit=10)
    assert refused.value.code is ErrorCode.NOT_A_MEMBER
    for limit, query in ((0, ""), (201, ""), (10, "\ud800")):
        with pytest.raises(MadangError) as refused:
            await parts.conversations.members(mina, room, limit=limit, query=query)
        assert refused.value.code is ErrorCode.INVALID


async def test_who_may_add_and_remove(parts: ServerParts) -> None:
    """Members add, owners remove, everybody leaves, strangers get no answer; a direct conversation keeps its two."""
    mina, joon, sora = [await parts.user(name) for name in ("mina", "joon", "sora")]
    room = await parts.group(mina, joon)
    with pytest.raises(MadangError) as refused:
        await parts.conversations.add_members(sora, room, [sora])
    assert refused.value.code is ErrorCode.NOT_A_MEMBER
    assert (await parts.conversations.add_members(joon, room, [sora, mina])).member_count == 3
    with pytest.raises(MadangError) as refused:
        await parts.conversations.remove_member(joon, room, sora)
    assert refused.value.code is ErrorCode.FORBIDDEN
    await parts.conversations.remove_member(mina, room, sora)
    await parts.conversations.remove_member(joon, room, joon)
    for left in (joon, sora):
        with pytest.raises(MadangError) as refused:
            await parts.conversations.get(left, room)
        assert refused.value.code is ErrorCode.NOT_A_MEMBER
    direct, _ = await parts.conversations.create(mina, CreateConversation(type="direct", member_ids=[joon]))
    for change in (
        parts.conversations.add_members(mina, direct.id, [sora]),
        parts.conversations.remove_member(mina, direct.id, mina),
    ):
        with pytest.raises(MadangError) as refused:
            await change
        assert refused.value.code is ErrorCode.FORBIDDEN


async def test_the_list_is_newest_first_and_pages(parts: ServerParts) -> None:
    """Each conversation once, with a bound on how many at a time."""
    mina = await parts.user("mina")
    rooms = [await parts.group(mina) for _ in range(5)]
    shown, before = [], None
    while True:
        page = await parts.conversations.inbox(mina, 2, before)
        shown += [summary.id for summary in page.summaries]
        if not page.more:
            break
        last = page.summaries[-1]
        before = (from_iso(last.last_message_at or ""), last.id)
    assert sorted(shown) == sorted(rooms)
    with pytest.raises(MadangError):
        await parts.conversations.inbox(mina, 101)
