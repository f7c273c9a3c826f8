"""Several writers on PostgreSQL: what was decided holds, whoever was waiting for whom."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from madang.clock import SystemClock
from madang.errors import MadangError
from madang.memory.bus import MemoryBus
from madang.ports.bus import LogAppended, conversation_channel
from madang.ports.log import Entry, Mark, Outcome, Verdict
from madang.services.committer import Committer
from madang.storage import postgres_connections, postgres_database
from madang.storage.postgres import PostgresStore
from madang.storage.statements import load
from madang.tasks import TaskSupervisor
from tests.conformance.chat import Chat, addition, message, outcomes, removal, seqs
from tests.postgres_server import PostgresServer

LOCK = "SELECT 1 FROM conversations WHERE id = $1 FOR NO KEY UPDATE"


@asynccontextmanager
async def somebody_else(postgres: PostgresServer, database: str, conversation_id: str) -> AsyncIterator[Any]:
    """Another node that holds a conversation, as its connection with the transaction open."""
    connection = await asyncpg.connect(postgres.url(database))
    try:
        async with connection.transaction():
            await connection.execute(LOCK, conversation_id)
            yield connection
    finally:
        await connection.close()


async def somebody_waits(postgres: PostgresServer, database: str) -> None:
    """Return when a connection of this database waits for a lock."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"
    async with asyncio.timeout(5):
        while not await postgres.fetch(waiting, database):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


async def sent_after_removal(postgres: PostgresServer, database: str, chat: Chat) -> Verdict:
    """Bob sends while another node, which holds the conversation, is about to commit his removal."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    async with somebody_else(postgres, database, group) as other:
        sending = asyncio.ensure_future(chat.append(message(group, bob, "am I still here?")))
        await somebody_waits(postgres, database)
        await other.execute("UPDATE members SET left_at = 1 WHERE conversation_id = $1 AND user_id = $2", group, bob)
    (verdict,) = await sending
    return verdict


async def test_whoever_was_removed_while_the_batch_waited_is_no_member(
    postgres: PostgresServer, database: str, postgres_chat: Chat
) -> None:
    """The check sees the members as they are when the lock is taken, not when the batch set out."""
    assert (await sent_after_removal(postgres, database, postgres_chat)).outcome is Outcome.NOT_A_MEMBER


async def test_one_statement_would_have_let_a_removed_member_write(
    postgres: PostgresServer, database: str, postgres_chat: Chat
) -> None:
    """The same function with lock and check in a single statement stores the message: the test above can fail."""
    whole = load("postgres_append_sends")["append_sends"]
    begin, end = whole.index("    IF p_wait"), whole.index("    RETURN QUERY")
    mutant = whole[:begin] + whole[end:]
    lock = "locked AS MATERIALIZED (SELECT * FROM conversations WHERE id = ANY (p_conversation) ORDER BY id FOR NO KEY UPDATE),"
    mutant = mutant.replace("WITH judged AS", f"WITH {lock} judged AS")
    arrays = (
        "unnest(held, seqs, versions, counts, times) AS head (id, last_seq, version, message_count, last_message_at)"
    )
    assert arrays in mutant
    mutant = mutant.replace(arrays, "locked AS head")
    await postgres.execute(mutant, database=database)
    assert (await sent_after_removal(postgres, database, postgres_chat)).outcome is Outcome.STORED


async def test_who_does_not_wait_is_told_that_a_conversation_is_busy(
    postgres: PostgresServer, database: str, postgres_chat: Chat
) -> None:
    """All of its entries, sends and changes, and nothing of them is kept; other conversations of the batch are stored."""
    chat = postgres_chat
    ann, bob = await chat.users(2)
    held, free = await chat.group(ann, bob), await chat.group(ann, bob)
    entries: list[Entry] = [
        message(held, ann),
        message(free, ann),
        removal(held, ann, bob),
        message(free, bob),
        message(held, bob),
    ]
    async with somebody_else(postgres, database, held):
        verdicts = await chat.store.log.append(entries, chat.tick(), wait=False)
        assert outcomes(verdicts) == [
            Outcome.BUSY, Outcome.STORED, Outcome.BUSY, Outcome.STORED, Outcome.BUSY
        ]  # fmt: skip  # one entry, one outcome
        assert outcomes(await chat.store.log.append([addition(held, ann, bob)], chat.tick(), wait=False)) == [
            Outcome.BUSY
        ]
    assert len(await chat.history(held)) == 1
    assert outcomes(await chat.store.log.append(entries[:3], chat.tick(), wait=False)) == [
        Outcome.STORED, Outcome.DUPLICATE, Outcome.STORED
    ]  # fmt: skip  # one entry, one outcome


async def test_a_held_conversation_keeps_its_order_and_nobody_waiting(
    postgres: PostgresServer, database: str, postgres_chat: Chat
) -> None:
    """Through the committer: others are stored meanwhile, and afterwards everything stands, and is told, in order."""
    chat = postgres_chat
    ann, bob = await chat.users(2)
    held, free = await chat.group(ann, bob), await chat.group(ann, bob)
    bus, tasks, told = MemoryBus(), TaskSupervisor(), list[int]()
    await bus.start()
    await bus.subscribe([conversation_channel(held)])
    bus.listen(
        lambda _, heard: (
            told.extend(entry.version for entry in heard.entries) if isinstance(heard, LogAppended) else None
        )
    )
    committer = Committer(chat.store.log, bus, SystemClock(), tasks, lanes=1)
    async with somebody_else(postgres, database, held):
        waiting = [asyncio.ensure_future(committer.commit(message(held, ann, str(number)))) for number in range(20)]
        await asyncio.sleep(0)
        await somebody_waits(postgres, database)
        waiting += [
            asyncio.ensure_future(committer.commit(message(held, bob, str(number)))) for number in range(20, 40)
        ]
        for number in range(5):
            verdict = await asyncio.wait_for(committer.commit(message(free, ann, str(number))), 1)
            assert verdict.outcome is Outcome.STORED
        assert not any(task.done() for task in waiting)
    verdicts = await asyncio.gather(*waiting)
    assert outcomes(verdicts) == [Outcome.STORED] * 40
    await committer.close()
    assert [entry.content for entry in await chat.history(held)][1:] == [str(number) for number in range(40)]
    assert told == list(range(2, 42))
    await bus.close()
    await tasks.close()


async def worker(chat: Chat, chance: random.Random, groups: list[str], people: list[str], rounds: int) -> None:
    """Sends, marks and changes of membership, in no order that a lock would like."""
    log = chat.store.log
    for _ in range(rounds):
        match chance.randrange(4):
            case 0:
                marks = [Mark(conversation_id=g, user_id=p, seq=None) for g in groups for p in people]
                await log.mark(chance.sample(marks, 12), chat.tick())
            case 1:
                group, (actor, one, two) = chance.choice(groups), chance.sample(people, 3)
                await log.append([addition(group, actor, one, two)], chat.tick())
                await log.append([removal(group, one, one), removal(chance.choice(groups), two, actor)], chat.tick())
                await log.append([addition(g, two, actor, one) for g in chance.sample(groups, 3)], chat.tick())
            case _:
                entries = [message(chance.choice(groups), chance.choice(people)) for _ in range(30)]
                found = await log.append(entries, chat.tick(), wait=chance.random() < 0.5)
                assert {v.outcome for v in found} <= {Outcome.STORED, Outcome.NOT_A_MEMBER, Outcome.BUSY}


async def test_nobody_waits_in_a_circle(postgres: PostgresServer, database: str) -> None:
    """Sends, marks and changes of the same people and conversations from all sides: not one deadlock, and no hole."""
    seed = random.randrange(2**32)
    store = PostgresStore(postgres.url(database), max_members=100)
    await store.open()
    chat = Chat(store)
    people = await chat.users(8)
    groups = [await chat.group(*people) for _ in range(5)]
    await asyncio.gather(*(worker(chat, random.Random(seed + n), groups, people, 25) for n in range(8)))
    for group in groups:
        history = await chat.history(group)
        assert seqs(history) == list(range(1, len(history) + 1)), seed
    await store.close()
    (row,) = await postgres.fetch("SELECT deadlocks FROM pg_stat_database WHERE datname = $1", database)
    assert row["deadlocks"] == 0, seed


async def test_a_conversation_held_for_long_is_unknown_not_lost(
    postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits is told in time that nothing is known: it may be stored yet, when it is free. Asked again, it is stored once."""
    monkeypatch.setattr(postgres_connections, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(postgres_database, "PATIENCE_SECONDS", 0.3)
    store = PostgresStore(postgres.url(database))
    await store.open()
    chat = Chat(store)
    ann = await chat.user()
    group = await chat.group(ann)
    entry = message(group, ann, "patience")
    async with somebody_else(postgres, database, group):
        with pytest.raises(MadangError, match="cannot be reached"):
            await asyncio.wait_for(chat.append(entry), 2)
    first, second = outcomes(await chat.append(entry, entry))
    assert (first in {Outcome.STORED, Outcome.DUPLICATE}, second) == (True, Outcome.DUPLICATE)
    assert [each.content for each in (await chat.history(group))[1:]] == ["patience"]
    await store.close()
