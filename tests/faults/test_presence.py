"""A node is killed, and Redis starts again empty: presence is right again in time, and nobody flashes."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.faults.world import until, world
from tests.postgres_server import PostgresServer
from tests.valkey_server import ValkeyServer

WRONG_AT_MOST = 35.0
"""Seconds after a crash."""


@pytest.mark.serial
async def test_presence_over_real_nodes(tmp_path: Path, postgres: PostgresServer, own_valkey: ValkeyServer) -> None:
    """Redis is lost and comes back empty, then a node is killed with everybody on it; one hears it on another node."""
    settings = {
        "database_url": postgres.url(await postgres.empty_database()),
        "redis_url": own_valkey.url,
        "secret": "the same for every node of this installation",
    }
    async with world(tmp_path, 2, **settings) as here:
        mina, joon = await here.device("mina", node=0), await here.device("joon", node=1)
        seen: list[tuple[str, str]] = []
        for event in ("user:online", "user:offline"):
            joon.socket.on(event, lambda user, _, event=event: seen.append((event, user)))
        room = await here.group(mina, joon)
        phone = await here.device("joon", node=1)
        await until(lambda: room in phone.rooms)
        assert mina.me["id"] in phone.online
        await asyncio.sleep(3)  # who has just come is told within a second or two
        seen.clear()
        own_valkey.stop()
        await asyncio.sleep(3)
        own_valkey.start()
        await asyncio.sleep(20)
        assert seen == []
        tablet = await here.device("joon", node=1)
        assert mina.me["id"] in tablet.online
        await here.servers[0].stop(signal.SIGKILL)
        await until(lambda: seen, WRONG_AT_MOST)
        assert seen == [("user:offline", mina.me["id"])]
