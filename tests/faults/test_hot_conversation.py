"""One room in which everybody shouts: batches carry it, and other rooms do not notice."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest

from madang.clock import SystemClock
from madang.memory.bus import MemoryBus
from madang.ports.log import Outcome
from madang.services.committer import Committer
from madang.storage.postgres import PostgresStore
from madang.storage.sqlite import SqliteStore
from madang.tasks import TaskSupervisor
from tests.conformance.chat import Chat, message, seqs
from tests.postgres_server import PostgresServer
from tests.scale import SCALE

pytestmark = pytest.mark.serial

SENDERS = 50
UNDER_WAY = 10
"""Messages of each that are not answered yet."""
ROOMS = 50
SECONDS = 1.5 * min(SCALE, 10)
TIMES_FASTER = 5
NOISE_SECONDS = 0.2
"""What a busy machine may add."""


@pytest.fixture(params=["sqlite", "postgres"])
async def chat(request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer) -> AsyncIterator[Chat]:
    """An open store."""
    kind = request.param
    store = (
        SqliteStore(tmp_path / "madang.db")
        if kind == "sqlite"
        else PostgresStore(postgres.url(await postgres.database()))
    )
    await store.open()
    yield Chat(store)
    await store.close()


class Crowd:
    """Senders in one room, and rooms beside it where somebody writes now and then."""

    def __init__(self, chat: Chat, people: list[str], hot: str, beside: list[str]) -> None:
        self._people = people
        self._hot = hot
        self._beside = beside
        self._log = chat.store.log
        self._tasks = TaskSupervisor()
        self._committer = Committer(self._log, MemoryBus(), SystemClock(), self._tasks, lanes=chat.store.lanes)
        self.stored = 0

    async def one_by_one(self) -> float:
        """Messages a second when each has a transaction of its own: the next is sent when the last is stored."""
        waited: list[float] = []
        await self._send(self._hot, self._people[0], monotonic() + SECONDS / 3, waited)
        self.stored += len(waited)
        return len(waited) / (SECONDS / 3)

    async def talk(self, *, shouting: bool) -> tuple[list[float], list[float]]:
        """How long each message of the hot room and of the others waited, shortest first."""
        ends, hot, others = monotonic() + SECONDS, list[float](), list[float]()
        shouts = self._people * UNDER_WAY if shouting else []
        await asyncio.gather(
            *(self._send(self._hot, person, ends, hot) for person in shouts),
            *(self._send(room, self._people[0], ends, others, pause=1.0) for room in self._beside),
        )
        self.stored += len(hot)
        return sorted(hot), sorted(others)

    async def _send(self, room: str, person: str, ends: float, waited: list[float], *, pause: float = 0.0) -> None:
        await asyncio.sleep(random.uniform(0, pause))
        while monotonic() < ends:
            began = monotonic()
            verdict = await self._committer.commit(message(room, person))
            assert verdict.outcome is Outcome.STORED
            waited.append(monotonic() - began)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """End what was started."""
        await self._committer.close()
        await self._tasks.close()


def slowest_tenth(waits: list[float]) -> float:
    """How long it waited, at least; of so few, the slowest hundredth would be one."""
    return waits[int(len(waits) * 0.9)]


async def test_a_hot_conversation_is_carried_in_batches(chat: Chat, postgres: PostgresServer) -> None:
    """Fifty people who send flat out get at least five times what a transaction per message gives, in one order without holes,
    and who writes elsewhere waits hardly longer than before.
    """
    people = await chat.users(SENDERS)
    hot = await chat.group(*people)
    crowd = Crowd(chat, people, hot, [await chat.group(people[0]) for _ in range(ROOMS)])
    deadlocks = "SELECT sum(deadlocks) AS number FROM pg_stat_database"
    (before,) = await postgres.fetch(deadlocks)
    alone = await crowd.one_by_one()
    _, quiet = await crowd.talk(shouting=False)
    hot_waits, beside = await crowd.talk(shouting=True)
    alone = (alone + await crowd.one_by_one()) / 2
    await crowd.close()
    assert len(hot_waits) / SECONDS > TIMES_FASTER * alone
    assert slowest_tenth(beside) < 1.5 * slowest_tenth(quiet) + NOISE_SECONDS
    head = (await chat.store.log.heads([hot]))[hot]
    assert head.seq == crowd.stored + 1
    last = await chat.store.log.since(hot, head.seq - 500, 500)
    assert last is not None
    assert seqs(list(last.messages)) == list(range(head.seq - 499, head.seq + 1))
    assert await postgres.fetch(deadlocks) == [before]
