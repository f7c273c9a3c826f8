"""The bus of one node: heard at once, by whoever is subscribed, and no listener can hurt who publishes."""

from madang.memory.bus import MemoryBus
from madang.ports.bus import BusMessage, MemberAdded

NEWS = MemberAdded(user_id="u", conversation_id="c")


async def test_subscriptions_are_counted() -> None:
    """Each needs its own end; what nobody hears goes nowhere, and nothing of it is kept."""
    bus, heard = MemoryBus(), list[BusMessage]()
    bus.listen(lambda _, message: heard.append(message))
    bus.publish("a", NEWS)
    await bus.subscribe(["a", "b"])
    await bus.subscribe(["a"])
    bus.unsubscribe(["a"])
    bus.publish("a", NEWS)
    assert heard == [NEWS]
    bus.unsubscribe(["a", "b"])
    bus.unsubscribe(["a", "never"])
    bus.publish("a", NEWS)
    assert (heard, len(bus)) == ([NEWS], 0)


async def test_publishing_never_raises() -> None:
    """A listener with a defect loses its own message and nobody else's."""
    bus, heard = MemoryBus(), list[BusMessage]()

    def listen(_channel: str, message: BusMessage) -> None:
        heard.append(message)
        raise RuntimeError("a defect")

    bus.listen(listen)
    await bus.subscribe(["a"])
    bus.publish("a", NEWS)
    bus.publish("a", NEWS)
    assert heard == [NEWS, NEWS]
