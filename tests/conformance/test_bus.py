"""The bus, as every node may rely on it: what one node says and hears, alone and through a network."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from madang.clock import SystemClock
from madang.cluster.bus import RedisBus
from madang.ids import new_id
from madang.memory.bus import MemoryBus
from madang.ports.bus import Bus, BusMessage, MemberAdded
from madang.tasks import TaskSupervisor
from tests.nodes import log_entry

NEWS = MemberAdded(user_id="u", conversation_id="c")


@pytest.fixture(params=["memory", "valkey"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """A bus that has not been listened to; the one of a network is heard."""
    if request.param == "memory":
        memory = MemoryBus()
        await memory.start()
        yield memory
        await memory.close()
        return
    tasks = TaskSupervisor()
    redis = RedisBus(request.getfixturevalue("valkey").url, installation=new_id(), clock=SystemClock(), tasks=tasks)
    await redis.start()
    yield redis
    await redis.close()
    assert (len(tasks), tasks.failures) == (0, 0)


@pytest.fixture
def heard(bus: Bus) -> list[BusMessage]:
    """What the bus brings."""
    heard = list[BusMessage]()
    bus.listen(lambda _, message: heard.append(message))
    return heard


async def test_it_is_heard(bus: Bus) -> None:
    """A bus that has been started hears other nodes, or there are none."""
    assert bus.heard


async def test_who_publishes_hears_it_at_once(bus: Bus, heard: list[BusMessage]) -> None:
    """Within `publish`, in order, and never a second time."""
    await bus.subscribe(["a", "b"])
    for version in range(1, 4):
        bus.publish("a", log_entry(version))
        assert len(heard) == version
    bus.publish("b", NEWS)
    await asyncio.sleep(0.1)
    assert heard == [log_entry(1), log_entry(2), log_entry(3), NEWS]


async def test_subscriptions_are_counted(bus: Bus, heard: list[BusMessage]) -> None:
    """Each needs its own end; what nobody hears goes nowhere."""
    bus.publish("a", NEWS)
    await bus.subscribe(["a", "b"])
    await bus.subscribe(["a"])
    bus.unsubscribe(["a"])
    bus.publish("a", NEWS)
    assert heard == [NEWS]
    bus.unsubscribe(["a", "b"])
    bus.unsubscribe(["a", "never"])
    bus.publish("a", NEWS)
    assert heard == [NEWS]
    await bus.subscribe(["a"])
    bus.publish("a", NEWS)
    assert heard == [NEWS, NEWS]


async def test_a_subscription_that_was_given_up_is_to_be_given_back(bus: Bus, heard: list[BusMessage]) -> None:
    """Cancelled while it waits it counts all the same, and one end is enough."""
    waiting = asyncio.create_task(bus.subscribe(["a"]))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    bus.publish("a", NEWS)
    assert heard == [NEWS]
    bus.unsubscribe(["a"])
    bus.publish("a", NEWS)
    assert heard == [NEWS]


async def test_publishing_never_raises(bus: Bus) -> None:
    """A listener with a defect loses its own message and nobody else's."""
    heard = list[BusMessage]()

    def listen(_channel: str, message: BusMessage) -> None:
        heard.append(message)
        raise RuntimeError("a defect")

    bus.listen(listen)
    await bus.subscribe(["a"])
    bus.publish("a", NEWS)
    bus.publish("a", NEWS)
    assert heard == [NEWS, NEWS]


async def test_it_closes_twice(bus: Bus, heard: list[BusMessage]) -> None:
    """And brings nothing any more."""
    await bus.subscribe(["a"])
    await bus.close()
    await bus.close()
    bus.publish("a", NEWS)
    assert heard == []
