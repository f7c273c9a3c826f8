"""The bus between nodes, on Redis or Valkey: a channel per conversation and per person.

Owns the one connection's life: opening it, asking for every channel anew, hearing oneself, giving up, and coming back after
a pause. Redis only carries hints. Nothing acknowledged waits for it, and while it is away this node goes on alone.

    DEAF -> HEARD [every channel is confirmed, and this node has heard its own probe after that]
    HEARD -> DEAF [the connection ends; a probe is not heard; what is to be sent piles up]

Invariants:
1. `publish` and `unsubscribe` write to memory only; what one turn of the loop publishes leaves in one write, in order.
2. What comes back to who has said it is dropped by its sender, before it is decoded.
3. Whoever was DEAF is told so twice, when it begins and when it has ended; and the other nodes are told when it has ended,
   because what this one said meanwhile, or just before, they may not have.
4. On a cluster all channels of an installation are in one slot: one connection, to the server that has it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

import structlog
from hiredis import pack_command
from msgspec.structs import replace

from madang.clock import Clock
from madang.cluster.address import RedisAddress
from madang.cluster.connection import Moved, RedisConnection, Refused
from madang.cluster.envelope import Envelopes
from madang.cluster.subscriptions import LINGER_SECONDS, Subscriptions
from madang.config import SettingsError
from madang.ports.bus import BusMessage, BusStats, Listener, Lost
from madang.tasks import TaskSupervisor

__all__ = ["RedisBus"]

SETTING: Final = "MADANG_REDIS_URL"
"""The setting that a refusal to start names."""
START_SECONDS: Final = 3.0
"""How long a start waits to be heard before it goes on without."""
PROBE_SECONDS: Final = 1.0
DEAF_SECONDS: Final = 4.0
"""How long a probe may take; with the second between two, a node that does not hear itself knows within five."""
FIRST_PAUSE: Final = 0.1
LAST_PAUSE: Final = 2.0
"""Seconds between two attempts to connect, doubling from the first to the last, each less a random half at most."""
UNSENT_BYTES: Final = 32 * 1024 * 1024
"""What may wait for a network that takes nothing; beyond it the connection is given up."""
CHANNELS_PER_COMMAND: Final = 512
CHANNELS_AT_ONCE: Final = 8_192
"""Channels asked for before the server has confirmed those before."""
PLAIN: Final = ("PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE")
SHARDED: Final = ("SPUBLISH", "SSUBSCRIBE", "SUNSUBSCRIBE")
"""On a cluster, where plain channels would be carried to every server of it."""
EVERYBODY: Final = "nodes"
"""The channel on which a node says that it may not have been heard."""

_log = structlog.get_logger(__name__)


class RedisBus:
    """The port `Bus` over a Redis server.

    Args:
        url: `redis[s]://[[user]:password@]host[:port][/database]`. It is never logged.
        installation: distinguishes this installation's channels from others' on the same server. Channels know no
            databases, so the one in the URL would not.
    """

    def __init__(
        self,
        url: str,
        *,
        installation: str,
        clock: Clock,
        tasks: TaskSupervisor,
        linger_seconds: float = LINGER_SECONDS,
        probe_seconds: float = PROBE_SECONDS,
        deaf_seconds: float = DEAF_SECONDS,
    ) -> None:
        self._home = self._address = RedisAddress.of(url)
        self._prefix = f"madang:{{{installation}}}:"
        self._prefix_bytes = len(self._prefix.encode())
        self._clock = clock
        self._tasks = tasks
        self._probe_seconds = probe_seconds
        self._deaf_seconds = deaf_seconds
        self._envelopes = Envelopes()
        self._myself = f"node:{self._envelopes.sender.hex()}"
        self._subscriptions = Subscriptions(linger_seconds=linger_seconds)
        self._subscriptions.add([self._myself, EVERYBODY])
        self._listener: Listener | None = None
        self._lost: Lost | None = None
        self._connection: RedisConnection | None = None
        self._over: asyncio.Future[Exception] | None = None
        """Done when the connection is over, with the reason."""
        self._words = PLAIN
        self._unsent: list[bytes] = []
        self._heard = False
        self._ever_heard = False
        self._all_asked = False
        """Whether every channel was asked for on this connection, so that a probe says something."""
        self._probed_at: float | None = None
        """When the probe that is on its way was sent."""
        self._ticking: asyncio.TimerHandle | None = None
        self._life: asyncio.Task[None] | None = None
        self._started: asyncio.Future[None] | None = None
        """Done when a start need not wait any longer; None when none waits."""
        self._closing = False
        self._pause = FIRST_PAUSE
        self._said = ""
        """The reason that was logged last."""
        self._published = 0
        self._received_bytes = 0
        self._probes_lost = 0
        self._reconnects = 0

    @property
    def heard(self) -> bool:
        return self._heard

    def stats(self) -> BusStats:
        return BusStats(
            published=self._published,
            received_bytes=self._received_bytes,
            probes_lost=self._probes_lost,
            reconnects=self._reconnects,
        )

    def listen(self, listener: Listener, lost: Lost | None = None) -> None:
        self._listener, self._lost = listener, lost

    async def start(self) -> None:
        self._started = asyncio.get_running_loop().create_future()
        self._life = self._tasks.start(self._live(), "bus")
        self._tick()
        try:
            async with asyncio.timeout(START_SECONDS):
                await asyncio.shield(self._started)
        except TimeoutError:
            _log.warning("Redis does not answer: this node is alone, and not ready, until it does")
        except Refused as error:
            raise SettingsError(SETTING, f"Redis refuses: {error.sentence}.") from None
        finally:
            self._started = None

    async def close(self) -> None:
        self._closing = True
        if self._ticking is not None:
            self._ticking.cancel()
        if self._life is not None:
            self._flush()
            connection, over = self._connection, self._over
            if connection is not None and over is not None:
                connection.close()
                await asyncio.wait([over], timeout=1.0)
            self._life.cancel()
            await asyncio.wait([self._life])
        self._listener = self._lost = None

    def publish(self, channel: str, message: BusMessage) -> None:
        if self._subscriptions.wants(channel):
            self._hear(channel, message)
        if self._connection is not None:
            self._put(self._words[0], self._prefix + channel, self._envelopes.seal(message))
            self._published += 1

    async def subscribe(self, channels: list[str]) -> None:
        fresh = self._subscriptions.add(channels)
        if self._connection is None:
            return
        self._ask(fresh)
        if self._heard and not all(map(self._subscriptions.holds, channels)):
            await self._subscriptions.settled()

    def unsubscribe(self, channels: list[str]) -> None:
        self._subscriptions.drop(channels, self._clock.monotonic())

    # ------------------------------------------------------------------------------- the connection's life

    async def _live(self) -> None:
        """Connect, again and again."""
        while True:
            try:
                error = await self._one_life()
            except (OSError, Refused) as refusal:  # a timeout is an OSError too
                error = refusal
            if self._closing:
                return
            if isinstance(error, Refused) and not error.passing and self._started is not None:
                self._started.set_exception(error)
                return
            self._address = self._next_address(error)
            self._log_once(str(error) or type(error).__name__)
            await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311  # nodes do not come all at once
            self._pause = min(2 * self._pause, LAST_PAUSE)

    async def _one_life(self) -> Exception:
        """One connection, from its opening to its end; why it has ended.

        Raises:
            OSError, Refused: it was never of use.
        """
        over: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self._over = over
        connection = await RedisConnection.open(
            self._address, pushed=self._pushed, ended=lambda error: self._ended(over, error)
        )
        self._connection = connection
        self._words = SHARDED if connection.is_cluster else PLAIN
        try:
            for some in _slices(self._subscriptions.restart(), CHANNELS_AT_ONCE):
                self._ask(some)
                async with asyncio.timeout(self._deaf_seconds):
                    await self._subscriptions.settled()
                if over.done():
                    break
            else:
                self._all_asked = True
                self._probe()
            return await over
        finally:
            connection.abort()
            self._ended(over, ConnectionError("given up"))

    def _ended(self, over: asyncio.Future[Exception], error: Exception) -> None:
        """A connection is over. Safe to call twice."""
        if over.done():
            return
        over.set_result(error)
        self._connection, self._probed_at, self._all_asked = None, None, False
        self._unsent.clear()
        self._subscriptions.let_go()
        if self._heard:
            self._heard = False
            self._tell_lost()

    def _log_once(self, reason: str) -> None:
        if reason != self._said:
            self._said = reason
            _log.warning("the bus is not heard", reason=reason)

    def _next_address(self, error: Exception) -> RedisAddress:
        """Where to connect next: where the cluster points to, else where the setting says."""
        if isinstance(error, Moved):
            return replace(self._home, host=error.host or self._address.host, port=error.port)
        return self._home

    # --------------------------------------------------------------------------------------- hearing oneself

    def _tick(self) -> None:
        now = self._clock.monotonic()
        if self._probed_at is not None and now - self._probed_at >= self._deaf_seconds:
            self._probes_lost += 1
            self._give_up("this node does not hear itself")
        elif self._all_asked and self._probed_at is None:
            self._probe()
        over = self._subscriptions.expired(now)
        if self._connection is not None:
            self._command(self._words[2], over)
        self._ticking = asyncio.get_running_loop().call_later(self._probe_seconds, self._tick)

    def _probe(self) -> None:
        if self._connection is not None:
            self._probed_at = self._clock.monotonic()
            self._put(self._words[0], self._prefix + self._myself, self._envelopes.signal)

    def _heard_myself(self) -> None:
        self._probed_at = None
        if self._heard:
            return
        self._reconnects += self._ever_heard
        self._heard = self._ever_heard = True
        self._pause, self._said = FIRST_PAUSE, ""
        _log.info("the bus is heard")
        self._put(self._words[0], self._prefix + EVERYBODY, self._envelopes.signal)
        self._tell_lost()
        if self._started is not None and not self._started.done():
            self._started.set_result(None)

    def _give_up(self, reason: str) -> None:
        if self._connection is not None:
            self._connection.abort(ConnectionError(reason))

    # ------------------------------------------------------------------------------------ what is heard

    def _pushed(self, push: Sequence[Any]) -> None:
        kind = push[0]
        if kind in (b"message", b"smessage"):
            self._arrived(push[1], push[2])
        elif kind in (b"subscribe", b"ssubscribe"):
            self._subscriptions.confirmed()
        elif kind == b"sunsubscribe" and self._subscriptions.holds(self._channel(push[1])):
            self._give_up("the channels have moved to another server of the cluster")  # it says so by ending them

    def _arrived(self, name: bytes, envelope: bytes) -> None:
        self._received_bytes += len(envelope)
        channel = self._channel(name)
        if self._envelopes.is_own(envelope):
            if channel == self._myself:
                self._heard_myself()
            return
        if channel == EVERYBODY:
            self._tell_lost()
        elif self._subscriptions.wants(channel):
            try:
                message = self._envelopes.open(envelope)
            except ValueError as error:
                _log.warning("a message of another node is not understood", reason=str(error))
                return
            self._hear(channel, message)

    def _channel(self, name: bytes) -> str:
        return name[self._prefix_bytes :].decode()

    def _hear(self, channel: str, message: BusMessage) -> None:
        if self._listener is None:
            return
        try:
            self._listener(channel, message)
        except Exception:  # noqa: BLE001  # what the listener cannot take must not keep anybody from the next message
            _log.exception("a message was not taken", channel=channel)

    def _tell_lost(self) -> None:
        if self._lost is not None:
            self._lost()

    # -------------------------------------------------------------------------------------- what is sent

    def _ask(self, channels: Sequence[str]) -> None:
        self._command(self._words[1], self._subscriptions.next_asked(channels))

    def _command(self, word: str, channels: Sequence[str]) -> None:
        for some in _slices(channels, CHANNELS_PER_COMMAND):
            self._put(word, *(self._prefix + channel for channel in some))

    def _put(self, *words: str | bytes) -> None:
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(pack_command(words))  # type: ignore[arg-type]  # its stub knows tuples of one word only

    def _flush(self) -> None:
        connection, commands = self._connection, b"".join(self._unsent)
        self._unsent.clear()
        if connection is None or not commands:
            return
        connection.write(commands)
        if connection.unsent > UNSENT_BYTES:
            self._give_up("the network takes nothing")


def _slices(channels: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (channels[start : start + size] for start in range(0, len(channels), size))
