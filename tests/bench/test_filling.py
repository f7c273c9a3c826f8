"""Filled stores: what is put in beside the log is what the log would have made."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from bench.filling import GROUP, ROOM_MEMBERS, History, fill_postgres, fill_sqlite
from bench.sizes import FULL
from madang.ports.log import PageWindow
from madang.ports.sync import ListQuery
from madang.storage.postgres import PostgresStore
from madang.storage.sqlite import SqliteStore
from tests.postgres_server import PostgresServer

HISTORY = History(groups=40, each=3, room=70)
FRESH = ListQuery(
    known={}, inbox=None, left_since=None, name_unknown=True, exclude=(), only=None, summaries=100, places=1_000, rows=500,
    page_rows=50,
)  # fmt: skip


async def expect_it_whole(store: SqliteStore | PostgresStore) -> None:
    """A list with what it should hold, a page without a hole, and nothing the doctor finds."""
    await store.open()
    page = await store.sync.page(HISTORY.reader(0), FRESH)
    assert sorted(summary.member_count for summary in page.summaries) == [GROUP, GROUP, ROOM_MEMBERS]
    assert all(summary.last_message is not None and summary.unread_count == 3 for summary in page.summaries)
    newest = await store.log.page(HISTORY.room_id, PageWindow(limit=50), 1)
    assert [message.seq for message in newest] == list(range(21, 71))
    assert await store.faults() == []
    await store.close()


async def test_a_filled_file_is_sound(tmp_path: Path) -> None:
    """References hold, counters agree with rows, and it opens as any other store."""
    await fill_sqlite(tmp_path / "madang.sqlite3", HISTORY)
    await expect_it_whole(SqliteStore(tmp_path / "madang.sqlite3"))


async def test_a_filled_database_is_sound(postgres: PostgresServer) -> None:
    """The same on PostgreSQL."""
    name = await postgres.database()
    await fill_postgres(postgres.url(name), HISTORY)
    await expect_it_whole(PostgresStore(postgres.url(name)))
    await postgres.drop(name)


def test_messages_of_a_conversation_lie_scattered() -> None:
    """Conversations speak in turn, the large one as often as its share is, so no page is read from neighbouring rows."""
    *_, (_, _, rows) = HISTORY.tables()
    speakers = [row[0] for row in rows]
    assert len(speakers) == HISTORY.messages
    assert Counter(speakers)[HISTORY.room_id] == HISTORY.room
    assert not any(one == two == HISTORY.room_id for one, two in pairwise(speakers))


@pytest.mark.parametrize(("size", "messages"), [(0, 10_000), (1, 3_000_000)])
def test_the_sizes_are_those_of_the_promise(size: int, messages: int) -> None:
    """Ten thousand and three million."""
    each, room = FULL.scale[size]
    assert History(groups=FULL.scale_groups, each=each, room=room).messages == messages
