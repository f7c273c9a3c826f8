"""The state machine of an Engine.IO connection, with a clock made of numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.socketio.wire.engineio_session import Beat, EngineSession, ProbeVerdict, Verdict


def session(transport: str = "polling") -> EngineSession:
    """Make one whose first ping is at 25."""
    return EngineSession("s", transport, first_ping=25, ping_interval=25, ping_timeout=20)  # type: ignore[arg-type]  # a name of the two


@pytest.mark.parametrize(
    ("packet", "verdict"),
    [
        (b"4hello", Verdict.MESSAGE),
        (b"3", Verdict.IGNORED),
        (b"1", Verdict.CLOSED_BY_PEER),
        (b"2", Verdict.WRONG_DIRECTION),
        (b"2probe", Verdict.WRONG_DIRECTION),
        (b"0{}", Verdict.IGNORED),
        (b"5", Verdict.IGNORED),
        (b"6", Verdict.IGNORED),
        (b"7", Verdict.MALFORMED),
        (b"", Verdict.MALFORMED),
    ],
)
def test_each_packet_has_its_verdict(packet: bytes, verdict: Verdict) -> None:
    """On the main transport."""
    assert session().receive(packet) is verdict


@given(st.binary())
def test_any_packet_has_a_verdict(packet: bytes) -> None:
    """No input raises, on the main transport or the candidate."""
    machine = session()
    assert isinstance(machine.receive(packet), Verdict)
    machine.begin_upgrade()
    assert isinstance(machine.receive_probe(packet), ProbeVerdict)


def test_the_heartbeat_pings_waits_and_gives_up() -> None:
    """Ping at the interval, the pong's deadline, the next ping an interval after the last, then silence ends it."""
    machine = session()
    assert machine.timer(10) == (Beat.WAIT, 25)
    assert machine.timer(25) == (Beat.SEND_PING, 45)
    machine.receive(b"3")
    assert machine.timer(45) == (Beat.WAIT, 50)
    assert machine.timer(50) == (Beat.SEND_PING, 70)
    assert machine.timer(70)[0] is Beat.TIMED_OUT


def test_an_early_pong_does_not_answer_a_later_ping() -> None:
    """Only a pong after the ping counts."""
    machine = session()
    machine.receive(b"3")
    machine.timer(25)
    assert machine.timer(45)[0] is Beat.TIMED_OUT


def test_a_late_timer_neither_moves_the_deadline_nor_cuts_the_innocent() -> None:
    """A few milliseconds late, the pong is due as if it had been on time; a minute late, its time is nearly whole."""
    machine = session()
    assert machine.timer(25.004) == (Beat.SEND_PING, 45)
    assert not machine.overdue(44.9)
    assert machine.overdue(45)
    machine = session()
    assert machine.timer(85) == (Beat.SEND_PING, 104.99)


def test_an_upgrade_is_probed_completed_and_final() -> None:
    """The transport changes at the last packet, and there is no second upgrade."""
    machine = session()
    assert machine.begin_upgrade()
    assert not machine.begin_upgrade()
    assert machine.receive_probe(b"2probe") is ProbeVerdict.ANSWER
    transports = [machine.transport]
    assert machine.receive_probe(b"5") is ProbeVerdict.COMPLETE
    assert [*transports, machine.transport] == ["polling", "websocket"]
    machine.abandon_upgrade()
    assert not machine.begin_upgrade()


def test_a_failed_upgrade_may_be_tried_again() -> None:
    """After a refusal and after an abandoned candidate."""
    machine = session()
    machine.begin_upgrade()
    assert machine.receive_probe(b"4x") is ProbeVerdict.REFUSED
    assert machine.begin_upgrade()
    machine.abandon_upgrade()
    assert machine.begin_upgrade()


def test_there_is_nothing_to_upgrade_on_a_websocket_or_after_the_end() -> None:
    """Neither begins an upgrade; closing is told once."""
    assert not session("websocket").begin_upgrade()
    machine = session()
    assert machine.close()
    assert not machine.close()
    assert not machine.begin_upgrade()
