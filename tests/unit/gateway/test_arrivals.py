"""Arrivals: a lane for newcomers, in which everybody gets a turn and nobody keeps one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from madang.gateway.arrivals import AT_ONCE, Arrivals
from tests.gateway_parts import GatewayParts, eventually, gateway_parts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayParts]:
    """A gateway on the store in memory."""
    async with gateway_parts(tmp_path) as parts:
        yield parts


async def test_turns_are_bounded_and_in_order() -> None:
    """So many at once, the rest in the order in which it came; whoever gives up while waiting costs nobody a turn."""
    lane, entered, leave = Arrivals(2), list[int](), asyncio.Event()

    async def newcomer(number: int) -> None:
        async with lane.turn():
            entered.append(number)
            await leave.wait()

    tasks = [asyncio.create_task(newcomer(number)) for number in range(6)]
    await asyncio.sleep(0.01)
    assert (entered, lane.waiting) == ([0, 1], 4)
    tasks[2].cancel()
    await asyncio.sleep(0)
    leave.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (entered, lane.waiting) == ([0, 1, 3, 4, 5], 0)


async def test_a_few_are_authenticated_at_a_time(world: GatewayParts, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many knock, and all are let in."""
    mina = await world.person("mina")
    part = world.parts.services.identities
    confirm, under_way, most = part.confirm, 0, 0

    async def slow(identity: Any) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.005)
        await confirm(identity)
        under_way -= 1

    monkeypatch.setattr(part, "confirm", slow)
    phones = [world.phone(mina) for _ in range(3 * AT_ONCE)]
    for phone in phones:
        phone.knock()
    await eventually(lambda: all(phone.connected for phone in phones))
    assert most == AT_ONCE


async def test_a_few_are_shown_their_list_at_a_time_while_others_talk(
    world: GatewayParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A storm of `init` waits in its lane; whoever is here is answered meanwhile."""
    mina = await world.person("mina")
    here = await world.started(mina)
    newcomers = [await world.phone(mina).connect() for _ in range(3 * AT_ONCE)]
    part, under_way, most, go = world.store.sync, 0, 0, asyncio.Event()
    page = part.page

    async def slow(*args: Any, **options: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await go.wait()
        under_way -= 1
        return await page(*args, **options)

    monkeypatch.setattr(part, "page", slow)
    storm = [asyncio.create_task(phone.ask("init", {})) for phone in newcomers]
    await asyncio.sleep(0.05)
    room = here.init["conversations"][0]["id"]
    assert (await here.ask("message:send", {"conversationId": room, "content": "still here"}))["ok"]
    go.set()
    assert all(answer["ok"] for answer in await asyncio.gather(*storm))
    assert most == AT_ONCE
