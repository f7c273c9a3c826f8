"""The bus of one node keeps nothing; what it promises besides is in the conformance suite."""

from madang.memory.bus import MemoryBus


async def test_nothing_is_kept_of_what_nobody_hears() -> None:
    """The last end of a channel is the end of it."""
    bus = MemoryBus()
    await bus.subscribe(["a", "b", "a"])
    bus.unsubscribe(["a", "b"])
    assert len(bus) == 1
    bus.unsubscribe(["a", "never"])
    assert len(bus) == 0
