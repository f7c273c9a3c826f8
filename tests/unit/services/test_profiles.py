"""Profiles: changing one's own, and who finds whom."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from madang.contract.rest import CreateConversation, UpdateMe
from madang.contract.shapes import User
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.bus import UserNotice
from tests.server_parts import STORES, ServerParts, server_parts


@pytest.fixture(params=STORES)
async def parts(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[ServerParts]:
    """A server with an open directory."""
    async with server_parts(tmp_path, store_kind=request.param) as parts:
        yield parts


async def befriend(parts: ServerParts, one: str, other: str) -> None:
    """A direct conversation of two people."""
    await parts.services.conversations.create(one, CreateConversation(type="direct", member_ids=[other]))


async def test_a_changed_profile_is_told_to_those_who_see_it(parts: ServerParts) -> None:
    """Oneself and people one talks to hear of it; strangers do not."""
    ann, bob, eve = [(await parts.sign_up(name)).account.user.id for name in ("ann", "bob", "eve")]
    await befriend(parts, ann, bob)
    parts.heard.clear()
    user = await parts.services.profiles.update(ann, UpdateMe(name=" 안나 ", custom={"team": ["a", 1, None]}))
    assert (user.name, user.custom) == ("안나", {"team": ["a", 1, None]})
    notices = [each for each in parts.heard if isinstance(each, UserNotice) and each.event == "user:updated"]
    assert {each.user_id for each in notices} == {ann, bob}
    assert eve not in {each.user_id for each in notices}
    assert msgspec.json.decode(notices[0].payload, type=User) == user


async def test_what_is_left_out_stays(parts: ServerParts) -> None:
    """An empty change changes nothing and tells nobody."""
    ann = (await parts.sign_up("ann")).account.user
    await parts.services.profiles.update(ann.id, UpdateMe(custom={"a": 1}))
    parts.heard.clear()
    assert (await parts.services.profiles.update(ann.id, UpdateMe())).custom == {"a": 1}
    assert parts.heard == []
    assert (await parts.services.profiles.update(ann.id, UpdateMe(name="Anna"))).custom == {"a": 1}


def nested(depth: int) -> dict[str, Any]:
    """An object inside an object, so many times."""
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (UpdateMe(name=""), ErrorCode.INVALID),
        (UpdateMe(name="x" * 101), ErrorCode.TOO_LARGE),
        (UpdateMe(custom={"a": "x" * 5_000}), ErrorCode.TOO_LARGE),
        (UpdateMe(custom={"a": ["x" * 1_000] * 5}), ErrorCode.TOO_LARGE),
        (UpdateMe(custom={"a": "\u0000"}), ErrorCode.INVALID),
        (UpdateMe(custom={"\ud800": 1}), ErrorCode.INVALID),
        (UpdateMe(custom=nested(9)), ErrorCode.INVALID),
    ],
)
async def test_what_no_store_keeps_is_refused(parts: ServerParts, change: UpdateMe, code: ErrorCode) -> None:
    """Names and own fields are bounded in size, depth and characters."""
    ann = (await parts.sign_up("ann")).account.user
    with pytest.raises(MadangError) as caught:
        await parts.services.profiles.update(ann.id, change)
    assert caught.value.code == code
    assert await parts.services.profiles.me(ann.id) == ann


@pytest.mark.parametrize(
    ("policy", "by_part", "by_username", "by_id"),
    [
        ("open", ["bert", "bob"], ["bob"], ["bert", "bob", "ann"]),
        ("shared", ["bob"], ["bob"], ["bob", "ann"]),
        ("exact", [], ["bob"], ["bert", "bob", "ann"]),
        ("closed", [], [], ["bob", "ann"]),
    ],
)
async def test_the_directory_shows_what_its_policy_says(
    tmp_path: Path, policy: Any, by_part: list[str], by_username: list[str], by_id: list[str]
) -> None:
    """`open` finds everybody, `shared` people one talks to, `exact` whole usernames, `closed` nobody; whom one talks to
    is always visible by id.
    """
    async with server_parts(tmp_path, directory=policy) as parts:
        profiles = parts.services.profiles
        ann, bob, bert = [(await parts.sign_up(name)).account.user for name in ("ann", "bob", "bert")]
        await befriend(parts, ann.id, bob.id)
        assert sorted(user.username for user in await profiles.search(ann.id, "b", 20)) == by_part
        assert [user.username for user in await profiles.search(ann.id, " bob ", 20)] == by_username
        found = await profiles.find_all(ann.id, [bert.id, bob.id, ann.id])
        assert [user.username for user in found] == by_id
        if "bert" not in by_id:
            with pytest.raises(MadangError) as caught:
                await profiles.find(ann.id, bert.id)
            assert caught.value.code == ErrorCode.NOT_FOUND


async def test_unknown_ids_are_left_out(parts: ServerParts) -> None:
    """Ids of nobody, things that are no ids and repetitions do not disturb the rest; too many at once do."""
    ann = (await parts.sign_up("ann")).account.user
    assert await parts.services.profiles.find_all(ann.id, ["x", new_id(), ann.id.upper(), ann.id]) == [ann]
    with pytest.raises(MadangError) as caught:
        await parts.services.profiles.find_all(ann.id, [new_id()] * 101)
    assert caught.value.code == ErrorCode.TOO_LARGE
    for limit in (0, 51):
        with pytest.raises(MadangError):
            await parts.services.profiles.search(ann.id, "a", limit)
