"""Admission: so many handshakes per second, and none while draining."""

from madang.gateway.admission import DRAINING_SECONDS, LEAST_WAIT_SECONDS, SECONDS_AT_ONCE, Admission
from tests.server_parts import MovableClock


def test_what_is_beyond_the_rate_waits_and_then_comes_in() -> None:
    """A full restart's worth comes at once; who is told to wait is let in after that time."""
    clock = MovableClock()
    admission = Admission(clock, 5)
    answers = [admission.ask("203.0.113.1") for _ in range(5 * SECONDS_AT_ONCE + 2)]
    assert answers[: 5 * SECONDS_AT_ONCE] == [None] * 5 * SECONDS_AT_ONCE
    assert answers[-1] == LEAST_WAIT_SECONDS
    clock.added_ms += 1_000
    assert admission.ask("203.0.113.1") is None


def test_no_rate_is_no_limit() -> None:
    """0 lets everybody in."""
    admission = Admission(MovableClock(), 0)
    assert not any(admission.ask("203.0.113.1") for _ in range(10_000))


def test_nobody_comes_in_while_draining() -> None:
    """They wait for the server that comes after this one."""
    admission = Admission(MovableClock(), 0)
    admission.draining = True
    assert admission.ask("203.0.113.1") == DRAINING_SECONDS
