"""Presence: leases of devices, and what was told of their people; then what only several nodes can show."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from madang.clock import SystemClock
from madang.cluster import client as redis_client
from madang.cluster.client import connect
from madang.cluster.presence import RedisPresence
from madang.errors import MadangError
from madang.ids import new_id
from madang.memory.presence import MemoryPresence
from madang.ports.presence import Presence
from madang.tasks import TaskSupervisor
from tests.valkey_server import ValkeyServer, running_valkey

LEASE: Final = 0.6
BEAT: Final = 0.05
SETTLE: Final = 0.3
ANSWER: Final = 0.2
WAIT_SECONDS: Final = 10.0


class _Node:
    """One node's presence, and whom it had looked at."""

    def __init__(self, url: str, installation: str, **times: float) -> None:
        self.client: Redis = connect(url)
        self.tasks = TaskSupervisor()
        self.looked_at: list[str] = []
        self.presence = RedisPresence(
            self.client,
            installation=installation,
            clock=SystemClock(),
            tasks=self.tasks,
            **{"lease_seconds": LEASE, "beat_seconds": BEAT, "settle_seconds": SETTLE, **times},
        )
        self.presence.listen(self.looked_at.extend)

    def fall_silent(self) -> None:
        """Beat no more for a while."""
        assert self.presence._life is not None
        self.presence._life.cancel()

    def go_on(self) -> None:
        """Beat again."""
        self.presence._life = self.tasks.start(self.presence._live(), "presence leases")

    async def die(self) -> None:
        """As a process that is killed: nothing more is said."""
        await self.tasks.close()
        await self.client.aclose()

    async def tell(self, *people: str) -> dict[str, bool]:
        """What there is to tell of these people, told."""
        untold = await self.presence.untold(people)
        for user_id, online in untold.items():
            assert await self.presence.told(user_id, online=online)
        return untold


@asynccontextmanager
async def nodes(url: str, count: int = 2, **times: float) -> AsyncIterator[list[_Node]]:
    """So many nodes of one installation, that know that Redis answers."""
    installation = new_id()
    made = [_Node(url, installation, **times) for _ in range(count)]
    for node in made:
        await node.presence.start()
    try:
        yield made
    finally:
        for node in made:
            await node.die()
            assert not node.tasks.failures


async def eventually(happened: Callable[[], Any]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await happened():  # noqa: ASYNC110  # a question, not an event
            await asyncio.sleep(0.01)


@pytest.fixture(params=["memory", "redis"])
async def presence(request: pytest.FixtureRequest) -> AsyncIterator[Presence]:
    """The port on each of its implementations, started."""
    async with AsyncExitStack() as stack:
        port: Presence = MemoryPresence()
        if request.param == "redis":
            (node,) = await stack.enter_async_context(nodes(request.getfixturevalue("valkey").url, 1))
            port = node.presence
        else:
            await port.start()
        yield port
        await port.close()


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A Valkey that only this test uses: it is stopped, or falls silent."""
    with running_valkey() as server:
        yield server


@pytest.fixture(autouse=True)
def short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a silent server as long as in earnest."""
    monkeypatch.setattr(redis_client, "ANSWER_SECONDS", ANSWER)


async def test_a_person_is_online_while_a_device_is(presence: Presence) -> None:
    """A device that comes twice is one; a device nobody knows changes nothing."""
    assert await presence.arrive("mina", "phone")
    assert not await presence.arrive("mina", "phone")
    assert not await presence.arrive("mina", "desk")
    assert not await presence.leave("mina", "phone")
    assert not await presence.leave("mina", "phone")
    assert not await presence.leave("joon", "phone")
    assert await presence.online(["mina", "joon"]) == {"mina"}
    assert await presence.leave("mina", "desk")
    assert await presence.online(["mina"]) == set()
    assert await presence.online([]) == set()


async def test_there_is_something_to_tell_until_it_was_told(presence: Presence) -> None:
    """What was told last is compared with what is, so what was never told is told, and nothing twice."""
    await presence.arrive("mina", "phone")
    assert await presence.untold(["mina", "joon"]) == {"mina": True}
    assert await presence.untold(["mina"]) == {"mina": True}
    assert await presence.told("mina", online=True)
    assert await presence.untold(["mina", "joon"]) == {}
    await presence.leave("mina", "phone")
    assert await presence.untold(["mina", "joon"]) == {"mina": False}
    assert await presence.told("mina", online=False)
    assert await presence.untold(["mina", "joon"]) == {}


async def test_what_was_overtaken_while_it_was_told_is_to_be_told_anew(presence: Presence) -> None:
    """Somebody who comes back while others hear that they have gone is not gone for ever."""
    await presence.arrive("mina", "phone")
    await presence.told("mina", online=True)
    await presence.leave("mina", "phone")
    assert await presence.untold(["mina"]) == {"mina": False}
    await presence.arrive("mina", "phone")
    assert not await presence.told("mina", online=False)
    assert await presence.untold(["mina"]) == {"mina": True}


async def test_many_people_in_one_question(presence: Presence) -> None:
    """As many as may be watched at once."""
    people = [f"user {number}" for number in range(500)]
    for user_id in people[::2]:
        await presence.arrive(user_id, "phone")
    assert await presence.online(people) == set(people[::2])
    assert await presence.untold(people) == dict.fromkeys(people[::2], True)


# ------------------------------------------------------------------------------------------------ several nodes


async def test_devices_on_several_nodes_are_one_persons(valkey: ValkeyServer) -> None:
    """Every node knows of everybody; somebody who moves to another node within the grace was never away."""
    async with nodes(valkey.url) as (one, two):
        assert await one.presence.arrive("mina", "phone")
        assert await one.tell("mina") == {"mina": True}
        assert await two.presence.online(["mina", "joon"]) == {"mina"}
        assert await two.presence.arrive("mina", "desk")
        assert await two.tell("mina") == {}
        assert await one.presence.leave("mina", "phone")
        assert await one.tell("mina") == {}
        assert await one.presence.online(["mina"]) == {"mina"}
        await two.presence.leave("mina", "desk")
        assert await one.presence.online(["mina"]) == set()
        assert await two.tell("mina") == {"mina": False}
        assert await one.tell("mina") == {}


async def test_500_people_are_one_question_to_redis(valkey: ValkeyServer) -> None:
    """Whoever watches as many as they may costs one round trip, however many nodes there are."""
    async with nodes(valkey.url) as (one, two):
        people = [f"user {number}" for number in range(500)]
        for user_id in people:
            await two.presence.arrive(user_id, "phone")
        assert await one.presence.online(people) == set(people)
        before = (await one.client.info("commandstats"))["cmdstat_evalsha"]["calls"]
        assert await one.presence.online(people) == set(people)
        after = (await one.client.info("commandstats"))["cmdstat_evalsha"]["calls"]
        assert after - before <= 3  # beats included


async def test_a_dead_nodes_people_are_taken_over_when_its_lease_has_lapsed(valkey: ValkeyServer) -> None:
    """They stay online as long as the lease holds, then exactly one of the others has them looked at, and tells it."""
    async with nodes(valkey.url, 3) as (one, two, three):
        for user_id in ("mina", "joon"):
            await one.presence.arrive(user_id, "phone")
            await one.tell(user_id)
        await two.presence.arrive("joon", "desk")
        await one.die()
        died_at = asyncio.get_running_loop().time()
        assert await two.presence.online(["mina", "joon"]) == {"mina", "joon"}

        async def gone() -> bool:
            return await two.presence.online(["mina", "joon"]) == {"joon"}

        await eventually(gone)
        waited = asyncio.get_running_loop().time() - died_at
        assert LEASE - 2 * BEAT < waited < LEASE + 1.0
        await asyncio.sleep(4 * BEAT)
        assert sorted(two.looked_at + three.looked_at) == ["joon", "mina"]
        assert await two.tell("mina", "joon") == {"mina": False}
        assert await three.tell("mina", "joon") == {}


async def test_a_successor_of_the_only_node_tells_of_those_who_have_not_come_back(valkey: ValkeyServer) -> None:
    """A node that starts again has another epoch: what its predecessor held lapses, and is told by it."""
    installation = new_id()
    before = _Node(valkey.url, installation)
    await before.presence.start()
    for user_id in ("mina", "joon"):
        await before.presence.arrive(user_id, "phone")
        await before.tell(user_id)
    await before.die()
    after = _Node(valkey.url, installation)
    await after.presence.start()
    try:
        await after.presence.arrive("mina", "phone")
        assert await after.tell("mina") == {}

        async def looked() -> bool:
            return "joon" in after.looked_at

        await eventually(looked)
        assert await after.tell("mina", "joon") == {"joon": False}
    finally:
        await after.die()


async def test_a_node_that_was_stopped_gives_its_people_time_to_move(
    valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its leases end a grace after it, not with it, and not as late as those of a node that was killed."""
    monkeypatch.setattr("madang.cluster.presence.GIVEN_UP_SECONDS", 0.3)
    async with nodes(valkey.url, lease_seconds=60.0) as (one, two):
        await one.presence.arrive("mina", "phone")
        await asyncio.sleep(SETTLE)
        await one.presence.close()
        assert await two.presence.online(["mina"]) == {"mina"}

        async def gone() -> bool:
            return not await two.presence.online(["mina"])

        await eventually(gone)
        assert two.looked_at == ["mina"]


async def test_whoever_has_to_tell_and_dies_leaves_it_to_the_others(valkey: ValkeyServer) -> None:
    """Between the last device's leaving and the telling of it nothing is lost with the node."""
    async with nodes(valkey.url) as (one, two):
        await one.presence.arrive("mina", "phone")
        await one.tell("mina")
        await one.presence.leave("mina", "phone")
        await one.die()

        async def looked() -> bool:
            return "mina" in two.looked_at

        await eventually(looked)
        assert await two.tell("mina") == {"mina": False}


async def test_nobody_goes_offline_because_redis_starts_again_empty(own_valkey: ValkeyServer) -> None:
    """Every node writes its leases again; until all have, each says what it knew last, and there is nothing to tell."""
    async with nodes(own_valkey.url) as (one, two):
        two.presence._beat_seconds = 5 * BEAT  # it finds out later than the other
        await one.presence.arrive("mina", "phone")
        await two.presence.arrive("joon", "phone")
        await one.tell("mina")
        await two.tell("joon")
        for node in (one, two):
            assert await node.presence.online(["mina", "joon"]) == {"mina", "joon"}
        own_valkey.stop()
        assert await one.presence.online(["mina", "joon"]) == {"mina", "joon"}
        with pytest.raises(MadangError):
            await one.presence.untold(["joon"])
        await one.presence.arrive("sora", "phone")
        own_valkey.start()
        told = await _watch(one, two, people=["mina", "joon", "sora"], always={"mina", "joon"})
        assert told == {"sora": True}


async def test_old_data_that_comes_back_is_not_believed(own_valkey: ValkeyServer) -> None:
    """A Redis restored from what it was some minutes ago knows people who have gone: they are told as gone."""
    async with nodes(own_valkey.url) as (one, two):
        await one.presence.arrive("mina", "phone")
        await one.presence.arrive("joon", "phone")
        await one.tell("mina", "joon")
        await one.client.save()
        await one.presence.leave("joon", "phone")
        await one.tell("joon")
        await asyncio.sleep(3 * BEAT)
        own_valkey.stop()
        own_valkey.start()

        async def right() -> bool:
            return await two.presence.online(["mina", "joon"]) == {"mina"}

        await eventually(right)
        assert "mina" in await one.presence.online(["mina"])


async def test_nobody_goes_offline_while_redis_is_silent(own_valkey: ValkeyServer) -> None:
    """All leases have lapsed by its clock when it goes on, and all still count; what happened here meanwhile is caught up."""
    async with nodes(own_valkey.url) as (one, two):
        await one.presence.arrive("mina", "phone")
        await two.presence.arrive("joon", "phone")
        await one.presence.arrive("sora", "phone")
        await one.tell("mina", "sora")
        await two.tell("joon")
        for node in (one, two):
            assert await node.presence.online(["mina", "joon"]) == {"mina", "joon"}
        await asyncio.sleep(SETTLE)
        two.fall_silent()
        own_valkey.send_signal(signal.SIGSTOP)
        await asyncio.sleep(2 * LEASE)
        assert await one.presence.online(["mina", "joon", "nobody"]) == {"mina", "joon"}
        await one.presence.leave("sora", "phone")
        own_valkey.send_signal(signal.SIGCONT)
        for _ in range(4):  # the other node finds out later
            assert await one.presence.online(["mina", "joon"]) == {"mina", "joon"}
            await asyncio.sleep(BEAT)
        two.go_on()
        told = await _watch(one, two, people=["mina", "joon", "sora"], always={"mina", "joon"})
        assert told == {"sora": False}


async def test_a_node_that_was_taken_over_and_lives_has_its_people_told_again(own_valkey: ValkeyServer) -> None:
    """Cut off from Redis for longer than its lease, it comes back under another epoch."""
    async with nodes(own_valkey.url) as (one, two):
        await one.presence.arrive("mina", "phone")
        await one.tell("mina")
        one.fall_silent()

        async def gone() -> bool:
            return not await two.presence.online(["mina"])

        await eventually(gone)
        assert await two.tell("mina") == {"mina": False}
        await one.presence._beat()
        assert one.looked_at == ["mina"]
        assert await one.tell("mina") == {"mina": True}
        assert await two.presence.online(["mina"]) == {"mina"}


async def _watch(*among: _Node, people: Collection[str], always: Collection[str]) -> dict[str, bool]:
    """Ask and tell for a while, as services do; these people are online in every answer."""
    told: dict[str, bool] = {}
    ends = asyncio.get_running_loop().time() + LEASE + SETTLE + 1.0
    while asyncio.get_running_loop().time() < ends:
        for node in among:
            assert await node.presence.online(list(always)) == set(always)
            try:
                told |= await node.tell(*people)
            except MadangError:
                await asyncio.sleep(BEAT)
        await asyncio.sleep(BEAT / 2)
    return told
