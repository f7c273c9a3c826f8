"""What PostgreSQL reads for each call of the store: rows by index, however much the tables hold.

The tables are filled and analysed, every port is called as on SQLite, and the server tells which tables were read from end
to end. Updates of what changes with every message must stay in place.
"""

from typing import Any

import pytest

from madang.ports.log import Mark
from madang.storage.postgres import PostgresStore
from tests.conformance.chat import Chat, message
from tests.integration.storage.test_query_plans import call_every_port
from tests.postgres_server import PostgresServer
from tests.query_plans import walked_tables

FILL = """
INSERT INTO users (id, username, name, name_folded, password_hash, created_at)
SELECT gen_random_uuid(), 'filler' || n, 'Filler', 'filler', 'x', 1 FROM generate_series(1, 3000) AS n;
INSERT INTO sessions (id, user_id, token_hash, created_at, expires_at) SELECT gen_random_uuid(), id, '', 1, 2 FROM users;
INSERT INTO conversations (id, type, last_seq, version, message_count, member_count, first_member_ids, last_message_at,
                           created_at)
SELECT gen_random_uuid(), 'group', 40, 40, 40, 3, '[]', n, 1 FROM generate_series(1, 1000) AS n;
INSERT INTO members (conversation_id, user_id, role, joined_at, joined_seq, visible_from_seq, last_read_seq,
                     last_read_ordinal, last_read_at, inbox_version)
SELECT c.id, u.id, 'member', 1, 1, 1, 0, 0, 1, 1 FROM (SELECT id, row_number() OVER () AS n FROM conversations) AS c
JOIN (SELECT id, row_number() OVER () AS n FROM users) AS u ON u.n % 1000 = c.n % 1000;
INSERT INTO messages (conversation_id, id, seq, version, ordinal, sender_id, type, content, body_hash, created_at)
SELECT c.id, gen_random_uuid(), n, n, n, (SELECT id FROM users LIMIT 1), 'text', 'filler', '', n
FROM conversations AS c, generate_series(1, 40) AS n;
INSERT INTO reactions (conversation_id, message_id, emoji, user_id, version, created_at)
SELECT conversation_id, id, '👍', sender_id, 1, 1 FROM messages WHERE seq = 1;
"""
READ = "SELECT relname, seq_tup_read AS walked, idx_tup_fetch AS looked_up FROM pg_stat_user_tables"
UPDATES = "SELECT relname, n_tup_upd AS all, n_tup_hot_upd AS in_place FROM pg_stat_user_tables"


@pytest.fixture
async def filled(postgres: PostgresServer, database: str) -> str:
    """A database with enough in it that walking a table costs more than looking into an index; its counts at zero."""
    await postgres.execute(FILL, "VACUUM ANALYZE", database=database)
    await postgres.execute("SELECT pg_stat_reset()", database=database)
    return database


async def counts(postgres: PostgresServer, database: str, statement: str) -> dict[str, Any]:
    """Rows of the statistics by table; a server tells them when its sessions have ended."""
    return {row["relname"]: row for row in await postgres.fetch(statement, database=database)}


async def test_no_table_is_read_from_end_to_end(postgres: PostgresServer, filled: str) -> None:
    """Looking whether there is an account reads one row; nothing else reads what it was not asked for."""
    store = PostgresStore(postgres.url(filled))
    await store.open()
    chat = Chat(store)
    for _ in range(7):  # after five calls a statement's plan is made for any argument
        await call_every_port(chat)
        await postgres.execute("UPDATE conversations SET unique_key = NULL WHERE unique_key = 'k'", database=filled)
    await store.close()
    assert await walked_tables(postgres, filled) == {}


@pytest.mark.parametrize("size", [1, 100])
async def test_counters_and_marks_are_updated_in_place(postgres: PostgresServer, filled: str, size: int) -> None:
    """No index knows what changes with every message, and the pages have room: most updates touch no index."""
    store = PostgresStore(postgres.url(filled))
    await store.open()
    chat = Chat(store)
    people = await chat.users(4)
    groups = [await chat.group(*people) for _ in range(3)]
    for _ in range(60):
        await chat.append(*(message(groups[n % 3], people[n % 4]) for n in range(size)))
        await store.log.mark(
            [Mark(conversation_id=group, user_id=people[0], seq=None) for group in groups], chat.tick()
        )
    await store.close()
    updates = await counts(postgres, filled, UPDATES)
    for table in ("conversations", "members", "users"):
        assert updates[table]["in_place"] > 0.9 * updates[table]["all"] - 12, (table, dict(updates[table]))


async def test_plans_made_while_the_tables_are_new_do_not_walk_when_they_have_grown(
    postgres: PostgresServer, database: str
) -> None:
    """Two thousand messages in one conversation of a young store, by sessions that planned when it held sixty: each looks up
    what it needs, not what the conversation holds.
    """
    store = PostgresStore(postgres.url(database))
    await store.open()
    chat = Chat(store)
    people = await chat.users(4)
    group, *_ = [await chat.group(*people) for _ in range(60)]
    await postgres.execute("ANALYZE", "SELECT pg_stat_reset()", database=database)  # one message in each conversation
    for _ in range(100):
        await chat.append(*(message(group, people[n % 4]) for n in range(20)))
    await store.close()
    read = await counts(postgres, database, READ)
    assert read["messages"]["walked"] == 0
    assert read["messages"]["looked_up"] < 200_000  # of millions
