"""The load: what it counts, and that it refuses to report what a careless server did."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench import crowd as crowds
from bench import load as loads
from bench.crowd import Crowd
from bench.errors import BenchError
from bench.load import Load, Outcome
from bench.processes import Usage
from bench.subjects import BareDialect
from tests.bench.careless_server import CarelessServer, careless

MEMBERS = 5
IDLE = Usage(wall=1, processor=1, others=0)


@contextmanager
def crowd_of(server: CarelessServer, senders: int = 2) -> Iterator[tuple[Crowd, Load]]:
    """A crowd in one room of a server that runs in this process."""
    with careless(server) as address, Crowd(address, BareDialect()) as crowd:
        crowd.connect(MEMBERS)
        yield crowd, Load(crowd, crowd.clients[:senders], os.getpid())


@pytest.mark.parametrize("timed", ["acks", "own copies"])
def test_a_closed_loop_counts_every_delivery(timed: loads.Timed) -> None:
    """Each message is delivered to every member and timed once, and a message under way is always replaced."""
    server = CarelessServer()
    with crowd_of(server) as (crowd, load):
        outcome = load.closed_loop(0.2, window=3, timed="acks" if timed == "acks" else "own copies")
        assert outcome.sent == server.messages > 6
        assert outcome.deliveries == outcome.sent * MEMBERS == crowd.delivered
        assert len(outcome.latencies) == outcome.sent


def test_runs_follow_each_other_without_mixing() -> None:
    """The second run counts its own messages only, whatever the first one timed."""
    server = CarelessServer()
    with crowd_of(server) as (_, load):
        first = load.open_loop(0.1, per_second=50)
        second = load.burst(7)
        third = load.closed_loop(0.05, window=1, timed="acks")
    assert (first.sent, first.deliveries, len(first.latencies)) == (5, 25, 25)
    assert (second.sent, second.deliveries, len(second.latencies)) == (7, 35, 7)
    assert first.sent + second.sent + third.sent == server.messages


def test_an_open_loop_keeps_its_pace() -> None:
    """Messages leave when they are due, not when the last one has arrived."""
    with crowd_of(CarelessServer()) as (_, load):
        outcome = load.open_loop(0.5, per_second=40)
    assert outcome.sent == 20
    assert 0.45 < outcome.server.wall < 0.9


def test_messages_may_fall_due_together() -> None:
    """The pace is the same; they leave in threes, and their time counts from when they were due."""
    with crowd_of(CarelessServer()) as (_, load):
        outcome = load.open_loop(0.5, per_second=42, at_once=3)
        due = [sender.sent_at for sender in load._senders]
    assert outcome.sent == 21
    assert len({moment for moments in due for moment in moments}) == 7


def test_only_those_who_listen_are_timed() -> None:
    """The way to some members is theirs; everybody's deliveries are counted all the same."""
    with crowd_of(CarelessServer()) as (crowd, load):
        some = load.open_loop(0.2, per_second=50, listeners=crowd.clients[3:])
        everybody = load.open_loop(0.2, per_second=50)
    assert (some.deliveries, len(some.latencies)) == (50, 20)
    assert len(everybody.latencies) == 50


def test_what_waits_is_told_by_the_copies_that_are_missing() -> None:
    """All that was sent waits until its copies come, and nothing of an earlier run does."""
    with crowd_of(CarelessServer()) as (crowd, load):
        for _ in range(2):
            load.open_loop(0.1, per_second=50)
            assert load.waiting == 0
        for number in range(3):
            load._send(load._senders[number % 2], 1)
        assert load.waiting == 3
        assert crowd.serve_until(lambda: load.waiting == 0, 5)


def test_clients_go_to_the_nodes_in_turn() -> None:
    """A crowd of several servers is spread over them by index."""
    servers = CarelessServer(), CarelessServer()
    with (
        careless(servers[0]) as here,
        careless(servers[1]) as there,
        Crowd(here, BareDialect(), others=[there]) as crowd,
    ):
        crowd.connect(MEMBERS)
        assert [crowd.node_of(client.index) for client in crowd.clients] == [0, 1, 0, 1, 0]
        assert [client.sock.getpeername() for client in crowd.clients] == [here, there, here, there, here]


def test_one_client_may_come_and_go() -> None:
    """Who is dismissed is not missed, and the others stay."""
    server = CarelessServer()
    with crowd_of(server) as (crowd, _):
        guest = crowd.begin(0)
        assert crowd.serve_until(lambda: crowd.ready == MEMBERS + 1, 5)
        crowd.dismiss(guest)
        crowd.serve(0.1)
        crowd.expect_nobody_lost()
        assert len(crowd.clients) == MEMBERS


@pytest.mark.parametrize(("copies", "complaint"), [(0, "of 25 deliveries"), (2, "got 6 messages, 5 were sent")])
def test_a_lost_or_doubled_delivery_is_no_result(copies: int, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is fast because it drops is not fast."""
    monkeypatch.setattr(loads, "DRAIN_SECONDS", 0.3)
    with crowd_of(CarelessServer(copies=copies)) as (_, load), pytest.raises(BenchError, match=complaint):
        load.burst(5)


def test_a_refused_message_is_no_result() -> None:
    """Refusing is faster than delivering and must not count."""
    with crowd_of(CarelessServer(ack='["no"]')) as (_, load), pytest.raises(BenchError, match="was refused"):
        load.burst(1)


def test_a_member_that_was_cut_is_no_result() -> None:
    """Delivering to fewer is easier, so a run in which one was lost does not count."""
    with (
        crowd_of(CarelessServer(close_after=2)) as (_, load),
        pytest.raises(BenchError, match="1 connections ended: the server closed the WebSocket: 1013 too slow"),
    ):
        load.burst(2)


def test_heartbeats_are_answered() -> None:
    """An idle client stays connected because it answers pings like any other."""
    server = CarelessServer()
    with crowd_of(server) as (crowd, _):
        assert crowd.serve_until(lambda: server.pongs == MEMBERS, 5)


def test_a_refused_connect_stops_the_run() -> None:
    """Members who are not let in are not silently missing."""
    server = CarelessServer(handshake='44{"message":"no"}')
    with pytest.raises(BenchError, match=r"refused or not understood: b'44"), crowd_of(server):
        pass


def test_members_who_never_come_in_do_not_hang_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every loop of the generator ends by a deadline."""
    monkeypatch.setattr(crowds, "CONNECT_SECONDS", 0.3)
    with pytest.raises(BenchError, match="only 0 of 5 sockets were ready"), crowd_of(CarelessServer(handshake="2")):
        pass


def test_percentiles_are_of_the_nearest_rank() -> None:
    """Half of four is the second, 99 of a hundred is the ninety-ninth, everything is the last."""
    outcome = Outcome(
        sent=0, deliveries=0, server=IDLE, generator=IDLE, latencies=[4_000_000, 1_000_000, 3_000_000, 2_000_000]
    )
    assert [outcome.percentile(percent) for percent in (1, 50, 51, 99, 100)] == [1, 2, 3, 4, 4]
    outcome.latencies = [number * 1_000_000 for number in range(100, 0, -1)]
    assert [outcome.percentile(percent) for percent in (50, 99, 100)] == [50, 99, 100]
