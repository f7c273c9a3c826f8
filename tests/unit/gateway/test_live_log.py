"""The live log: versions one by one, none twice, none skipped."""

import asyncio
from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.gateway.connection import Connection
from madang.gateway.live_log import RING_ENTRIES, WAITING_ENTRIES, LiveLog, Parked
from madang.ports.bus import LogEntry


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop to make futures on."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def _entry(version: int) -> LogEntry:
    return LogEntry(version=version, seq=version, epoch="e", event="message:new", payload=b"{}")


def _live(loop: asyncio.AbstractEventLoop) -> LiveLog:
    return LiveLog("c", loop.create_future())


def _drain(live: LiveLog) -> list[int]:
    applied = []
    while (entry := live.next()) is not None:
        live.apply(entry)
        applied.append(entry.version)
    return applied


def test_nothing_is_applied_before_somebody_was_shown_a_head(loop: asyncio.AbstractEventLoop) -> None:
    """Entries gather until the first socket says from where on it needs them."""
    live = _live(loop)
    for version in (3, 4, 5):
        live.arrive(_entry(version))
    assert _drain(live) == []
    live.start(3, 3, 2)
    assert _drain(live) == [4, 5]
    assert live.seq == 5


def test_a_hole_stops_delivery_until_it_is_filled(loop: asyncio.AbstractEventLoop) -> None:
    """Version 3 waits for version 2."""
    live = _live(loop)
    live.start(1, 1, 2)
    live.arrive(_entry(3))
    assert _drain(live) == []
    assert live.behind
    live.arrive(_entry(2))
    assert _drain(live) == [2, 3]
    assert not live.behind


def test_what_was_applied_is_not_applied_again(loop: asyncio.AbstractEventLoop) -> None:
    """An entry that comes twice, or late, changes nothing."""
    live = _live(loop)
    live.start(1, 1, 2)
    live.arrive(_entry(2))
    assert _drain(live) == [2]
    live.arrive(_entry(2))
    live.arrive(_entry(1))
    assert _drain(live) == []
    assert live.waiting == {}


def test_the_ring_replays_what_a_late_socket_missed(loop: asyncio.AbstractEventLoop) -> None:
    """A socket that was shown an older head gets exactly the entries after it, or is told that they are gone."""
    live = _live(loop)
    live.start(0, 0, 1)
    live.holds = 1
    for version in range(1, RING_ENTRIES + 11):
        live.arrive(_entry(version))
    _drain(live)
    head = RING_ENTRIES + 10
    assert [entry.version for entry in live.after(head - 3) or []] == [head - 2, head - 1, head]
    assert live.after(head) == []
    assert live.after(5) is None


def test_nothing_is_kept_that_nobody_needs(loop: asyncio.AbstractEventLoop) -> None:
    """The ring holds what is applied while somebody attaches, and is empty when the last of them has: a node follows
    more conversations than it could remember the last entries of.
    """
    live = _live(loop)
    live.start(1, 1, 2)
    live.arrive(_entry(2))
    _drain(live)
    assert not live.ring
    live.holds = 2
    live.arrive(_entry(3))
    _drain(live)
    live.release()
    assert [entry.version for entry in live.ring] == [3]
    live.release()
    assert not live.ring


def test_what_waits_is_bounded_and_what_does_not_fit_is_not_forgotten(loop: asyncio.AbstractEventLoop) -> None:
    """Above a hole entries gather up to a limit; beyond it only the head is remembered, and the log counts as behind."""
    live = _live(loop)
    live.start(1, 1, 2)
    for version in range(3, WAITING_ENTRIES + 20):
        live.arrive(_entry(version))
    assert len(live.waiting) == WAITING_ENTRIES
    live.arrive(_entry(2))  # what fills the hole is always taken
    assert _drain(live)[-1] == WAITING_ENTRIES + 2
    assert live.behind
    assert live.known_head == WAITING_ENTRIES + 19


def test_a_parked_socket_joins_when_its_head_is_reached(loop: asyncio.AbstractEventLoop) -> None:
    """A socket that saw more than this node has applied joins exactly when the node catches up."""
    live = _live(loop)
    live.start(1, 1, 2)
    early, late = cast("Connection", object()), cast("Connection", object())
    live.parked = [Parked(late, 3, 3), Parked(early, 2, 2)]
    assert live.parked_at == 2
    live.arrive(_entry(2))
    _drain(live)
    assert live.reached() == [early]
    assert live.parked == [Parked(late, 3, 3)]


def test_a_repair_makes_older_rumours_void_and_newer_ones_not(loop: asyncio.AbstractEventLoop) -> None:
    """What was said of the head before the store was asked no longer counts; what is said after, does."""
    live = _live(loop)
    live.start(1, 1, 2)
    live.known_head = 99
    before = live.behind
    live.read_begins()
    live.jump(7, 6, 2)
    assert (before, live.behind) == (True, False)
    assert (live.version, live.seq) == (7, 6)
    assert live.after(6) is None
    live.read_begins()
    live.arrive(_entry(11))
    live.waiting.clear()  # as if it had not fitted
    live.jump(9, 6, 2)
    assert live.behind


@given(st.permutations(list(range(2, 12))), st.sets(st.integers(2, 11)))
def test_any_order_of_arrival_is_applied_in_version_order(order: list[int], lost: set[int]) -> None:
    """Whatever the bus does, entries go out ascending and without a hole, up to the first one lost."""
    loop = asyncio.new_event_loop()
    live = _live(loop)
    live.start(1, 1, 2)
    applied: list[int] = []
    for version in order:
        if version not in lost:
            live.arrive(_entry(version))
            applied += _drain(live)
    loop.close()
    assert applied == list(range(2, min(lost, default=12)))
