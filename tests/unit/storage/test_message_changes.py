"""What changes of messages leave in the tables: what was said before, and sums that agree with the rows."""

from typing import Any

from sqlalchemy import Connection, func, select

from madang.contract.shapes import Reaction
from madang.storage.message_changes import REACTORS
from madang.storage.sqlite import SqliteStore
from madang.storage.tables import message_edits, reactions
from tests.conformance.chat import Chat, deletion, edit, reaction

HEART = "❤\ufe0f"


async def edits(store: SqliteStore) -> list[Any]:
    """What messages said before, oldest first."""

    def read(conn: Connection) -> list[Any]:
        c = message_edits.c
        return [tuple(row) for row in conn.execute(select(c.version, c.content, c.written_at).order_by(c.version))]

    return await store._database.read(read)


async def test_what_a_message_said_is_kept(store: SqliteStore, chat: Chat) -> None:
    """With the version that replaced it and the time when it was written; nothing for an edit that changed nothing."""
    ann = await chat.user()
    group = await chat.group(ann)
    sent = await chat.send(group, ann, "a")
    made = chat.now
    await chat.append(edit(group, ann, sent.id, "b"), now=made + 5)
    await chat.append(edit(group, ann, sent.id, "b"), reaction(group, ann, sent.id, HEART), now=made + 6)
    await chat.append(edit(group, ann, sent.id, "c"), now=made + 7)
    assert await edits(store) == [(3, "a", made), (5, "b", made + 5)]


async def test_deleting_erases_what_a_message_said(store: SqliteStore, chat: Chat) -> None:
    """Of this one message; nothing of it can be read out of the file's rows."""
    ann = await chat.user()
    group = await chat.group(ann)
    first, second = [await chat.send(group, ann, "secret") for _ in range(2)]
    await chat.append(*(edit(group, ann, sent.id, "public") for sent in (first, second)))
    await chat.append(*(reaction(group, ann, sent.id, HEART) for sent in (first, second)))
    await chat.append(deletion(group, ann, first.id))
    assert [content for _, content, _ in await edits(store)] == ["secret"]

    def rows(conn: Connection) -> list[str]:
        return list(conn.scalars(select(reactions.c.message_id)))

    assert await store._database.read(rows) == [second.id]


async def test_the_first_people_are_named_and_all_are_counted(store: SqliteStore, chat: Chat) -> None:
    """Who takes a reaction back makes room for the next in the order of coming."""
    people = await chat.users(REACTORS + 3)
    group = await chat.group(*people)
    sent = await chat.send(group, people[0])
    await chat.append(*(reaction(group, who, sent.id, HEART) for who in people))

    async def shown() -> Reaction:
        (only,) = (await chat.history(group))[-1].reactions
        return only

    assert (await shown()).count == REACTORS + 3
    assert (await shown()).user_ids == people[:REACTORS]
    await chat.append(*(reaction(group, people[number], sent.id, HEART, remove=True) for number in (2, REACTORS + 1)))
    remaining = [who for number, who in enumerate(people) if number not in (2, REACTORS + 1)]
    assert (await shown()).count == len(remaining)
    assert (await shown()).user_ids == remaining[:REACTORS]

    def count(conn: Connection) -> int:
        return conn.scalar(select(func.count()).select_from(reactions)) or 0

    assert await store._database.read(count) == len(remaining)
