"""A storm: everybody's connection is cut in one moment, and those who were not cut notice nothing."""

import asyncio
import random
from pathlib import Path
from time import monotonic

import httpx2
import pytest

from bench.crowd import allow_files
from tests.faults.device import Recorder
from tests.faults.figures import FIGURES
from tests.faults.thin import Thin
from tests.faults.world import World, until, world
from tests.postgres_server import PostgresServer
from tests.scale import SCALE
from tests.valkey_server import ValkeyServer

pytestmark = pytest.mark.serial

CLIENTS = min(2_000, 200 * SCALE)
PEOPLE = CLIENTS // 2
"""Everybody has two devices."""
ROOM = 25
"""People of a conversation, beside those who stay."""
SURVIVORS = 4
PAUSE_SECONDS = 0.1
"""Between the messages of one of those who stay."""
BACK_SECONDS = 30.0
P99_SECONDS = 1.0
"""Of a send of somebody who was not cut."""


async def population(here: World, survivors: list[Recorder]) -> list[list[str]]:
    """The tokens of everybody, by conversation; those who stay are in all of them."""
    async with httpx2.AsyncClient(base_url=here.server.url) as http:

        async def introduced(number: int) -> tuple[str, str]:
            token = here.server.host_token(f"person-{number}", seconds=3_600)
            answer = await http.get("/api/me", headers={"Authorization": f"Bearer {token}"})
            return token, answer.json()["id"]

        rooms = []
        for start in range(0, PEOPLE, ROOM):
            people = await asyncio.gather(*(introduced(number) for number in range(start, start + ROOM)))
            members = [*(survivor.me["id"] for survivor in survivors[1:]), *(user for _, user in people)]
            made = await survivors[0].call(
                "POST", "conversations", {"type": "group", "name": "마당", "memberIds": members}
            )
            await here.opened(made["id"], *survivors)
            rooms.append([token for token, _ in people])
    return rooms


@pytest.mark.parametrize("nodes", [1, 3])
async def test_a_storm_of_reconnects_leaves_the_others_in_peace(
    tmp_path: Path, postgres: PostgresServer, valkey: ValkeyServer, nodes: int
) -> None:
    """All come back and are caught up in time, and meanwhile sends of the others are acknowledged as before."""
    allow_files(2 * CLIENTS)
    several = {
        "database_url": postgres.url(await postgres.empty_database()),
        "redis_url": valkey.url,
        "secret": "the same for every node of this installation",
    }
    async with world(tmp_path, nodes, **(several if nodes > 1 else {})) as here:
        survivors = [await here.device(f"survivor-{number}", node=number % nodes) for number in range(SURVIVORS)]
        tokens = await population(here, survivors)
        chance, done, took = random.Random(7), asyncio.Event(), list[float]()
        addresses = [("127.0.0.1", server.port) for server in here.servers]
        crowd = [
            Thin(addresses[number % nodes], token, chance)
            for number, token in enumerate(token for room in tokens for token in room * 2)
        ]

        async def talk(survivor: Recorder) -> None:
            while not done.is_set():
                for room in list(survivor.rooms):
                    began = monotonic()
                    await survivor.send(room, "still here")
                    took.append(monotonic() - began)
                    await asyncio.sleep(PAUSE_SECONDS)

        async with asyncio.TaskGroup() as group:
            staying = [group.create_task(thin.stay()) for thin in crowd]
            await until(lambda: all(thin.ready.is_set() for thin in crowd), 120)
            talking = [group.create_task(talk(survivor)) for survivor in survivors]
            await asyncio.sleep(1)
            took.clear()
            for thin in crowd:
                thin.cut()
            await until(lambda: all(thin.ready.is_set() for thin in crowd), 2 * BACK_SECONDS)
            done.set()
            await asyncio.wait(talking)
            heads = survivors[0].rooms
            await until(lambda: all(thin.version == heads[thin.room].version for thin in crowd), BACK_SECONDS)
            for task in staying:
                task.cancel()
        report = await here.rest(*survivors[0].rooms)
        assert [survivor.connection for survivor in survivors] == [1] * SURVIVORS
    assert report.clean, report
    who = f"{CLIENTS:,} clients cut at once, {nodes} nodes" if nodes > 1 else f"{CLIENTS:,} clients cut at once"
    FIGURES.hold(f"{who}, all caught up", max(thin.took for thin in crowd), at_most=BACK_SECONDS)
    FIGURES.hold(f"{who}, p99 of a send of the others", sorted(took)[int(len(took) * 0.99)], at_most=P99_SECONDS)
