"""Rate limits: a moving window; then what only Redis can show."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from madang.clock import SystemClock
from madang.cluster.client import connect
from madang.cluster.ratelimit import RedisRateLimit
from madang.ids import new_id
from madang.memory.ratelimit import MemoryRateLimit
from madang.ports.ratelimit import RateLimit
from tests.valkey_server import ValkeyServer, running_valkey


def _on_redis(client: Redis, installation: str) -> RedisRateLimit:
    clock = SystemClock()
    return RedisRateLimit(client, installation=installation, clock=clock, alone=MemoryRateLimit(clock))


@pytest.fixture(params=["memory", "redis"])
async def limit(request: pytest.FixtureRequest) -> AsyncIterator[RateLimit]:
    """The port on each of its implementations."""
    if request.param == "memory":
        yield MemoryRateLimit(SystemClock())
        return
    client = connect(request.getfixturevalue("valkey").url)
    yield _on_redis(client, new_id())
    await client.aclose()


async def test_the_window_moves(limit: RateLimit) -> None:
    """So many in a second, then wait until the oldest leaves the window; each that leaves makes room for one."""
    assert await limit.hit("login", "a", limit=2, seconds=1) == 0.0
    await asyncio.sleep(0.5)
    assert await limit.hit("login", "a", limit=2, seconds=1) == 0.0
    assert 0.0 < await limit.hit("login", "a", limit=2, seconds=1) <= 0.5
    await asyncio.sleep(0.55)
    assert await limit.hit("login", "a", limit=2, seconds=1) == 0.0
    assert await limit.hit("login", "a", limit=2, seconds=1) > 0.0


async def test_a_refused_attempt_does_not_count(limit: RateLimit) -> None:
    """Hammering does not lengthen the wait."""
    assert await limit.hit("login", "a", limit=1, seconds=1) == 0.0
    waits = []
    for _ in range(5):
        await asyncio.sleep(0.15)
        waits.append(await limit.hit("login", "a", limit=1, seconds=1))
    assert waits == sorted(waits, reverse=True)
    assert 0.0 < waits[-1] < 0.3
    await asyncio.sleep(waits[-1] + 0.01)
    assert await limit.hit("login", "a", limit=1, seconds=1) == 0.0


async def test_subjects_and_names_do_not_share(limit: RateLimit) -> None:
    """Somebody else's attempts, and attempts at something else, are no concern of mine."""
    await limit.hit("login", "a", limit=1, seconds=60)
    assert await limit.hit("login", "b", limit=1, seconds=60) == 0.0
    assert await limit.hit("invite", "a", limit=1, seconds=60) == 0.0
    assert await limit.hit("login", "a", limit=1, seconds=60) > 0.0


async def test_attempts_at_the_same_time_are_counted_one_by_one(limit: RateLimit) -> None:
    """Whoever tries a hundred passwords at once gets as many as one after another."""
    waits = await asyncio.gather(*(limit.hit("login", "a", limit=10, seconds=60) for _ in range(100)))
    assert sum(wait == 0.0 for wait in waits) == 10


async def test_one_limit_holds_over_all_nodes_and_leaves_nothing_behind(valkey: ValkeyServer) -> None:
    """Going from node to node gains nothing; what is over is forgotten by Redis itself."""
    client, installation = connect(valkey.url), new_id()
    one, two = _on_redis(client, installation), _on_redis(client, installation)
    try:
        assert await one.hit("login", "a", limit=2, seconds=1) == 0.0
        assert await two.hit("login", "a", limit=2, seconds=1) == 0.0
        assert await one.hit("login", "a", limit=2, seconds=1) > 0.0
        assert await two.hit("login", "a", limit=2, seconds=1) > 0.0
        await asyncio.sleep(1.1)
        assert not [key async for key in client.scan_iter(f"*{installation}*")]
    finally:
        await client.aclose()


async def test_without_redis_each_node_counts_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit is never off, and who signs in does not wait for Redis each time; when it is back, it counts again."""
    monkeypatch.setattr("madang.cluster.ratelimit.ALONE_SECONDS", 0.3)
    with running_valkey() as server:
        client, installation = connect(server.url), new_id()
        one, two = _on_redis(client, installation), _on_redis(client, installation)
        server.stop()
        for node in (one, two):
            assert [await node.hit("login", "a", limit=2, seconds=60) > 0 for _ in range(4)] == [
                False,
                False,
                True,
                True,
            ]
        server.start()
        await asyncio.sleep(0.35)
        assert await one.hit("login", "a", limit=2, seconds=60) == 0.0
        assert await two.hit("login", "a", limit=2, seconds=60) == 0.0
        assert await one.hit("login", "a", limit=2, seconds=60) > 0.0
        await client.aclose()
