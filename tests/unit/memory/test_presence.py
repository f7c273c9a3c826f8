"""Presence on one node: devices, not counters."""

from madang.memory.presence import MemoryPresence


async def test_a_person_is_online_while_a_device_is() -> None:
    """A device that comes twice is one; a device nobody knows changes nothing."""
    presence = MemoryPresence()
    assert await presence.arrive("mina", "phone")
    assert not await presence.arrive("mina", "phone")
    assert not await presence.arrive("mina", "desk")
    assert not await presence.leave("mina", "phone")
    assert not await presence.leave("mina", "phone")
    assert not await presence.leave("joon", "phone")
    assert await presence.online(["mina", "joon"]) == {"mina"}
    assert await presence.leave("mina", "desk")
    assert await presence.online(["mina"]) == set()
    assert not presence._devices
