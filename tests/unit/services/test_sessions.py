"""Sessions: every refresh token once, a lost answer again, a stolen token never."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.bus import SessionsRevoked
from madang.services.sessions import GRACE_MS, SESSION_DAYS
from tests.server_parts import STORES, ServerParts, server_parts

DAY_MS = 86_400_000


@pytest.fixture(params=STORES)
async def parts(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[ServerParts]:
    """A server."""
    async with server_parts(tmp_path, store_kind=request.param) as parts:
        yield parts


async def refused(parts: ServerParts, token: str) -> ErrorCode:
    """How a refresh is refused."""
    with pytest.raises(MadangError) as caught:
        await parts.services.sessions.refresh(token)
    return caught.value.code


async def test_refreshing_rotates(parts: ServerParts) -> None:
    """Each refresh gives a working access token and another refresh token, of the same session."""
    first = await parts.sign_up("ann")
    second = await parts.services.sessions.refresh(first.refresh_token)
    third = await parts.services.sessions.refresh(second.refresh_token)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert first.session_id == third.session_id
    identity = await parts.services.identities.authenticate(third.access.text)
    assert identity.session_id == first.session_id
    assert third.refresh_token not in repr(third)
    assert third.access.text not in repr(third)


async def test_a_lost_answer_is_given_again(parts: ServerParts) -> None:
    """Within the grace the same token gets the same successor, which still works: nobody is signed out by a bad line."""
    first = await parts.sign_up("ann")
    second = await parts.services.sessions.refresh(first.refresh_token)
    parts.clock.added_ms += GRACE_MS - 1_000
    again = await parts.services.sessions.refresh(first.refresh_token)
    assert again.refresh_token == second.refresh_token
    assert (await parts.services.sessions.refresh(again.refresh_token)).session_id == first.session_id


async def test_two_tabs_at_once_get_the_same(parts: ServerParts) -> None:
    """Refreshing twice in the same moment is a repetition, not a theft."""
    first = await parts.sign_up("ann")
    both = await asyncio.gather(*(parts.services.sessions.refresh(first.refresh_token) for _ in range(4)))
    assert len({each.refresh_token for each in both}) == 1


async def test_a_stolen_token_ends_the_session(parts: ServerParts) -> None:
    """A token replaced long ago is refused, everything of its session ends, and its sockets are told."""
    first = await parts.sign_up("ann")
    second = await parts.services.sessions.refresh(first.refresh_token)
    parts.clock.added_ms += GRACE_MS + 1_000
    parts.heard.clear()
    assert await refused(parts, first.refresh_token) == ErrorCode.TOKEN_INVALID
    assert parts.heard == [
        SessionsRevoked(user_id=first.account.user.id, session_ids=(first.session_id,), reason="revoked")
    ]
    assert await refused(parts, second.refresh_token) == ErrorCode.TOKEN_INVALID
    with pytest.raises(MadangError):
        await parts.services.identities.authenticate(second.access.text)


async def test_a_token_replaced_twice_is_reuse_even_within_the_grace(parts: ServerParts) -> None:
    """Once the successor has been used, its answer was not lost: the first token shown again is stolen."""
    first = await parts.sign_up("ann")
    second = await parts.services.sessions.refresh(first.refresh_token)
    await parts.services.sessions.refresh(second.refresh_token)
    assert await refused(parts, first.refresh_token) == ErrorCode.TOKEN_INVALID
    assert await refused(parts, second.refresh_token) == ErrorCode.TOKEN_INVALID


async def test_a_session_nobody_refreshes_ends(parts: ServerParts) -> None:
    """Thirty days of silence; refreshing in time keeps it for as long again."""
    first = await parts.sign_up("ann")
    parts.clock.added_ms += (SESSION_DAYS - 1) * DAY_MS
    second = await parts.services.sessions.refresh(first.refresh_token)
    parts.clock.added_ms += (SESSION_DAYS - 1) * DAY_MS
    third = await parts.services.sessions.refresh(second.refresh_token)
    parts.clock.added_ms += SESSION_DAYS * DAY_MS + 1
    assert await refused(parts, third.refresh_token) == ErrorCode.TOKEN_INVALID


async def test_made_up_tokens_open_nothing(parts: ServerParts) -> None:
    """An unknown session, another session's secret and garbage are refused, and end nobody's session."""
    ann, bob = await parts.sign_up("ann"), await parts.sign_up("bob")
    mixed = f"{ann.session_id}.{bob.refresh_token.partition('.')[2]}"
    unknown = parts.refresh_tokens.first(new_id()).text
    for token in (unknown, "", "nonsense"):
        assert await refused(parts, token) == ErrorCode.TOKEN_INVALID
    assert await refused(parts, mixed) == ErrorCode.TOKEN_INVALID
    await parts.services.sessions.refresh(bob.refresh_token)


async def test_signing_out_ends_one_session(parts: ServerParts) -> None:
    """The sockets of that session are told, its tokens are worth nothing, the other device stays."""
    phone = await parts.sign_up("ann")
    laptop = await parts.services.sessions.open(phone.account)
    parts.heard.clear()
    await parts.services.sessions.sign_out(phone.account.user.id, phone.session_id)
    assert parts.heard == [
        SessionsRevoked(user_id=phone.account.user.id, session_ids=(phone.session_id,), reason="logout")
    ]
    assert await refused(parts, phone.refresh_token) == ErrorCode.TOKEN_INVALID
    with pytest.raises(MadangError) as caught:
        await parts.services.identities.authenticate(phone.access.text)
    assert caught.value.code == ErrorCode.TOKEN_INVALID
    await parts.services.identities.authenticate(laptop.access.text)


async def test_signing_out_with_the_refresh_token(parts: ServerParts) -> None:
    """Where the access token has expired the refresh token ends the session; one worth nothing is ignored."""
    signed_in = await parts.sign_up("ann")
    await parts.services.sessions.sign_out_with(signed_in.refresh_token)
    await parts.services.sessions.sign_out_with(signed_in.refresh_token)
    await parts.services.sessions.sign_out_with("nonsense")
    assert await refused(parts, signed_in.refresh_token) == ErrorCode.TOKEN_INVALID
    with pytest.raises(MadangError):
        await parts.services.identities.authenticate(signed_in.access.text)
