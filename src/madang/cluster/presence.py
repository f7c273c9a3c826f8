"""Presence over several nodes: leases on Redis or Valkey, that end with the node that holds them.

Owns this node's leases: writing them, renewing them, and taking over the people of nodes that have died. A node holds one lease
for each user with a device on it, under an epoch of its own; which devices those are only the node knows, because they cannot
outlive it. So another tab costs nothing, and a beat renews everything at once.

    UNKNOWN -> HELD [beat: the epoch is among the nodes]
    HELD -> UNKNOWN [a command had no answer, or the epoch was lost, has lapsed, or is as it was some time ago]
    UNKNOWN again: the next beat gives the old epoch up, takes a new one and writes all leases again

Invariants:
1. What is in Redis is made to follow what is here, one write after the other; a command whose outcome is unknown belongs to an
   epoch that is given up, so however late it is run, it changes nothing that counts.
2. A node's leases count until another node has taken its people over, never by the clock alone: while Redis is silent, nobody
   comes or goes.
3. A node takes over others only after it has itself been answered for `SETTLE_SECONDS`: then whoever lives has renewed.
4. Somebody of whom there is something to tell is in the `held` set of a node that lives, until that is told.
5. After data was lost, what is here says nothing of others before `SETTLE_SECONDS`: until then they stay as they were known last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, Final, cast

import structlog
from redis.asyncio import Redis

from madang.clock import Clock
from madang.cluster.client import Scripts, answered
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.tasks import TaskSupervisor

__all__ = ["RedisPresence"]

LEASE_SECONDS: Final = 30.0
BEAT_SECONDS: Final = 2.0
"""With the lease, the beat and a second of gathering, whoever was on a node that died is told as gone within 35 s."""
SETTLE_SECONDS: Final = 8.0
"""After this every node that lives has found out that Redis answers again: two beats, and an answer it waited for in vain."""
GIVEN_UP_SECONDS: Final = 5.0
"""How long the leases of a node that was stopped go on: its people need that long to come to another one."""
PEOPLE_AT_ONCE: Final = 500
REMEMBERED: Final = 100_000
"""People whose last known presence is kept for the time in which nobody can be asked."""

_Run = Callable[[str, Sequence[str], Sequence[str | int]], Awaitable[Any]]
_log = structlog.get_logger(__name__)


class RedisPresence:
    """The port `Presence` on Redis.

    Args:
        client: decodes what it gets; closed by whoever made it.
        installation: distinguishes this installation's keys from others' on the same server.
        lease_seconds: how long a dead node's leases count; `beat_seconds` and `settle_seconds` as the constants.
    """

    def __init__(
        self,
        client: Redis,
        *,
        installation: str,
        clock: Clock,
        tasks: TaskSupervisor,
        lease_seconds: float = LEASE_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._client = client
        self._scripts = Scripts(client, "renew", "write", "online", "untold", "told", "inherit")
        self._prefix = f"madang:{{{installation}}}:presence:"
        self._clock = clock
        self._tasks = tasks
        self._lease_ms = int(lease_seconds * 1_000)
        self._beat_seconds = beat_seconds
        self._settle_seconds = settle_seconds
        self._devices: dict[str, set[str]] = {}
        self._told: set[str] = set()
        """People with a device here who are known to have been told as online."""
        self._unwritten: set[str] = set()
        """People whose lease on Redis may not be what it is here."""
        self._seen: dict[str, None] = {}
        """People who were online when they were last asked about."""
        self._epoch = new_id()
        self._lease_ends = 0
        """As Redis gave it; 0 before that."""
        self._doubted = False
        """Whether a command of this epoch may still be run, at any time."""
        self._origin = ""
        self._given_up = ""
        self._answered_since: float | None = None
        self._answered_at = 0.0
        self._trusted_from = 0.0
        self._writing = asyncio.Lock()
        self._changed: Callable[[Collection[str]], None] = lambda _: None
        self._life: asyncio.Task[None] | None = None

    def listen(self, changed: Callable[[Collection[str]], None]) -> None:
        self._changed = changed

    async def start(self) -> None:
        """Begin to hold leases; returns after the first beat, whatever became of it."""
        await self._beat()
        self._life = self._tasks.start(self._live(), "presence leases")

    async def close(self) -> None:
        """See the port. Safe to call twice."""
        if self._life is None:
            return
        self._life.cancel()
        with suppress(asyncio.CancelledError):
            await self._life
        self._life = None
        if self._lease_ends:
            with suppress(MadangError):  # else the leases lapse
                await self._renew(min(self._lease_ms, int(GIVEN_UP_SECONDS * 1_000)))

    async def arrive(self, user_id: str, device_id: str) -> bool:
        devices = self._devices.setdefault(user_id, set())
        first = not devices
        devices.add(device_id)
        if first:
            await self._write_soon(user_id)
        return first

    async def leave(self, user_id: str, device_id: str) -> bool:
        devices = self._devices.get(user_id)
        if devices is None or device_id not in devices:
            return False
        devices.discard(device_id)
        if devices:
            return False
        del self._devices[user_id]
        await self._write_soon(user_id)
        return True

    async def online(self, user_ids: Collection[str]) -> set[str]:
        asked = [user_id for user_id in user_ids if user_id not in self._devices]
        here = {user_id for user_id in user_ids if user_id in self._devices}
        if not asked:
            return here
        if self._knows:
            with suppress(MadangError):
                found = {user for user, online in (await self._ask(self._run, "online", asked, [])).items() if online}
                self._remember(asked, found)
                return here | found
        return here | {user_id for user_id in asked if user_id in self._seen}

    async def untold(self, user_ids: Collection[str]) -> dict[str, bool]:
        if not self._knows:
            raise MadangError(
                ErrorCode.UNAVAILABLE, "Redis does not answer, or not all nodes have written their leases"
            )
        people = list(user_ids)
        answers = await self._ask(self._run, "untold", people, people, self._key("held", self._epoch))
        return {user: bool(online) for user, online in answers.items() if online >= 0}

    async def told(self, user_id: str, *, online: bool) -> bool:
        keys = [self._key("nodes"), self._key("held", self._epoch), self._key("user", user_id)]
        still = self._held(await self._change("told", keys, [self._epoch, user_id, int(online)]))
        if online and user_id in self._devices:
            self._told.add(user_id)
        else:
            self._told.discard(user_id)
        return bool(still)

    @property
    def _knows(self) -> bool:
        """Whether Redis has answered last, so that nobody waits for it in vain, and knows of all nodes."""
        return self._answered_since is not None and self._clock.monotonic() >= self._trusted_from

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(self._beat_seconds)
            try:
                await self._beat()
            except Exception:  # noqa: BLE001  # whatever it is, without beats everybody here would be told as gone
                _log.exception("a beat failed")

    async def _beat(self) -> None:
        try:
            lapsed = await self._renew(self._lease_ms)
            await self._write()
            now = self._clock.monotonic()
            if self._answered_since is None or now - self._answered_at > self._settle_seconds:
                self._answered_since = now  # or this whole machine has slept, and others with it
            self._answered_at = now
            if now - self._answered_since >= self._settle_seconds:
                for epoch in lapsed:
                    await self._inherit(epoch)
        except MadangError as error:
            _log.info("leases are renewed later", reason=error.reason)

    async def _renew(self, lease_ms: int) -> Sequence[str]:
        """Go on with the lease, or begin a new one if it is over. Gives the epochs of nodes that have died."""
        ends, origin, lapsed = await self._ask_to_renew(lease_ms)
        if ends <= 0:
            self._lose(was_taken_over=ends == 0 and origin == self._origin)
        elif not self._doubted:
            self._begin(ends, origin, anew=not self._lease_ends)
            return lapsed
        self._given_up, self._epoch, self._lease_ends = self._epoch, new_id(), 0
        ends, origin, lapsed = await self._ask_to_renew(lease_ms)
        self._begin(ends, origin, anew=True)
        return lapsed

    async def _ask_to_renew(self, lease_ms: int) -> tuple[int, str, Sequence[str]]:
        keys = [self._key("nodes"), self._key("origin")]
        args: list[str | int] = [self._epoch, self._lease_ends, lease_ms, new_id(), self._given_up]
        ends, origin, lapsed = await self._change("renew", keys, args)
        return ends, origin, lapsed

    def _begin(self, ends: int, origin: str, *, anew: bool) -> None:
        self._lease_ends, self._origin, self._given_up, self._doubted = ends, origin, "", False
        if anew:
            self._unwritten.update(self._devices)

    def _lose(self, *, was_taken_over: bool) -> None:
        """The epoch is over. Unless others have taken its people over and told of them, data was lost, theirs as well."""
        self._answered_since = None
        if was_taken_over:
            self._told.clear()
        else:
            self._trusted_from = self._clock.monotonic() + self._settle_seconds
        _log.warning("leases are written again", users=len(self._devices), taken_over=was_taken_over)
        self._changed(list(self._devices))

    async def _write_soon(self, user_id: str) -> None:
        self._unwritten.add(user_id)
        with suppress(MadangError):  # the next beat writes it
            await self._write()

    async def _write(self) -> None:
        """Write what is to be written; what comes meanwhile is the next batch."""
        async with self._writing:
            while self._unwritten and self._lease_ends and not self._doubted:
                people = [self._unwritten.pop() for _ in range(min(PEOPLE_AT_ONCE, len(self._unwritten)))]
                facts = [
                    fact for user in people for fact in (user, int(user in self._devices), int(user in self._told))
                ]
                try:
                    answers = await self._ask(self._change, "write", people, facts, self._key("held", self._epoch))
                except BaseException:
                    self._unwritten.update(people)
                    raise
                self._told.update(user for user, told in answers.items() if told and user in self._devices)
                self._told.difference_update(user for user in people if user not in self._devices)

    async def _inherit(self, epoch: str) -> None:
        """Take over the people of a node that has died, and have them looked at."""
        theirs, mine = self._key("held", epoch), self._key("held", self._epoch)
        while True:
            people = await answered(cast("Awaitable[list[str]]", self._client.srandmember(theirs, PEOPLE_AT_ONCE)))
            keys = [self._key("nodes"), theirs, mine, *(self._key("user", user) for user in people)]
            taken = await self._run("inherit", keys, [epoch, *people])
            if taken is None:  # it lives after all
                return
            self._changed([user for user, is_taken in zip(people, taken, strict=True) if is_taken])
            if not people:
                _log.info("a node has died", epoch=epoch)
                return

    async def _ask(
        self, run: _Run, script: str, people: Sequence[str], facts: Sequence[str | int], *keys: str
    ) -> dict[str, int]:
        """A script's answer about each of these people."""
        places = [self._key("nodes"), *keys, *(self._key("user", user) for user in people)]
        given = self._held(await run(script, places, [self._epoch, *facts]))
        return dict(zip(people, given, strict=True))

    async def _change(self, script: str, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        """Run a script that changes something; without an answer it may be run at any time from now on."""
        try:
            return await self._run(script, keys, args)
        except BaseException:
            self._doubted = True
            raise

    async def _run(self, script: str, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        try:
            return await self._scripts.run(script, keys, args)
        except BaseException:
            self._answered_since = None
            raise

    def _held(self, answer: Any) -> Any:
        """The answer of a script that gives nothing if this node's lease is over."""
        if answer is None:
            raise MadangError(ErrorCode.UNAVAILABLE, "the leases of this node are over")
        return answer

    def _remember(self, asked: Collection[str], online: Collection[str]) -> None:
        for user_id in asked:
            self._seen.pop(user_id, None)
        self._seen.update(dict.fromkeys(online))
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)
