"""The gateway: admitted, heard, and let go, at whatever moment a session or a socket ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from madang.errors import ErrorCode, MadangError
from tests.gateway_parts import GatewayParts, eventually, gateway_parts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayParts]:
    """A gateway on the store in memory."""
    async with gateway_parts(tmp_path) as parts:
        yield parts


async def test_the_end_of_a_session_ends_its_sockets_and_no_others(world: GatewayParts) -> None:
    """Each socket of the session is told why, then DISCONNECT; another session of the same person stays."""
    mina = await world.person("mina")
    first = world.people[mina]
    phone = await world.started(mina)
    world.people[mina] = await world.parts.services.sessions.open(first.account)
    other = await world.started(mina)
    await world.parts.services.sessions.sign_out(mina, first.session_id)
    await phone.until(lambda: phone.disconnected)
    assert phone.events[-1] == ("session:revoked", [{"reason": "logout"}])
    assert not other.disconnected
    await world.parts.services.accounts.set_disabled("mina", disabled=True)
    await other.until(lambda: other.disconnected)
    assert other.events[-1] == ("session:revoked", [{"reason": "disabled"}])
    assert len(world.gateway._connections) == 0


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_session_that_ends_while_its_socket_is_admitted_is_refused(world: GatewayParts, moment: str) -> None:
    """Revoked before the second question or during it: the socket is told to stay away."""
    mina = await world.person("mina")
    part = world.parts.services.identities
    original = part.confirm

    async def confirm(identity: object) -> None:
        if moment == "before":
            await world.parts.services.sessions.sign_out(mina, world.people[mina].session_id)
            await original(identity)  # type: ignore[arg-type]  # passed on
        else:
            await original(identity)  # type: ignore[arg-type]  # passed on
            await world.parts.services.sessions.sign_out(mina, world.people[mina].session_id)

    part.confirm = confirm  # type: ignore[method-assign]  # a moment of the real one
    phone = world.phone(mina)
    phone.knock()
    await phone.until(lambda: phone.refused)
    assert phone.refused is not None
    assert phone.refused["data"]["error"] == "token_invalid"
    assert not phone.connected
    assert len(world.gateway._connections) == 0


async def test_trouble_while_admitting_makes_the_client_come_back(world: GatewayParts) -> None:
    """A store that does not answer closes the engine; CONNECT_ERROR would keep the client away for good."""
    mina = await world.person("mina")
    part = world.parts.services.identities

    async def busy(_identity: object) -> None:
        raise MadangError(ErrorCode.TRY_AGAIN, "too many people are coming at once")

    part.confirm = busy  # type: ignore[method-assign, assignment]  # as under load
    phone = world.phone(mina)
    phone.knock()
    await phone.until(lambda: phone.closed)
    assert (phone.refused, phone.connected) == (None, False)


async def test_an_engine_that_closes_as_its_socket_is_admitted_leaves_nothing(world: GatewayParts) -> None:
    """The last answer comes in the very turn in which the transport goes: nobody tells the gateway of that end."""
    mina = await world.person("mina")
    part = world.parts.services.identities
    original = part.confirm
    phone = world.phone(mina)
    loop = asyncio.get_running_loop()

    async def confirm(identity: object) -> None:
        await original(identity)  # type: ignore[arg-type]  # passed on
        gate = loop.create_future()
        loop.call_soon(gate.set_result, None)
        loop.call_soon(phone.hang_up)
        await gate

    part.confirm = confirm  # type: ignore[method-assign]  # a moment of the real one
    phone.knock()
    await eventually(lambda: len(world.gateway._connections) == 0 and len(world.bus) == 0)


async def test_a_refresh_with_a_session_that_ends_meanwhile_does_not_keep_the_socket(world: GatewayParts) -> None:
    """The end of the new session between the question and its answer is not lost: the next CONNECT decides."""
    mina = await world.person("mina")
    phone = await world.started(mina)
    newer = await world.parts.services.sessions.open(world.people[mina].account)
    part = world.parts.services.identities
    original = part.authenticate

    async def authenticate(token: str) -> object:
        identity = await original(token)
        await world.parts.services.sessions.sign_out(mina, newer.session_id)
        return identity

    part.authenticate = authenticate  # type: ignore[method-assign, assignment]  # a moment of the real one
    phone.emit("auth:refresh", {"token": newer.access.text}, ack=True)
    await phone.until(lambda: phone.closed)
    assert phone.closed == (1012, "the token was revoked")


async def test_a_refresh_is_for_the_same_person(world: GatewayParts) -> None:
    """Somebody else's token changes nothing; one's own newer one says until when."""
    mina, joon = await world.person("mina"), await world.person("joon")
    phone = await world.started(mina)
    assert (await phone.ask("auth:refresh", {"token": world.people[joon].access.text}))["error"] == "token_invalid"
    world.parts.clock.added_ms += 5_000
    newer = await world.parts.services.sessions.open(world.people[mina].account)
    answer = await phone.ask("auth:refresh", {"token": newer.access.text})
    assert answer["ok"]
    assert answer["expiresAt"] > phone.init["expiresAt"]
    await world.parts.services.sessions.sign_out(mina, newer.session_id)
    await phone.until(lambda: phone.disconnected)


async def test_draining_tells_everybody_and_closes_them_so_that_they_come_back(world: GatewayParts) -> None:
    """`server:closing` says how long to wait, then the engine closes with 1012."""
    mina, joon = await world.person("mina"), await world.person("joon")
    phones = [await world.started(person) for person in (mina, joon, mina)]
    await world.gateway.drain()
    for phone in phones:
        assert phone.events[-1][0] == "server:closing"
        assert phone.events[-1][1][0]["retryAfterMs"] >= 500
        assert phone.closed == (1012, "the server is restarting")
    assert len(world.gateway._connections) == 0


async def test_draining_goes_in_slices(world: GatewayParts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not all in one moment, and not with the same hint: else all would be back in one moment."""
    monkeypatch.setattr("madang.gateway.gateway.DRAIN_SLICE", 2)
    phones = [await world.started(await world.person(f"person-{number}")) for number in range(6)]
    draining = asyncio.create_task(world.gateway.drain())
    await asyncio.sleep(0.05)
    assert sum(phone.closed is not None for phone in phones) == 2
    await draining
    hints = {phone.events[-1][1][0]["retryAfterMs"] for phone in phones}
    assert all(phone.closed for phone in phones)
    assert len(hints) > 1
