"""Expiry, on a clock the test moves."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from madang.clock import from_iso
from madang.gateway.connection import Connection
from madang.gateway.expiry import LINGER_MS, WARN_MS, Expiry
from madang.services.identity import Identity
from madang.socketio import Socket
from tests.gateway_parts import eventually
from tests.server_parts import MovableClock


class _Socket:
    """What an expiry does to a socket."""

    def __init__(self) -> None:
        self.warnings: list[bytes] = []
        self.closed: list[int] = []

    def send(self, frames: Any) -> None:
        self.warnings.append(frames.packets[0].text)

    def close_engine(self, code: int, _reason: str) -> None:
        self.closed.append(code)


class _World:
    """An expiry that looks all the time."""

    def __init__(self) -> None:
        self.clock = MovableClock()
        self.expiry = Expiry(self.clock, tick_seconds=0.001)

    def connection(self, seconds: float | None) -> tuple[Connection, _Socket]:
        """A socket whose token ends in so many seconds."""
        socket = _Socket()
        connection = Connection(cast("Socket", socket), self.identity(seconds))
        self.expiry.watch(connection)
        return connection, socket

    def identity(self, seconds: float | None) -> Identity:
        """Whoever it is, until then."""
        ends = None if seconds is None else self.clock.now() + int(seconds * 1_000)
        return Identity(user_id="u", session_id="s", expires_at_ms=ends, administrator=False)

    def move(self, seconds: float) -> None:
        """Time passes."""
        self.clock.added_ms += int(seconds * 1_000)


@pytest.fixture
async def world() -> AsyncIterator[_World]:
    """An expiry at work."""
    world = _World()
    world.expiry.start()
    yield world
    world.expiry.close()


async def test_a_token_is_warned_of_once_and_then_its_socket_closed(world: _World) -> None:
    """Sixty seconds before the end the client is told when it is; 25 seconds after it the engine is closed with 1012."""
    connection, socket = world.connection(WARN_MS / 1_000 + 10)
    _, quiet = world.connection(None)
    world.move(5)
    await eventually(lambda: True)
    assert socket.warnings == []
    world.move(6)
    await eventually(lambda: socket.warnings)
    (warning,) = socket.warnings
    ends = connection.identity.expires_at_ms
    assert ends is not None
    assert warning.startswith(b'2["auth:expiring",{"expiresAt":"')
    assert abs(from_iso(warning.decode().split('"')[5]) - ends) <= 1
    world.move(59 + LINGER_MS / 1_000 - 5)
    await eventually(lambda: True)
    assert socket.closed == []
    world.move(6)
    await eventually(lambda: socket.closed)
    assert (len(socket.warnings), socket.closed) == (1, [1012])
    assert (quiet.warnings, quiet.closed) == ([], [])
    assert len(world.expiry) == 0


async def test_a_newer_token_keeps_the_socket_and_is_warned_of_in_its_turn(world: _World) -> None:
    """After a refresh the old end means nothing: the next warning is for the new one."""
    connection, socket = world.connection(30)
    await eventually(lambda: socket.warnings)
    connection.identity = world.identity(200)
    world.expiry.watch(connection)
    world.move(30 + LINGER_MS / 1_000 + 1)
    await eventually(lambda: len(world.expiry) == 1)
    assert socket.closed == []
    world.move(100)
    await eventually(lambda: len(socket.warnings) == 2)
    assert socket.closed == []


async def test_a_token_that_ends_sooner_counts_at_once(world: _World) -> None:
    """A refresh with a shorter token is followed from then on, not from the time of the longer one."""
    connection, socket = world.connection(1_000)
    connection.identity = world.identity(30)
    world.expiry.watch(connection)
    await eventually(lambda: socket.warnings)
    world.move(30 + LINGER_MS / 1_000 + 1)
    await eventually(lambda: socket.closed)


async def test_bringing_the_same_token_again_and_again_costs_nothing(world: _World) -> None:
    """A client cannot fill the heap, nor get a warning for each of its refreshes."""
    connection, socket = world.connection(30)
    for _ in range(500):
        world.expiry.watch(connection)
    assert len(world.expiry) <= 2
    await eventually(lambda: socket.warnings)
    for _ in range(5):
        world.expiry.watch(connection)
        await eventually(lambda: True)
    assert len(socket.warnings) == 1
    assert len(world.expiry) <= 2


async def test_going_back_to_an_older_token_is_not_warned_of_again(world: _World) -> None:
    """A place in the heap that belongs to another token says nothing new of this one."""
    connection, socket = world.connection(30)
    await eventually(lambda: socket.warnings)
    first = connection.identity
    for identity in (world.identity(80), first):
        connection.identity = identity
        world.expiry.watch(connection)
    world.move(21)
    await eventually(lambda: True)
    assert len(socket.warnings) == 1
    world.move(10 + LINGER_MS / 1_000)
    await eventually(lambda: socket.closed)


async def test_sockets_that_ended_are_forgotten(world: _World) -> None:
    """Nothing is sent to a socket that has gone, and it is not kept alive either."""
    ended, socket = world.connection(30)
    ended.ended = True
    world.connection(30)  # and nobody keeps this one
    await eventually(lambda: len(world.expiry) == 0)
    assert socket.warnings == []


async def test_one_socket_that_fails_does_not_stop_the_others(world: _World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The timer outlives an error, or no token would ever expire again."""
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context))
    connection, socket = world.connection(30)

    def fail(_frames: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(socket, "send", fail)
    await eventually(lambda: errors)
    other, sound = world.connection(30)
    await eventually(lambda: sound.warnings)
    assert connection is not other
