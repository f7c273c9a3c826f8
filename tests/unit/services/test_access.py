"""Access: members may, strangers learn nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from madang.domain.membership import Action
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from tests.server_parts import STORES, ServerParts, server_parts


@pytest.fixture(params=STORES)
async def parts(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ServerParts]:
    """A server's parts."""
    async with server_parts(tmp_path, store_kind=request.param) as parts:
        yield parts


async def test_a_member_gets_their_place_and_is_held_to_their_role(parts: ServerParts) -> None:
    """The owner may remove people, a member may not, and everybody may read."""
    mina, joon = await parts.user("mina"), await parts.user("joon")
    room = await parts.group(mina, joon)
    assert (await parts.access.member(mina, room, Action.REMOVE_MEMBER)).role == "owner"
    assert (await parts.access.member(joon, room, Action.READ)).visible_from_seq == 1
    with pytest.raises(MadangError) as refused:
        await parts.access.member(joon, room, Action.REMOVE_MEMBER)
    assert refused.value.code is ErrorCode.FORBIDDEN


async def test_a_stranger_cannot_tell_a_conversation_from_none(parts: ServerParts) -> None:
    """Not a member, a member no more, no conversation: one answer, to the letter."""
    mina, joon = await parts.user("mina"), await parts.user("joon")
    room, left = await parts.group(mina), await parts.group(mina, joon)
    await parts.conversations.remove_member(joon, left, joon)
    answers = []
    for conversation in (room, left, new_id()):
        with pytest.raises(MadangError) as refused:
            await parts.access.member(joon, conversation, Action.READ)
        answers.append((refused.value.code, refused.value.reason, refused.value.details))
    assert len(set(answers)) == 1
    assert answers[0][0] is ErrorCode.NOT_A_MEMBER
