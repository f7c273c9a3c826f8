"""Ten thousand messages and three million: what a list and a page of history cost must be the same.

Owns the questions that are timed, asked of the use cases and stores themselves in this process, because a way through sockets
would add the same to both and so hide a difference. Each pair of stores is asked in turns, as close together as can be. The
statements behind the questions must go by an index at three million, too, whatever their times.
"""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from bench.errors import BenchError
from bench.filling import READERS, History, fill_postgres, fill_sqlite
from bench.load import nearest_rank
from bench.report import Table
from bench.sizes import Sizes
from bench.subjects import Machine
from madang.contract.limits import LIMITS
from madang.domain.presence import SMALL_ROOM, VISIBLE_ROOMS
from madang.ports.log import PageWindow
from madang.ports.store import Store
from madang.ports.sync import ListPage
from madang.services.sync import SyncService
from madang.storage.postgres import PostgresStore
from madang.storage.sqlite import SqliteStore
from madang.telemetry import configure_logging
from tests.postgres_server import PostgresServer, running_postgres
from tests.query_plans import Recorder, walked_tables, walks

SMALL: Final = "few messages"
LARGE: Final = "many messages"
ATTEMPTS: Final = 3
"""How often a question may be asked anew before its times count as different: other work on the machine makes them so by chance, a
missing index makes them so each time."""
PAGE: Final = 50
MISSED: Final = 3
"""Messages missed of each tenth conversation by who comes back."""
POSTGRES: Final = {"max_wal_size": "8GB", "shared_buffers": "1GB"}
_encode = msgspec.json.Encoder().encode


class Questions:
    """What is asked of one store.

    Args:
        store: open.
        history: what is in it.
    """

    def __init__(self, store: Store, history: History) -> None:
        self._store = store
        self._history = history
        self._sync = SyncService(store.sync, store.epoch, LIMITS)
        self._known: dict[str, dict[str, tuple[str, int]]] = {}

    async def prepare(self) -> None:
        """Learn what readers know who come back: the list as it is, a little older here and there."""
        for number in range(READERS):
            reader = self._history.reader(number)
            page = await self._sync.page(reader, self._sync.known({}, None), ())
            self._known[reader] = {
                place.conversation_id: (self._store.epoch, place.version - (0 if n % 10 else MISSED))
                for n, place in enumerate(page.places)
            }

    def all(self) -> Mapping[str, Callable[[random.Random], Awaitable[object]]]:
        """The questions by name; each takes the chance that picks a reader or a place."""
        last = self._history.room
        return {
            "`init`, nothing known": lambda chance: self._init(chance, known=False),
            "`init`, a list is known": lambda chance: self._init(chance, known=True),
            "history, newest page": lambda _: self._page(PageWindow(limit=PAGE)),
            "history, before": lambda chance: self._page(
                PageWindow(limit=PAGE, before=chance.randint(last // 2, last))
            ),
            "history, around": lambda chance: self._page(
                PageWindow(limit=PAGE, around=chance.randint(PAGE, last - PAGE))
            ),
            "history, near its beginning": lambda chance: self._page(
                PageWindow(limit=PAGE, before=chance.randint(2 * PAGE, 3 * PAGE))
            ),
        }

    async def _init(self, chance: random.Random, *, known: bool) -> None:
        """What the handler of `init` reads and encodes."""
        reader = self._history.reader(chance.randrange(READERS))
        await self._store.accounts.users([reader])
        await self._store.conversations.presence_audience(reader, rooms=VISIBLE_ROOMS, room_size=SMALL_ROOM)
        claimed = self._sync.known(self._known[reader], 1) if known else self._sync.known({}, None)
        page: ListPage = await self._sync.page(reader, claimed, ())
        await self._store.log.heads([place.conversation_id for place in page.places])
        _encode((page.summaries, self._sync.changes(page.missed)))
        if len(page.places) < LIMITS.inbox_page or (known and not page.missed):
            raise BenchError(f"a list of {len(page.places)} with {len(page.missed)} changes was read")

    async def _page(self, window: PageWindow) -> None:
        page = await self._store.log.page(self._history.room_id, window, 1)
        _encode(page)
        if len(page) != PAGE:
            raise BenchError(f"a page of {len(page)} was read")


def run(machine: Machine, sizes: Sizes) -> Table:
    """Measure both stores."""
    configure_logging("auto", "warning")
    small, large = (History(groups=sizes.scale_groups, each=each, room=room) for each, room in sizes.scale)
    table = Table(
        "Scale",
        f"The same people and conversations, {sizes.scale_groups:,} groups of ten and one of a thousand, with "
        f"{small.messages:,} and with {large.messages:,} messages, of which the large group has {small.room:,} and "
        f"{large.room:,}. `init`: a list of {LIMITS.inbox_page} with everything the server reads for it; history: a page of "
        f"{PAGE} of the large group. {sizes.scale_samples} times each, in turns. Promised: at most twice as long.",
        subjects=(SMALL, LARGE),
        baseline=SMALL,
    )
    asyncio.run(_measure_sqlite(table, machine, sizes, small, large))
    asyncio.run(_measure_postgres(table, machine, sizes, small, large))
    return table


async def _measure_sqlite(table: Table, machine: Machine, sizes: Sizes, small: History, large: History) -> None:
    with tempfile.TemporaryDirectory(prefix="madang-bench-", dir=machine.folder) as folder:
        paths = {SMALL: Path(folder, "small.sqlite3"), LARGE: Path(folder, "large.sqlite3")}
        await fill_sqlite(paths[SMALL], small)
        await fill_sqlite(paths[LARGE], large)
        async with _opened(SqliteStore(paths[SMALL]), small) as few, _opened(SqliteStore(paths[LARGE]), large) as many:
            await _compare(table, "SQLite", sizes, {SMALL: few, LARGE: many})
        recorder = Recorder()
        store = SqliteStore(paths[LARGE], readers=1)
        async with _opened(store, large) as questions:
            await recorder.listen_to(store)
            for ask in questions.all().values():
                await ask(random.Random(0))
        if found := walks(paths[LARGE], recorder.data_statements()):
            raise BenchError(f"SQLite walks: {found}")


async def _measure_postgres(table: Table, machine: Machine, sizes: Sizes, small: History, large: History) -> None:
    with running_postgres(POSTGRES, parent=machine.folder) as postgres:
        databases = {SMALL: await postgres.database(), LARGE: await postgres.database()}
        await fill_postgres(postgres.url(databases[SMALL]), small)
        await fill_postgres(postgres.url(databases[LARGE]), large)
        await postgres.execute("SELECT pg_stat_reset()", database=databases[LARGE])
        async with (
            _opened(_postgres(postgres, databases[SMALL]), small) as few,
            _opened(_postgres(postgres, databases[LARGE]), large) as many,
        ):
            await _compare(table, "PostgreSQL", sizes, {SMALL: few, LARGE: many})
        # two thousand conversations may well be read from end to end, where a hundred of them are wanted
        if rows := (await walked_tables(postgres, databases[LARGE])).get("messages"):
            raise BenchError(f"PostgreSQL read {rows:,} messages from end to end")


def _postgres(postgres: PostgresServer, database: str) -> PostgresStore:
    return PostgresStore(postgres.url(database))


@asynccontextmanager
async def _opened(store: Store, history: History) -> AsyncIterator[Questions]:
    await store.open()
    try:
        questions = Questions(store, history)
        await questions.prepare()
        yield questions
    finally:
        await store.close()


async def _compare(table: Table, store: str, sizes: Sizes, asked: Mapping[str, Questions]) -> None:
    for question in asked[SMALL].all():
        times, attempts = await _ask(question, asked, sizes.scale_samples), 1
        while _slower(times) > 1 / sizes.scale_ratio and attempts < ATTEMPTS:
            times, attempts = await _ask(question, asked, sizes.scale_samples), attempts + 1
        if attempts > 1:
            table.notes.append(f"{store}, {question}: measured {attempts} times, the last counts.")
        for percent in (99, 50):
            row = table.row(f"{store}: {question}, p{percent}, ms", "less", at_least=sizes.scale_ratio)
            for subject in table.subjects:
                row.values[subject] = nearest_rank(times[subject], percent) / 1e6


def _slower(times: Mapping[str, list[int]]) -> float:
    """How many times as long many messages take, by the worse of two percentiles."""
    return max(nearest_rank(times[LARGE], percent) / nearest_rank(times[SMALL], percent) for percent in (99, 50))


async def _ask(question: str, asked: Mapping[str, Questions], samples: int) -> dict[str, list[int]]:
    """Nanoseconds of each answer, by store; the first fifth warms up."""
    times: dict[str, list[int]] = {subject: [] for subject in asked}
    chance = random.Random(question)
    gc.collect()
    gc.freeze()  # as in a server: the collector does not look at what was there before
    for sample in range(-(samples // 5), samples):
        for subject in list(asked)[:: -1 if sample % 2 else 1]:
            ask = asked[subject].all()[question]
            begun = time.perf_counter_ns()
            await ask(chance)
            if sample >= 0:
                times[subject].append(time.perf_counter_ns() - begun)
    gc.unfreeze()
    return times
