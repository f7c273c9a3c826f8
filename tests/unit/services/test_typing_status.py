"""Typing: told once in a while, stopped once, and never kept for long."""

from typing import Any

import msgspec
import pytest

from madang.contract.limits import LIMITS
from madang.memory.bus import MemoryBus
from madang.ports.bus import RoomNotice
from madang.services import typing_status
from madang.services.typing_status import TypingService
from tests.server_parts import MovableClock


class _World:
    """A room that is heard."""

    def __init__(self) -> None:
        self.clock = MovableClock()
        self.told: list[RoomNotice] = []
        bus = MemoryBus()
        bus.listen(lambda _, notice: self.told.append(notice))  # type: ignore[arg-type]  # nothing else is published
        self.bus = bus
        self.typing = TypingService(bus, self.clock, LIMITS)

    def events(self) -> list[str]:
        """What the room was told."""
        return [notice.event for notice in self.told]


@pytest.fixture
async def world() -> _World:
    """A room."""
    world = _World()
    await world.bus.subscribe(["conv:room"])
    return world


async def test_a_start_is_told_to_the_others_and_may_be_lost(world: _World) -> None:
    """Not to the typist's own devices, and dropped for whoever is behind."""
    world.typing.start("mina", "room")
    (notice,) = world.told
    assert (notice.event, notice.except_user, notice.volatile) == ("typing:start", "mina", True)
    body: Any = msgspec.json.decode(notice.payload)
    assert body == {"userId": "mina", "conversationId": "room"}


async def test_repeats_within_the_limit_are_dropped_with_stops_between_too(world: _World) -> None:
    """Starting and stopping in turn is no way around the limit."""
    for _ in range(5):
        world.typing.start("mina", "room")
        world.typing.stop("mina", "room")
    assert world.events() == ["typing:start", "typing:stop"]
    world.clock.added_ms += 2_100
    world.typing.start("mina", "room")
    assert world.events()[2:] == ["typing:start"]


async def test_a_stop_without_a_start_is_not_told(world: _World) -> None:
    """Nor a second one, so stops cannot be used to flood."""
    world.typing.stop("mina", "room")
    world.typing.start("mina", "room")
    world.typing.stop("mina", "room")
    world.typing.stop("mina", "room")
    assert world.events() == ["typing:start", "typing:stop"]


async def test_who_never_stops_is_forgotten(world: _World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept about people who closed the page while typing is bounded."""
    monkeypatch.setattr(typing_status, "REMEMBERED", 50)
    world.typing._forget_above = 50
    for number in range(1_000):
        world.typing.start(f"person {number}", "room")
        world.clock.added_ms += 500
    assert len(world.typing) <= 100
