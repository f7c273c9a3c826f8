"""Subscriptions: counted, kept a while, confirmed in the order asked."""

import asyncio

from madang.cluster.subscriptions import Subscriptions

LINGER = 10.0


def held(*channels: str) -> Subscriptions:
    """Channels that are wanted once and confirmed."""
    table = Subscriptions(linger_seconds=LINGER)
    table.next_asked(table.add(channels))
    for _ in channels:
        table.confirmed()
    return table


def test_only_what_is_new_is_asked_for() -> None:
    """The second of the same node costs the server nothing."""
    table = held("a")
    assert table.add(["a", "b", "b"]) == ["b"]


def test_who_comes_back_within_the_linger_costs_nothing() -> None:
    """A channel given up is not ended at once, nor by the end of a linger that was interrupted."""
    table = held("a")
    table.drop(["a"], 0.0)
    assert not table.wants("a")
    assert table.add(["a"]) == []
    table.drop(["a"], 5.0)
    assert table.expired(5.0 + LINGER - 1) == []
    assert table.expired(5.0 + LINGER) == ["a"]
    assert (len(table), table.add(["a"])) == (1 - 1, ["a"])


def test_dropping_what_nobody_has_is_nothing() -> None:
    """Neither an unknown channel nor one given back twice goes below zero."""
    table = held("a")
    table.drop(["a", "never"], 0.0)
    table.drop(["a"], 1.0)
    table.add(["a"])
    assert table.wants("a")
    assert table.expired(1.0 + LINGER) == []


async def test_waiting_ends_with_the_confirmation_of_what_was_asked_before() -> None:
    """Not with the first, and not only with what others ask for later."""
    table = Subscriptions()
    table.next_asked(table.add(["a", "b"]))
    waiting = asyncio.create_task(table.settled())
    await asyncio.sleep(0)
    table.next_asked(table.add(["c"]))
    table.confirmed()
    await asyncio.sleep(0)
    assert not waiting.done()
    assert (table.holds("a"), table.holds("b")) == (True, False)
    table.confirmed()
    await waiting
    assert not table.holds("c")


async def test_nobody_waits_for_a_connection_that_is_over() -> None:
    """Its end lets everybody go, and a new one asks for all that is still wanted."""
    table = Subscriptions()
    table.next_asked(table.add(["a", "b", "c"]))
    table.confirmed()
    waiting = asyncio.create_task(table.settled())
    await asyncio.sleep(0)
    table.let_go()
    await waiting
    table.drop(["b"], 0.0)
    assert table.restart() == ["a", "c"]
    assert not table.holds("a")
    assert table.next_asked(["a", "b", "c"]) == ["a", "c"]
    table.confirmed()
    assert table.holds("a")


async def test_whoever_gave_up_waiting_is_no_hindrance() -> None:
    """A wait that was cancelled is passed over."""
    table = Subscriptions()
    table.next_asked(table.add(["a"]))
    given_up, patient = asyncio.create_task(table.settled()), asyncio.create_task(table.settled())
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.sleep(0)
    table.confirmed()
    await patient
