"""What the queue makes of its server: what it promises, what it counts, what it cannot read, and a server that was away."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from madang.cluster.queue import RedisQueue
from madang.config import SettingsError
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.queue import LeaseLost, Settled, shard_of
from madang.tasks import TaskSupervisor
from tests.conformance.test_queue import message
from tests.faults.proxy import Direction, Proxy, Route
from tests.valkey_server import ValkeyServer, running_valkey


@asynccontextmanager
async def queue_on(server: ValkeyServer, installation: str = "", *, url: str = "") -> AsyncIterator[RedisQueue]:
    """A queue with room for everything; `url` is another way to the server."""
    tasks = TaskSupervisor()
    queue = RedisQueue(
        url or server.url, installation=installation or new_id(), tasks=tasks, entries=100_000, size=100_000_000
    )
    try:
        await queue.start()
        yield queue
    finally:
        await queue.close()
    assert (len(tasks), tasks.failures) == (0, 0)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({}, "appendonly is off"),
        ({"appendonly": "yes", "appendfsync": "always"}, "survives a crash of Redis"),
        ({"appendonly": "yes", "appendfsync": "everysec"}, "may lose the last second"),
        ({"appendonly": "yes", "appendfsync": "no"}, "may lose any"),
        ({"appendonly": "yes", "maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}, "noeviction"),
        ({"rename-command": 'CONFIG ""'}, "nothing is known"),
    ],
)
async def test_it_promises_what_the_server_does(settings: Mapping[str, str], word: str) -> None:
    """The operator is told what a crash costs, as the server is set up; or that it cannot be known."""
    with running_valkey({key: value for key, value in settings.items() if key != "rename-command"}) as server:
        if "rename-command" in settings:
            await _forbid_config(server)
        async with queue_on(server) as queue:
            assert word in queue.promise


async def _forbid_config(server: ValkeyServer) -> None:
    redis: Any = Redis.from_url(server.url)
    await redis.execute_command("ACL", "SETUSER", "default", "-config")
    await redis.aclose()


async def test_a_server_that_does_not_answer_stops_the_start(tmp_path: Path) -> None:
    """A sentence names the setting: without the queue nothing could be accepted."""
    with pytest.raises(SettingsError, match=r"MADANG_REDIS_URL.*answers"):
        async with queue_on(ValkeyServer(tmp_path)):
            pass


async def test_what_cannot_be_read_is_taken_as_such(valkey: ValkeyServer) -> None:
    """Bytes that are no message do not stop those behind them, and end as a dead letter with what they were."""
    installation, room = new_id(), new_id()
    async with queue_on(valkey, installation) as queue:
        lease = await queue.acquire(shard_of(room), "w")
        assert lease is not None
        redis: Any = Redis.from_url(valkey.url)
        prefix = f"madang:{{{installation}}}:queue"
        await redis.xadd(f"{prefix}:{lease.shard}", {"m": b"\xc1 nonsense"})
        await queue.append([message(room, "good")])
        bad, good = await queue.take(lease, 10)
        assert bad.message is None
        assert good.message is not None
        await queue.settle(lease, [Settled(bad, "unreadable"), Settled(good)])
        ((_, letter),) = await redis.xrange(f"{prefix}:dead")
        assert letter == {b"m": b"\xc1 nonsense", b"reason": b"unreadable"}
        await redis.aclose()


async def test_it_counts_what_waits_and_since_when(valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries, bytes, the age of the oldest and dead letters, a moment late; all of it gone when it is settled."""
    monkeypatch.setattr("madang.cluster.queue.STATS_SECONDS", 0.05)
    async with queue_on(valkey) as queue:
        room = new_id()
        await queue.append([message(room, "x" * 1_000), message(room, "y")])
        await asyncio.sleep(0.4)
        stats = queue.stats()
        assert stats.entries == 2
        assert 1_000 < stats.size < 3_000
        assert 0.2 < stats.oldest_seconds < 5
        lease = await queue.acquire(shard_of(room), "w")
        assert lease is not None
        first, second = await queue.take(lease, 2)
        await queue.settle(lease, [Settled(first), Settled(second, "conflict")])
        await asyncio.sleep(0.3)
        assert queue.stats().entries == queue.stats().size == queue.stats().oldest_seconds == 0
        assert queue.stats().dead_letters == 1


async def test_settling_twice_counts_once(valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that was lost is asked for again, and the bytes of an entry are given back once."""
    monkeypatch.setattr("madang.cluster.queue.STATS_SECONDS", 0.05)
    async with queue_on(valkey) as queue:
        room = new_id()
        await queue.append([message(room, "a"), message(room, "b")])
        lease = await queue.acquire(shard_of(room), "w")
        assert lease is not None
        first, _ = await queue.take(lease, 2)
        for _ in range(2):
            await queue.settle(lease, [Settled(first, "conflict")])
        await asyncio.sleep(0.2)
        assert queue.stats().entries == queue.stats().dead_letters == 1
        assert queue.stats().size == len(first.body)


async def test_what_an_answer_that_was_lost_had_taken_is_taken_next(valkey: ValkeyServer) -> None:
    """Before anything newer, by the same owner, and as often as it takes: else it would wait for another owner, while what
    came after it is stored.
    """

    def lose(route: Route, direction: Direction, _: bytes) -> bool:
        if direction == "down":
            route.reset()
        return direction == "up"

    async with Proxy(valkey.port) as line, queue_on(valkey, url=f"redis://127.0.0.1:{line.port}") as queue:
        room = new_id()
        lease = await queue.acquire(shard_of(room), "w")
        assert lease is not None
        assert await queue.take(lease, 10) == []
        await queue.append([message(room, "first")])
        taken = await queue.take(lease, 10)
        await queue.append([message(room, "lost"), message(room, "lost too")])
        carry = line.on_chunk
        for _ in range(2):
            line.on_chunk = lose
            with pytest.raises(MadangError):
                await queue.take(lease, 1)
            line.on_chunk = carry
        await queue.append([message(room, "newer")])
        for _ in range(4):
            taken += await queue.take(lease, 1)
        contents = [each.message.content for each in taken if each.message]
        assert contents == ["first", "lost", "lost too", "newer"]


async def test_a_server_that_is_away_is_try_again_and_then_goes_on() -> None:
    """With appendfsync always, what was accepted is there after a crash, and so are the leases that have not lapsed."""
    with running_valkey({"appendonly": "yes", "appendfsync": "always"}) as server:
        async with queue_on(server) as queue:
            room = new_id()
            lease = await queue.acquire(shard_of(room), "w")
            assert lease is not None
            assert await queue.append([message(room, str(number)) for number in range(50)]) == [True] * 50
            server.stop()
            with pytest.raises(MadangError) as raised:
                await queue.append([message(room, "away")])
            assert raised.value.code is ErrorCode.TRY_AGAIN
            server.start()
            taken = await queue.take(lease, 100)
            assert [each.message.content for each in taken if each.message] == [str(number) for number in range(50)]


async def test_a_server_that_has_forgotten_everything_has_no_owners() -> None:
    """Without a file of its own a restarted server knows no shard: its owner has lost it, and gets it anew."""
    with running_valkey() as server:
        async with queue_on(server) as queue:
            room = new_id()
            lease = await queue.acquire(shard_of(room), "w")
            assert lease is not None
            await queue.append([message(room, "lost")])
            server.stop()
            with pytest.raises(MadangError):
                await queue.take(lease, 1)
            server.start()
            with pytest.raises(LeaseLost):
                await queue.take(lease, 1)
            lease = await queue.acquire(shard_of(room), "w")
            assert lease is not None
            await queue.append([message(room, "kept")])
            assert [each.message.content for each in await queue.take(lease, 9) if each.message] == ["kept"]
