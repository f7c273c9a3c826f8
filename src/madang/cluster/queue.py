"""The queue of accepted messages, on streams of a Redis or Valkey server.

Owns its client, what is refused at the start, and the words of its promise; each step on the server is a script of
`queue_scripts`. How long an accepted message lasts is the server's decision (`appendonly`, `appendfsync`), which is asked
for and told, never assumed.

Invariants:
1. A batch is one pipeline, with one script for each shard in it: never one round trip for each message.
2. A command is never repeated by the client library: what is repeated, and when, is its caller's to decide.
3. What was taken is known by the last position that an answer brought, so an answer that is lost costs a repetition, never
   an entry or its place.
4. Without the right to ask how the server keeps what it accepts, nothing is promised.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

import msgspec
import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from madang.cluster import queue_scripts as scripts
from madang.cluster.client import tell_breaks
from madang.config import SettingsError
from madang.errors import MadangError, outcome_unknown
from madang.ports.log import NewMessage
from madang.ports.queue import LEASE_SECONDS, SHARDS, Lease, LeaseLost, QueueStats, Settled, Taken, shard_of
from madang.tasks import TaskSupervisor

__all__ = ["RedisQueue"]

SETTING: Final = "MADANG_REDIS_URL"
"""The setting that a refusal to start names."""
ANSWER_SECONDS: Final = 2.0
"""In which the server must connect and answer. Twice as long, for the batch before and one's own, is still below the five
seconds in which every sender has an answer."""
STATS_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 1.0
"""Between two attempts to hear of shards that have got something; until then workers look by themselves."""
LEASE_MS: Final = int(LEASE_SECONDS * 1_000)
FSYNC: Final = {
    "always": "appendfsync is always: what is accepted survives a crash of Redis, and power loss if the disk honours flush",
    "everysec": "appendfsync is everysec: a crash of Redis or of its machine may lose the last second of what was accepted",
    "no": "appendfsync is no: a crash of Redis's machine may lose any of what was accepted",
}

_log = structlog.get_logger(__name__)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(NewMessage).decode
T = TypeVar("T")


class RedisQueue:
    """The port `MessageQueue` over a Redis server.

    Args:
        url: as `MADANG_REDIS_URL`. It is never logged.
        installation: distinguishes this installation's keys from others' on the same server.
        entries: most that may wait, of all shards together; each has an equal part.
        size: most bytes of them.
    """

    def __init__(self, url: str, *, installation: str, tasks: TaskSupervisor, entries: int, size: int) -> None:
        self._prefix = f"madang:{{{installation}}}:queue"
        self._tasks = tasks
        self._most_entries = max(1, entries // SHARDS)
        self._most_size = max(1, size // SHARDS)
        self._redis = Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
            client_name="madang-queue",
        )
        tell_breaks(self._redis.connection_pool)
        self._after: dict[Lease, str] = {}
        """The position up to which an owner has been given what it took. What the server has marked as taken beyond it is
        what an earlier owner has left, or what this one was never told: it comes next."""
        self._ready: Callable[[int], None] | None = None
        self._stats = QueueStats()
        self._promise = ""
        self._running: list[asyncio.Task[Any]] = []

    @property
    def promise(self) -> str:
        return self._promise

    async def start(self) -> None:
        try:
            information = await self._redis.info("server")
            if information.get("redis_mode", information.get("server_mode")) == "cluster":
                raise SettingsError(
                    SETTING, "names a Redis Cluster, which keeps no queue in this version: use one server, or direct."
                )
            await self._look()
        except RedisError as error:
            raise SettingsError(SETTING, f"a queue takes a Redis that answers; this one does not: {error}.") from None
        self._promise = await self._ask_promise()
        self._running.append(self._tasks.start(self._watch(), "queue stats"))

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()
        await self._redis.aclose()

    def stats(self) -> QueueStats:
        return self._stats

    async def append(self, messages: Sequence[NewMessage]) -> list[bool]:
        places: defaultdict[int, list[int]] = defaultdict(list)
        for place, message in enumerate(messages):
            places[shard_of(message.conversation_id)].append(place)
        pipeline = self._redis.pipeline(transaction=False)
        for shard, here in places.items():
            keys = self._keys(shard, "", ":bytes", ":ids")
            parts: list[str | bytes | int] = [self._most_entries, self._most_size, f"{self._prefix}:ready", shard]
            for place in here:
                parts += (_id(messages[place]), _encode(messages[place]))
            pipeline.eval(scripts.APPEND, len(keys), *keys, *parts)
        counts = await self._answer(pipeline.execute())
        accepted = [False] * len(messages)
        for here, count in zip(places.values(), counts, strict=True):
            for place in here[:count]:
                accepted[place] = True
        return accepted

    async def waiting(self, conversation_id: str, message_id: str) -> bool:
        (ids,) = self._keys(shard_of(conversation_id), ":ids")
        return bool(await self._answer(_awaitable(self._redis.sismember(ids, conversation_id + message_id))))

    def listen(self, ready: Callable[[int], None]) -> None:
        self._ready = ready
        self._running.append(self._tasks.start(self._hear(), "queue"))

    async def attend(self, worker: str) -> int:
        return int(await self._eval(scripts.ATTEND, [f"{self._prefix}:workers"], worker, LEASE_MS))

    async def acquire(self, shard: int, worker: str) -> Lease | None:
        keys = self._keys(shard, ":lease", ":fence", "")
        token = await self._eval(scripts.ACQUIRE, keys, worker, LEASE_MS, scripts.GROUP)
        if token is None:
            return None
        lease = Lease(shard, token.decode())
        self._after[lease] = "0"
        return lease

    async def renew(self, leases: Sequence[Lease]) -> list[bool]:
        if not leases:
            return []
        keys = [key for lease in leases for key in self._keys(lease.shard, ":lease")]
        held = await self._eval(scripts.RENEW, keys, LEASE_MS, *(lease.token for lease in leases))
        return [bool(each) for each in held]

    async def release(self, lease: Lease) -> None:
        self._after.pop(lease, None)
        await self._eval(scripts.RELEASE, self._keys(lease.shard, ":lease"), lease.token)

    async def take(self, lease: Lease, limit: int) -> list[Taken]:
        asked = (lease.token, scripts.GROUP, scripts.OWNER, limit, self._after.get(lease, ">"))
        entries = await self._eval(scripts.TAKE, self._keys(lease.shard, ":lease", ""), *asked)
        if entries is None:
            self._after.pop(lease, None)
            raise LeaseLost(f"shard {lease.shard}")
        taken = [_taken(position, fields) for position, fields in entries]
        if taken:
            self._after[lease] = taken[-1].position
        return taken

    async def settle(self, lease: Lease, settled: Sequence[Settled]) -> None:
        parts: list[str | bytes | int] = []
        for each in settled:
            taken, message = each.taken, each.taken.message
            parts += (taken.position, "" if message is None else _id(message), len(taken.body), each.reason)
            parts.append(taken.body if each.reason else b"")
        keys = [*self._keys(lease.shard, ":lease", "", ":bytes", ":ids"), f"{self._prefix}:dead"]
        if not await self._eval(scripts.SETTLE, keys, lease.token, scripts.GROUP, scripts.DEAD_LETTERS, *parts):
            raise LeaseLost(f"shard {lease.shard}")

    # ------------------------------------------------------------------------------------------ the server

    def _keys(self, shard: int, *endings: str) -> list[str]:
        return [f"{self._prefix}:{shard}{ending}" for ending in endings]

    async def _eval(self, script: str, keys: Sequence[str], *arguments: str | bytes | int) -> Any:
        asked = self._redis.eval(script, len(keys), *keys, *cast("tuple[str, ...]", arguments))
        return await self._answer(_awaitable(asked))

    async def _answer(self, asked: Awaitable[T]) -> T:
        """What the server says.

        Raises:
            LeaseLost: the server has forgotten the shard, and with it who owned it.
            MadangError: `try_again`: it is away or silent, or it cannot.
        """
        try:
            return await asked
        except ResponseError as error:
            if "NOGROUP" in str(error):
                raise LeaseLost(str(error)) from None
            raise _away(error) from None
        except (RedisError, OSError) as error:
            raise _away(error) from None

    async def _ask_promise(self) -> str:
        """See `promise`; also whether the server may throw away what it keeps."""
        try:
            asked = await self._redis.config_get("appendonly", "appendfsync", "maxmemory", "maxmemory-policy")
        except RedisError:
            return (
                "Redis does not say how it keeps what it accepts (CONFIG is forbidden): nothing is known of its crashes"
            )
        if str(asked.get("maxmemory-policy", "")).startswith("allkeys") and asked.get("maxmemory", "0") != "0":
            return "maxmemory-policy lets Redis drop what was accepted when it is full: set it to noeviction"
        if asked.get("appendonly") != "yes":
            return "appendonly is off: a crash of Redis may lose any of what was accepted"
        return FSYNC.get(asked.get("appendfsync") or "", "appendfsync is unknown: nothing is known of a crash of Redis")

    async def _look(self) -> None:
        keys = [f"{self._prefix}:dead"]
        for shard in range(SHARDS):
            keys += self._keys(shard, "", ":bytes")
        entries, size, oldest, dead = await _awaitable(self._redis.eval(scripts.STATS, len(keys), *keys))
        self._stats = QueueStats(entries=entries, size=size, oldest_seconds=oldest / 1_000, dead_letters=dead)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(STATS_SECONDS)
            with suppress(RedisError, OSError):  # who appends and who takes says that it is away
                await self._look()

    async def _hear(self) -> None:
        """Pass on which shards have got something, for as long as there is somebody to hear it."""
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(f"{self._prefix}:ready")
                    while True:
                        heard = await channel.get_message(timeout=PAUSE_SECONDS)
                        if heard is not None and self._ready is not None:
                            self._ready(int(heard["data"]))
            except (RedisError, OSError):
                await asyncio.sleep(PAUSE_SECONDS)


def _id(message: NewMessage) -> str:
    return message.conversation_id + message.id


def _awaitable(asked: Any) -> Awaitable[Any]:
    """Of this client every command is one; its types are those of the waiting and of the blocking one."""
    return cast("Awaitable[Any]", asked)


def _taken(position: bytes, fields: list[bytes] | None) -> Taken:
    body = dict(zip(fields[::2], fields[1::2], strict=True)).get(b"m", b"") if fields else b""
    try:
        message = _decode(body)
    except msgspec.DecodeError:
        message = None
    return Taken(position=position.decode(), body=body, message=message)


def _away(error: Exception) -> MadangError:
    _log.warning("the queue does not answer", reason=str(error) or type(error).__name__)
    return outcome_unknown("the queue is away or full: send it again with the same id")
