"""The store in memory: what it keeps and what it counts; its answers are compared in the conformance suites."""

import pytest

from madang.errors import ErrorCode, MadangError
from madang.memory.store import MemoryStore
from tests.conformance.chat import Chat, message


async def test_it_answers_only_while_it_is_open() -> None:
    """As a store on a disk would."""
    store = MemoryStore()
    with pytest.raises(MadangError) as refused:
        await store.ping()
    assert refused.value.code is ErrorCode.UNAVAILABLE
    await store.open()
    await store.ping()


async def test_opening_again_keeps_what_it_holds() -> None:
    """For as long as the object lives."""
    store = MemoryStore()
    await store.open()
    chat = Chat(store)
    ann = await chat.user()
    group = await chat.group(ann)
    epoch = store.epoch
    await store.close()
    await store.open()
    assert (await store.log.heads([group]))[group].seq == 1
    assert store.epoch == epoch


async def test_unread_is_counted_message_by_message() -> None:
    """It is the oracle for stores that do arithmetic, so it must not do any."""
    store = MemoryStore()
    await store.open()
    chat = Chat(store)
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    await chat.append(
        *(message(group, (ann, bob)[n % 2], str(n), keep_unread=True, silent=n % 3 == 0) for n in range(9))
    )
    row = store.log._rows.conversations[group]
    counted = [m for m in row.messages if m.counts and m.sender_id == ann]
    assert (await chat.summary(bob, group)).unread_count == len(counted) == 3
