"""The sweep: asked for, it looks at once; deaf, it looks often."""

import time
from pathlib import Path

from madang.gateway.sweep import DEAF_ROUND_SECONDS, HURRY_SECONDS, ROUND_SECONDS
from tests.gateway_parts import GatewayParts, Phone, gateway_parts


async def two_who_talk(world: GatewayParts) -> tuple[str, str, Phone]:
    """A group, who speaks in it, and who listens, of whose messages the bus loses all from now on."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(joon)
    world.bus.fate = world.bus.lose
    return room, mina, phone


async def shown(phone: Phone, room: str, content: str) -> None:
    """Wait until a message has come."""
    await phone.until(lambda: content in phone.contents(room))


async def test_what_is_asked_for_is_done_at_once(tmp_path: Path) -> None:
    """The bus says that it may have lost something: nobody waits for the next round, however often it says so."""
    async with gateway_parts(tmp_path) as world:
        room, mina, phone = await two_who_talk(world)
        assert world.bus.tell_lost is not None
        for content in ("one", "two"):
            await world.send(mina, room, content)
            started = time.monotonic()
            for _ in range(100):
                world.bus.tell_lost()
            await shown(phone, room, content)
            assert time.monotonic() - started < HURRY_SECONDS + 0.6
        assert phone.contents(room) == ["one", "two"]


async def test_asking_often_is_no_storm(tmp_path: Path) -> None:
    """Every node says so when Redis has returned: the store is asked once a second at most."""
    async with gateway_parts(tmp_path) as world:
        await two_who_talk(world)
        assert world.bus.tell_lost is not None
        world.bus.tell_lost()
        await world.settle(0.2)
        world.store.log.hold("heads")
        world.store.log.let_go("heads")
        for _ in range(20):
            world.bus.tell_lost()
            await world.settle(0.02)
        assert world.store.log.asked["heads"] <= 1


async def test_the_deaf_look_often(tmp_path: Path) -> None:
    """Nobody is told that a message was lost while other nodes are not heard: looking is all there is."""
    async with gateway_parts(tmp_path) as world:
        room, mina, phone = await two_who_talk(world)
        assert world.bus.tell_lost is not None
        world.bus.deaf = True
        world.bus.tell_lost()
        await world.settle(0.2)
        for content in ("one", "two"):
            await world.send(mina, room, content)
            started = time.monotonic()
            await shown(phone, room, content)
            assert time.monotonic() - started < DEAF_ROUND_SECONDS + 0.6 < ROUND_SECONDS / 2


async def test_who_hears_again_looks_seldom_again(tmp_path: Path) -> None:
    """The store is not asked more often than before, once the bus is back."""
    async with gateway_parts(tmp_path) as world:
        await two_who_talk(world)
        world.store.log.hold("heads")
        world.store.log.let_go("heads")
        await world.settle(2 * DEAF_ROUND_SECONDS)
        assert world.store.log.asked["heads"] <= 1


async def test_a_revocation_that_was_lost_is_found(tmp_path: Path) -> None:
    """Signed out or locked out while nobody was heard: sent away as if it had been, and nobody else is."""
    async with gateway_parts(tmp_path) as world:
        mina, joon, mun = [await world.person(name) for name in ("mina", "joon", "mun")]
        phones = [await world.started(person) for person in (mina, joon, mun)]
        await world.parts.store.sessions.revoke(world.people[mina].session_id, world.parts.clock.now())
        await world.parts.store.accounts.set_disabled(joon, True)
        assert world.bus.tell_lost is not None
        world.bus.tell_lost()
        for phone, reason in zip(phones, ("revoked", "disabled"), strict=False):
            assert await phone.got("session:revoked") == {"reason": reason}
        await world.settle()
        assert [phone.disconnected for phone in phones] == [True, True, False]
