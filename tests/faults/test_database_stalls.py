"""A PostgreSQL that stands still, answers late, or lets one row wait: answers come in time, and nothing piles up."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import httpx2
import pytest

from madang.ids import new_id
from tests.faults.proxy import Proxy
from tests.people import Device, Person
from tests.postgres_server import PostgresServer
from tests.scale import SCALE
from tests.server_process import ServerProcess

STALL_SECONDS = 5.0
KINDS = ("stopped", "late") if SCALE > 1 else ("stopped",)
ANSWER_SECONDS = 6.5
"""Everybody is answered within five seconds; the rest is for a busy machine."""
RECOVERY_SECONDS = 5.0
REFUSED_AFTER = 2.7, 3.7
"""Seconds of a stall in which the first has waited two, and the first batch has not been given up yet."""
FLOOD_PER_SECOND = 100
HEARTBEAT = {"ping_interval": "1", "ping_timeout": "2"}

Ask = Callable[[], Awaitable[Any]]


class Asked:
    """What was asked, and how it was answered."""

    def __init__(self) -> None:
        self.began = monotonic()
        self.answers: list[tuple[float, float, Any]] = []
        """When it was asked, how long it took, the answer."""

    async def ask(self, ask: Ask) -> None:
        """Ask once."""
        asked = monotonic()
        answer = await ask()
        self.answers.append((asked - self.began, monotonic() - asked, answer))

    async def again_and_again(self, seconds: float, ask: Ask, pause: float = 0.1) -> None:
        """Ask one after another, for so many seconds."""
        while monotonic() < self.began + seconds:
            await self.ask(ask)
            await asyncio.sleep(pause)

    async def flood(self, seconds: float, ask: Ask) -> None:
        """Ask without waiting for answers, for so many seconds."""
        async with asyncio.TaskGroup() as group:
            while monotonic() < self.began + seconds:
                group.create_task(self.ask(ask))
                await asyncio.sleep(1 / FLOOD_PER_SECOND)

    def slowest(self, since: float = 0.0, until: float = 1e9) -> float:
        """The longest that an answer took, of what was asked in that time."""
        return max(took for asked, took, _ in self.answers if since <= asked < until)

    def errors(self) -> set[str]:
        """The errors among the answers."""
        return {answer["error"] for _, _, answer in self.answers if not answer["ok"]}


@asynccontextmanager
async def stalled(fragile: PostgresServer, line: Proxy, how: str) -> AsyncIterator[None]:
    """The database's processes are stopped, or each of its answers takes five seconds."""
    if how == "late":
        line.delay = (5.0, 5.0)
        yield
        line.delay = (0.0, 0.0)
        return
    fragile.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        fragile.send_signal(signal.SIGCONT)


def sending(device: Device, room: str) -> Ask:
    """Sends a new message each time."""
    return lambda: device.ask(
        "message:send", {"id": new_id(), "conversationId": room, "content": "x"}, seconds=ANSWER_SECONDS + 4
    )


def reading(device: Device, room: str) -> Ask:
    """Moves the read mark to the newest message."""
    return lambda: device.ask("message:read", {"conversationId": room}, seconds=ANSWER_SECONDS + 4)


def calling(person: Person, path: str) -> Ask:
    """Calls over HTTP; the answer in the form of an ack."""

    async def call() -> Any:
        response = await person.http("GET", path)
        return {"ok": True} if response.is_success else response.json()

    return call


async def queued(server: ServerProcess) -> float:
    """How many changes wait to be committed."""
    async with httpx2.AsyncClient() as http:
        text = (await http.get(f"{server.url}/metrics")).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("madang_commit_queue_entries "))


async def recover(asks: list[Ask]) -> None:
    """Everything that is asked succeeds again, soon."""
    async with asyncio.timeout(RECOVERY_SECONDS):
        for ask in asks:
            while not (await ask())["ok"]:  # noqa: ASYNC110 - whether it succeeds is what is asked
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("how", KINDS)
async def test_a_database_that_stands_still_keeps_nobody_waiting(
    how: str, tmp_path: Path, fragile: PostgresServer
) -> None:
    """Whatever is asked is answered within five seconds, what comes when others have waited for two is refused at once,
    heartbeats go on, and it works again soon after.
    """
    name = await fragile.empty_database()
    async with Proxy(fragile.socket) as line:
        url = f"postgresql://postgres@127.0.0.1:{line.port}/{name}"
        async with ServerProcess(tmp_path, {"database_url": url, **HEARTBEAT}) as server:
            mina, joon = [await Person.of_host(server, name) for name in ("mina", "joon")]
            phone, other = await mina.device(), await joon.device()
            room, flooded = await mina.group(joon), await mina.group(joon)
            sends, reads = sending(phone, room), calling(joon, f"/api/conversations/{room}/messages")
            marks = reading(phone, room)
            await recover([sends, reads, marks])
            sent, read, marked, alive, flood = (Asked() for _ in range(5))
            async with stalled(fragile, line, how), asyncio.TaskGroup() as group:
                group.create_task(sent.again_and_again(STALL_SECONDS, sends))
                group.create_task(read.again_and_again(STALL_SECONDS, reads))
                group.create_task(marked.again_and_again(STALL_SECONDS, marks))
                group.create_task(alive.again_and_again(STALL_SECONDS, calling(mina, "/health/live")))
                group.create_task(flood.flood(REFUSED_AFTER[1], sending(other, flooded)))
                await asyncio.sleep(REFUSED_AFTER[1])
                waiting = await queued(server)
            await recover([sends, reads, marks, sending(other, flooded)])
            assert (phone.disconnects, other.disconnects) == ([], [])
            assert "Traceback" not in server.log, server.log
            await mina.close()
            await joon.close()
    for asked in (sent, read, marked, flood):
        assert asked.slowest() < ANSWER_SECONDS
        assert asked.errors() <= {"try_again", "unavailable"}
    assert sent.errors() == flood.errors() == {"try_again"}
    assert alive.slowest() < 1
    assert flood.slowest(*REFUSED_AFTER) < 1
    assert waiting < REFUSED_AFTER[0] * FLOOD_PER_SECOND


async def test_a_row_that_is_held_stops_its_conversation_only(tmp_path: Path, fragile: PostgresServer) -> None:
    """Another program locks a conversation's row: who writes there is told to try again within five seconds, who reads it and
    who writes elsewhere notices nothing, and it goes on when the lock is gone.
    """
    url = fragile.url(await fragile.empty_database())
    async with ServerProcess(tmp_path, {"database_url": url, **HEARTBEAT}) as server:
        mina, joon = [await Person.of_host(server, name) for name in ("mina", "joon")]
        phone, other = await mina.device(), await joon.device()
        room, *elsewhere = [await mina.group(joon) for _ in range(9)]
        reads = calling(joon, f"/api/conversations/{room}/messages")
        held, read, free = Asked(), Asked(), Asked()
        holder = await asyncpg.connect(url)
        await holder.execute("BEGIN")
        await holder.execute("SELECT 1 FROM conversations WHERE id = $1 FOR UPDATE", room)
        async with asyncio.TaskGroup() as group:
            group.create_task(held.flood(STALL_SECONDS, sending(phone, room)))
            group.create_task(read.again_and_again(STALL_SECONDS, reads))
            for room_ in elsewhere:
                group.create_task(free.again_and_again(STALL_SECONDS, sending(other, room_)))
        await holder.close()
        await recover([sending(phone, room)])
        assert (phone.disconnects, other.disconnects) == ([], [])
        assert "Traceback" not in server.log, server.log
        await mina.close()
        await joon.close()
    assert held.slowest() < ANSWER_SECONDS
    assert held.errors() == {"try_again"}
    assert (read.errors(), free.errors()) == (set(), set())
    assert max(read.slowest(), free.slowest()) < 1
