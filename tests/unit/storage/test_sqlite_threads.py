"""Work on its way from the loop to a connection and back."""

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import StaticPool

from madang.errors import ErrorCode, MadangError
from madang.storage.sqlite_threads import ConnectionThreads


def connections(number: int) -> list[Connection]:
    """Connections that may be used on another thread."""
    arguments: dict[str, Any] = {"connect_args": {"check_same_thread": False}, "poolclass": StaticPool}
    return [create_engine("sqlite://", **arguments).connect() for _ in range(number)]


def _append(numbers: list[int], number: int, _: Connection) -> None:
    numbers.append(number)


def _given(number: int, _: Connection) -> int:
    return number


@pytest.fixture
async def threads() -> AsyncIterator[ConnectionThreads]:
    """One thread."""
    threads = ConnectionThreads("test", connections(1))
    yield threads
    await threads.close()


async def test_work_is_done_in_the_order_of_submission(threads: ConnectionThreads) -> None:
    """On one thread that is not the loop's."""
    done: list[tuple[int, str]] = []

    def note(number: int, _: Connection) -> None:
        done.append((number, threading.current_thread().name))

    futures = [threads.submit(partial(note, number)) for number in range(50)]
    await asyncio.gather(*futures)
    assert done == [(number, "madang-test-0") for number in range(50)]


async def test_a_result_or_an_error_comes_back(threads: ConnectionThreads) -> None:
    """And the thread outlives the error."""
    assert await threads.submit(lambda conn: conn.scalar(text("SELECT 41 + 1"))) == 42
    with pytest.raises(ZeroDivisionError):
        await threads.submit(lambda _: 1 // 0)
    assert await threads.submit(lambda _: "still here") == "still here"


async def test_abandoned_work_is_done_all_the_same(threads: ConnectionThreads) -> None:
    """Cancelling forgets the result, also of what was only queued."""
    gate, done = threading.Event(), list[int]()
    threads.submit(lambda _: gate.wait(5))
    futures = [threads.submit(partial(_append, done, number)) for number in range(3)]
    for future in futures:
        future.cancel()
    assert len(threads) >= 2
    gate.set()
    await threads.submit(lambda _: None)
    assert done == [0, 1, 2]


async def test_something_runs_between_after_the_result_is_out() -> None:
    """So that nobody waits for it."""
    waiting, release = threading.Event(), threading.Event()

    def between(_: Connection) -> None:
        waiting.set()
        release.wait(5)

    threads = ConnectionThreads("test", connections(1), between=between)
    assert await threads.submit(lambda _: "done") == "done"
    assert await asyncio.to_thread(waiting.wait, 5)
    release.set()
    await threads.close()


async def test_several_threads_share_one_queue() -> None:
    """Slow work on one leaves the others free."""
    gate = threading.Event()
    threads = ConnectionThreads("test", connections(2))
    slow = threads.submit(lambda _: gate.wait(5))
    assert await threads.submit(lambda _: "quick") == "quick"
    assert not slow.done()
    gate.set()
    await slow
    await threads.close()


async def test_closing_does_what_was_submitted_and_takes_no_more(threads: ConnectionThreads) -> None:
    """Twice is safe."""
    futures = [threads.submit(partial(_given, number)) for number in range(20)]
    await threads.close()
    await threads.close()
    assert [await future for future in futures] == list(range(20))
    with pytest.raises(MadangError) as refused:
        threads.submit(lambda _: None)
    assert refused.value.code is ErrorCode.UNAVAILABLE
