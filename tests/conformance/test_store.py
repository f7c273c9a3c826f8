"""The port `Store`: opening, closing, what survives."""

import asyncio

import pytest

from madang.errors import ErrorCode, MadangError
from madang.ids import parse_id
from madang.ports.log import Outcome
from madang.ports.store import Store
from tests.conformance.chat import Chat, message, outcomes
from tests.conformance.conftest import DURABLE, MakeStore


async def test_the_epoch_is_a_uuid(store: Store) -> None:
    """It is compared as text, so it stands in its canonical form."""
    assert parse_id(store.epoch) == store.epoch


async def test_an_open_store_answers(store: Store) -> None:
    """`ping` returns."""
    await store.ping()


async def test_closing_twice_is_safe(store: Store) -> None:
    """And a closed store says that it is unavailable."""
    await store.close()
    await store.close()
    with pytest.raises(MadangError) as refused:
        await store.ping()
    assert refused.value.code is ErrorCode.UNAVAILABLE


async def test_closing_finishes_what_was_started(chat: Chat) -> None:
    """Batches submitted before `close` are decided and answered."""
    ann = await chat.user()
    group = await chat.group(ann)
    calls = [asyncio.ensure_future(chat.store.log.append([message(group, ann)], 9_000)) for _ in range(20)]
    await asyncio.sleep(0)
    await chat.store.close()
    assert [outcomes(await call) for call in calls] == [[Outcome.STORED]] * 20


@pytest.mark.parametrize("store_kind", DURABLE)
async def test_everything_is_there_after_opening_again(make_store: MakeStore) -> None:
    """A durable store keeps epoch, people, logs and marks from one life to the next, and numbers go on."""
    first = make_store()
    await first.open()
    chat = Chat(first)
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    entry = message(group, ann, "kept")
    await chat.append(entry)
    history, summary, epoch = await chat.history(group), await chat.summary(bob, group), first.epoch
    await first.close()
    await first.open()
    assert await chat.history(group) == history
    await first.close()

    second = make_store()
    await second.open()
    chat.store = second
    assert second.epoch == epoch
    assert await chat.history(group) == history
    assert await chat.summary(bob, group) == summary
    assert outcomes(await chat.append(entry)) == [Outcome.DUPLICATE]
    assert (await chat.send(group, bob)).seq == 3
    await second.close()
