"""Seals: what a node accepts from another, and what nobody else can make."""

from dataclasses import replace

import pytest

from madang.cluster.seal import NAME_CHARACTERS, WINDOW_SECONDS, Seals
from madang.socketio import PASSED_ON, PassedRequest
from tests.server_parts import MovableClock

KEY = b"k" * 32
POST = PassedRequest(method="POST", target=b"/socket.io/?sid=s", headers=[(b"host", b"h")], body=b"42[]")


def sealed(request: PassedRequest, seal: bytes) -> PassedRequest:
    """A request as it goes from node to node."""
    return replace(request, headers=[*request.headers, (PASSED_ON, seal)])


def test_a_sealed_request_is_taken_once() -> None:
    """By each node: what somebody recorded and sends again is refused."""
    clock = MovableClock()
    sender, receiver, another = (Seals(KEY, clock) for _ in range(3))
    request = sealed(POST, sender.seal(POST))
    assert receiver.holds(request)
    assert not receiver.holds(request)
    assert another.holds(request)
    assert receiver.holds(sealed(POST, sender.seal(POST)))


@pytest.mark.parametrize(
    "changed",
    [
        replace(POST, method="GET"),
        replace(POST, target=b"/socket.io/?sid=t"),
        replace(POST, body=b"42[1]"),
    ],
)
def test_a_seal_is_of_one_request(changed: PassedRequest) -> None:
    """Method, target and body are under it."""
    seals = Seals(KEY, MovableClock())
    assert not seals.holds(sealed(changed, seals.seal(POST)))


@pytest.mark.parametrize("seal", [b"", b"x", b"1.2.3", b"\xff.\xff.\xff", b"9" * 5_000])
def test_what_is_no_seal_is_refused(seal: bytes) -> None:
    """Whatever a stranger writes there."""
    assert not Seals(KEY, MovableClock()).holds(sealed(POST, seal))


def test_another_secret_seals_nothing() -> None:
    """Only nodes of the same installation pass on to each other."""
    clock = MovableClock()
    assert not Seals(KEY, clock).holds(sealed(POST, Seals(b"o" * 32, clock).seal(POST)))


@pytest.mark.parametrize("side", [-1, 1])
def test_a_seal_ends_soon_and_is_forgotten_after_that(side: int) -> None:
    """In both directions, because clocks differ; what is remembered of it is bounded by time."""
    clock, receiver = MovableClock(), Seals(KEY, MovableClock())
    clock.added_ms = side * (WINDOW_SECONDS - 2) * 1_000
    assert receiver.holds(sealed(POST, Seals(KEY, clock).seal(POST)))
    clock.added_ms = side * (WINDOW_SECONDS + 2) * 1_000
    assert not receiver.holds(sealed(POST, Seals(KEY, clock).seal(POST)))


def test_memory_of_seals_ends() -> None:
    """A node does not remember what could not be taken again anyway."""
    clock = MovableClock()
    seals = Seals(KEY, clock)
    for _ in range(10):
        assert seals.holds(sealed(POST, seals.seal(POST)))
    clock.added_ms = (2 * WINDOW_SECONDS + 2) * 1_000
    assert seals.holds(sealed(POST, seals.seal(POST)))
    assert len(seals._taken) == len(seals._taken_at) == 1


def test_names_cannot_be_made_up() -> None:
    """A sid tells its node to who has the secret; to everybody else it is chance."""
    seals = Seals(KEY, MovableClock())
    name = seals.new_name()
    assert len(name) == NAME_CHARACTERS
    assert seals.name_in(name + "rest-of-the-sid") == name
    assert Seals(b"o" * 32, MovableClock()).name_in(name) is None
    for sid in ("", "short", "é" * 40, "A" * 36, name[:-1] + ("A" if name[-1] != "A" else "B")):
        assert seals.name_in(sid) is None
