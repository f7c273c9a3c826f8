"""Marks and clocks: devices that race, and a clock that is set back and forth, change neither order nor any number.

The parts of a server on SQLite, with a wall clock the test sets; random histories on every store set it as well
(`tests/conformance/test_histories.py`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from madang.clock import SystemClock
from madang.ports.log import PageWindow
from tests.gateway_parts import GatewayParts, Phone, gateway_parts

MINUTE_MS = 60_000
STEPS_BACK_AND_FORTH = (-60, 5, -5, 5, -5, 0)
"""Minutes by which the clock is off, one after another."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayParts]:
    """A gateway on SQLite."""
    async with gateway_parts(tmp_path, store_kind="sqlite") as parts:
        yield parts


async def _unread(world: GatewayParts, person: str, room: str) -> tuple[int, int, int]:
    """Mark, unread number as computed, and the same by counting."""
    summary = await world.parts.conversations.get(person, room)
    log = await world.parts.log.page(room, PageWindow(limit=1_000), 1)
    counted = sum(
        entry.seq > summary.me.last_read_seq and entry.type != "system" and entry.sender_id != person for entry in log
    )
    return summary.me.last_read_seq, summary.unread_count, counted


async def test_a_clock_that_jumps_changes_no_order_and_no_number(
    world: GatewayParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour back, five minutes off either way between writes: seq, versions, marks and unread are exact, no time falls."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone, one, two = await world.started(mina), await world.started(joon), await world.started(joon)
    clock, said = world.parts.clock, 0
    for minutes in STEPS_BACK_AND_FORTH:
        monkeypatch.setattr(clock, "now", lambda minutes=minutes: SystemClock.now(clock) + minutes * MINUTE_MS)
        for _ in range(3):
            said += 1
            ack = await phone.ask("message:send", {"conversationId": room, "content": f"{said}"})
            assert ack["message"]["seq"] == said + 1
        await one.got("message:new", lambda message: message["content"] == f"{said}")  # noqa: B023  # awaited at once
        read = await one.ask("message:read", {"conversationId": room, "seq": said})
        assert (read["lastReadSeq"], read["unreadCount"]) == (said, 1)
        assert await _unread(world, joon, room) == (said, 1, 1)
        told = await two.got("message:read", lambda moved: moved["lastReadSeq"] == said)  # noqa: B023  # the same
        assert told["unreadCount"] == 1
    newest = ""
    for device in (phone, one, two):
        assert device.versions(room) == list(range(2, said + 2))
        assert device.contents(room) == [f"{number}" for number in range(1, said + 1)]
        times = [message["createdAt"] for message in device.all("message:new")]
        assert times == sorted(times)
        newest = times[-1]
    assert (await world.parts.conversations.get(joon, room)).last_message_at == newest


async def test_devices_that_race_agree(world: GatewayParts) -> None:
    """Three devices of one person mark whatever they like while somebody writes: the mark never falls, and is one for all."""
    chance = random.Random(35)
    mina, joon = await world.person("mina"), await world.person("joon")
    room = await world.group(mina, joon)
    phone = await world.started(mina)
    devices = [await world.started(joon) for _ in range(3)]

    async def talk() -> None:
        for number in range(120):
            await world.send(mina, room, f"{number}", silent=number % 7 == 0)

    async def read(device: Phone) -> None:
        for _ in range(60):
            await asyncio.sleep(0)
            head = (await world.parts.log.heads([room]))[room].seq
            wanted = chance.randint(1, head)
            ack = await device.ask("message:read", {"conversationId": room, "seq": wanted})
            assert ack["ok"], ack
            assert ack["lastReadSeq"] >= wanted

    await asyncio.gather(talk(), *(read(device) for device in devices))
    mark, unread, _ = await _unread(world, joon, room)
    assert 1 < mark <= 121
    for device in (*devices, phone):
        marks = _marks(device, joon)
        assert marks == sorted(marks)
        assert marks[-1] == mark
    assert [_unread_shown(device) for device in devices] == [unread] * 3
    log = await world.parts.log.page(room, PageWindow(limit=1_000), 1)
    assert unread == sum(entry.seq > mark and entry.type != "system" and entry.silent is not True for entry in log)


def _unread_shown(device: Phone) -> int:
    """The number a device shows: that of the last report of one's own mark, and what counts since."""
    shown = 0
    for name, (body, *_) in device.events:
        if name == "message:read" and "unreadCount" in body:
            shown = body["unreadCount"]
        shown += name == "message:new" and not body.get("silent")
    return shown


def _marks(device: Phone, person: str) -> list[int]:
    """Where a person's mark stood, as a device was told it."""
    told: list[dict[str, Any]] = device.all("message:read")
    return [int(moved["lastReadSeq"]) for moved in told if moved["userId"] == person]
