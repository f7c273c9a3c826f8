"""What ends a session ends its sockets, at once, and no others: seven causes, six sockets of two sessions.

The gateway and the sessions are the real ones on SQLite; the clock is the test's. The same through processes and official
clients: `test_revocation_processes.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from msgspec import Struct

from madang.contract.server_events import RevokedReason
from madang.errors import ErrorCode, MadangError
from madang.gateway.expiry import LINGER_MS, WARN_MS
from madang.services.sessions import GRACE_MS, SignIn
from tests.gateway_parts import GatewayParts, Phone, eventually, gateway_parts
from tests.server_parts import PASSWORD, ServerParts

SOCKETS: Final = 3
"""Of each session."""
CLOSED_WITHIN: Final = 1.0


class Cause(Struct, frozen=True):
    """Something that ends the first session or both."""

    happen: Callable[[ServerParts, SignIn], Awaitable[None]]
    reason: RevokedReason
    everywhere: bool
    refusal: ErrorCode = ErrorCode.TOKEN_INVALID
    """What the refresh token is told from then on; the access token is worth nothing."""


async def _logout(parts: ServerParts, first: SignIn) -> None:
    await parts.services.sessions.sign_out(first.account.user.id, first.session_id)


async def _logout_with_refresh_token(parts: ServerParts, first: SignIn) -> None:
    await parts.services.sessions.sign_out_with(first.refresh_token)


async def _logout_everywhere(parts: ServerParts, first: SignIn) -> None:
    await parts.services.sessions.revoke_all(first.account.user.id, "revoked")


async def _password(parts: ServerParts, first: SignIn) -> None:
    await parts.services.accounts.set_password(str(first.account.user.username), PASSWORD[::-1])


async def _disable(parts: ServerParts, first: SignIn) -> None:
    await parts.services.accounts.set_disabled(str(first.account.user.username), disabled=True)


async def _replay_in_grace(parts: ServerParts, first: SignIn) -> None:
    """The successor has been used, so its answer was not lost: the first token is shown by a thief."""
    second = await parts.services.sessions.refresh(first.refresh_token)
    await parts.services.sessions.refresh(second.refresh_token)
    await _refused(parts, first.refresh_token)


async def _replay_after_grace(parts: ServerParts, first: SignIn) -> None:
    await parts.services.sessions.refresh(first.refresh_token)
    parts.clock.added_ms += GRACE_MS + 1
    await _refused(parts, first.refresh_token)


CAUSES: Final = {
    "logout": Cause(_logout, "logout", everywhere=False),
    "logout-with-refresh-token": Cause(_logout_with_refresh_token, "logout", everywhere=False),
    "logout-everywhere": Cause(_logout_everywhere, "revoked", everywhere=True),
    "password": Cause(_password, "password_changed", everywhere=True),
    "disable": Cause(_disable, "disabled", everywhere=True, refusal=ErrorCode.USER_DISABLED),
    "replay-in-grace": Cause(_replay_in_grace, "revoked", everywhere=False),
    "replay-after-grace": Cause(_replay_after_grace, "revoked", everywhere=False),
}


async def _refused(parts: ServerParts, refresh_token: str) -> ErrorCode:
    with pytest.raises(MadangError) as caught:
        await parts.services.sessions.refresh(refresh_token)
    return caught.value.code


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayParts]:
    """A gateway on SQLite."""
    async with gateway_parts(tmp_path, store_kind="sqlite") as parts:
        yield parts


class Sockets:
    """Two sessions of one person with their sockets, and somebody who talks to them."""

    def __init__(self, world: GatewayParts) -> None:
        self.world = world

    async def open(self) -> Sockets:
        """Everybody comes, and shares a room."""
        world = self.world
        mina, self.joon = await world.person("mina"), await world.person("joon")
        self.room = await world.group(mina, self.joon)
        self.first = world.people[mina]
        self.second = await world.parts.services.sessions.open(self.first.account)
        self.of_first, self.of_second = [
            [await Phone(world.server, session.access.text).start() for _ in range(SOCKETS)]
            for session in (self.first, self.second)
        ]
        self.other = await world.started(self.joon)
        return self

    async def say(self, content: str) -> None:
        """Something to hear for who is still there."""
        await self.world.send(self.joon, self.room, content)
        await self.other.got("message:new", lambda message: message["content"] == content)


def test_every_reason_has_a_cause() -> None:
    """A new way of ending sessions without a case here stops the tests."""
    assert {cause.reason for cause in CAUSES.values()} == set(get_args(RevokedReason))


@pytest.mark.parametrize("name", CAUSES)
async def test_exactly_the_right_sockets_go(world: GatewayParts, name: str) -> None:
    """Within a second each is told why and disconnected; nothing comes after, the old token opens nothing, others stay."""
    cause, sockets = CAUSES[name], await Sockets(world).open()
    await sockets.say("before")
    gone = sockets.of_first + (sockets.of_second if cause.everywhere else [])
    staying = [sockets.other, *([] if cause.everywhere else sockets.of_second)]
    begun = time.monotonic()
    await cause.happen(world.parts, sockets.first)
    for phone in gone:
        await phone.until(lambda phone=phone: phone.disconnected)  # type: ignore[misc]  # mypy cannot infer a lambda's default
    assert time.monotonic() - begun < CLOSED_WITHIN
    await sockets.say("after")
    await world.settle()
    for phone in gone:
        assert phone.events[-1] == ("session:revoked", [{"reason": cause.reason}])
        assert phone.contents(sockets.room) == ["before"]
    for phone in staying:
        assert not phone.disconnected
        assert (await phone.ask("init", {}))["ok"]
        assert phone.contents(sockets.room) == ["before", "after"]
    for session in (sockets.first, *([sockets.second] if cause.everywhere else [])):
        await _comes_to_nothing(world, session, cause.refusal)


async def _comes_to_nothing(world: GatewayParts, session: SignIn, refusal: ErrorCode) -> None:
    """Neither a new socket nor a refresh."""
    late = Phone(world.server, session.access.text)
    late.knock()
    await late.until(lambda: late.refused)
    assert late.refused is not None
    assert late.refused["data"]["error"] == "token_invalid"
    late.hang_up()
    assert await _refused(world.parts, session.refresh_token) == refusal


async def test_a_refresh_token_of_an_ended_session_ends_no_other(world: GatewayParts) -> None:
    """Replayed after logout it is refused, and the session that goes on is not taken for a stolen one."""
    sockets = await Sockets(world).open()
    await _logout(world.parts, sockets.first)
    world.parts.clock.added_ms += GRACE_MS + 1
    assert await _refused(world.parts, sockets.first.refresh_token) == ErrorCode.TOKEN_INVALID
    await world.settle()
    assert not any(phone.disconnected for phone in sockets.of_second)
    await world.parts.services.sessions.refresh(sockets.second.refresh_token)


async def test_ten_refreshes_at_once_have_one_successor(world: GatewayParts) -> None:
    """Lost answers and tabs that wake together: one next token, which works, and nobody is sent away."""
    sockets = await Sockets(world).open()
    refresh = world.parts.services.sessions.refresh
    answers = await asyncio.gather(*(refresh(sockets.first.refresh_token) for _ in range(10)))
    assert len({answer.refresh_token for answer in answers}) == 1
    world.parts.clock.added_ms += GRACE_MS - 1_000
    assert (await refresh(sockets.first.refresh_token)).refresh_token == answers[0].refresh_token
    await refresh(answers[0].refresh_token)
    await world.settle()
    assert not any(phone.disconnected for phone in (*sockets.of_first, *sockets.of_second))


async def test_an_expired_token_closes_the_sockets_that_were_not_renewed(world: GatewayParts) -> None:
    """Warned, then the engine is closed so that they come back; whoever brought a newer token never notices."""
    sockets, clock = await Sockets(world).open(), world.parts.clock
    ends = sockets.first.access.expires_at
    clock.added_ms += ends - clock.now() - WARN_MS + 1_000
    for phone in (*sockets.of_first, *sockets.of_second):
        await phone.got("auth:expiring")
    newer = await world.parts.services.sessions.refresh(sockets.second.refresh_token)
    for phone in sockets.of_second:
        assert (await phone.ask("auth:refresh", {"token": newer.access.text}))["ok"]
    clock.added_ms += WARN_MS + LINGER_MS
    begun = time.monotonic()
    for phone in sockets.of_first:
        await phone.until(lambda phone=phone: phone.closed)  # type: ignore[misc]  # mypy cannot infer a lambda's default
    assert time.monotonic() - begun < CLOSED_WITHIN + 1  # looked at once a second
    await eventually(lambda: True)
    assert all(phone.closed == (1012, "the token has expired") for phone in sockets.of_first)
    assert not any(phone.disconnected for phone in sockets.of_first)
    assert not any(phone.closed for phone in sockets.of_second)
    await _knock_again(world, sockets.first.access.text)


async def _knock_again(world: GatewayParts, token: str) -> None:
    late: Any = Phone(world.server, token)
    late.knock()
    await late.until(lambda: late.refused)
    assert late.refused["data"]["error"] == "token_expired"
    late.hang_up()
