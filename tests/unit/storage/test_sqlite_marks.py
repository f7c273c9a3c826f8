"""Read marks: what of a member row they leave, and the number of the list they are stamped with."""

from sqlalchemy import Connection, select, update

from madang.storage.sqlite import SqliteStore
from madang.storage.tables import members
from tests.conformance.chat import Chat


async def mark_unread(store: SqliteStore, user_id: str) -> None:
    """Set `marked_unread`, which no call does yet."""

    def change(conn: Connection) -> None:
        conn.execute(update(members).where(members.c.user_id == user_id).values(marked_unread=True))

    await store._database.write(change)


async def stamp(store: SqliteStore, user_id: str) -> int:
    """The number of the list that last touched somebody's one row."""

    def read(conn: Connection) -> int:
        number: int = conn.scalars(select(members.c.inbox_version).where(members.c.user_id == user_id)).one()
        return number

    return await store._database.read(read)


async def test_reading_clears_the_flag_even_at_the_head(store: SqliteStore, chat: Chat) -> None:
    """That is a change of the list, and told as one; reading once more is none."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    await mark_unread(store, bob)
    assert (await chat.summary(bob, group)).me.marked_unread
    assert (await chat.read(group, bob)).moved
    assert not (await chat.summary(bob, group)).me.marked_unread
    assert await chat.inbox_version(bob) == 2
    assert not (await chat.read(group, bob)).moved
    assert await chat.inbox_version(bob) == 2


async def test_sending_clears_the_flag(store: SqliteStore, chat: Chat) -> None:
    """Unless it keeps unread."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    await mark_unread(store, bob)
    await chat.send(group, bob, keep_unread=True)
    assert (await chat.summary(bob, group)).me.marked_unread
    await chat.send(group, bob)
    assert not (await chat.summary(bob, group)).me.marked_unread


async def test_a_row_is_stamped_with_the_number_of_its_change(store: SqliteStore, chat: Chat) -> None:
    """Joining and reading; not the mark that sending moves."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    assert await stamp(store, bob) == await chat.inbox_version(bob) == 1
    await chat.send(group, bob)
    assert await stamp(store, bob) == await chat.inbox_version(bob) == 1
    await chat.send(group, ann)
    await chat.read(group, bob)
    assert await stamp(store, bob) == await chat.inbox_version(bob) == 2
