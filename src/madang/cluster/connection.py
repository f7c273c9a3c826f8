"""One connection to a Redis server, as the bus uses it: many small commands out, many pushed messages in.

Owns the handshake and the cutting of bytes into replies, by hiredis' reader. No task, no queue and no future per command:
a client library costs more per message than the message itself. Speaks RESP3, so that one connection can publish and
subscribe. Must never wait once it is open, and never log what it carries.

    OPENING -> OPEN [greeted]     either -> ENDED [abort, a refusal, the network]

Invariant: `ended` is called once, if and only if `open` has returned.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Self, cast

import hiredis

from madang.cluster.address import RedisAddress

__all__ = ["Moved", "RedisConnection", "Refused"]

OPEN_SECONDS: Final = 2.0
"""In which a server must have taken the connection and greeted back; a stopped one still takes connections."""
OLDEST_VERSION: Final = 7
"""The first with sharded channels, which a cluster takes."""
_NOTHING: Final = object()
_PASSING: Final = ("LOADING", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "BUSY", "ERR max number of clients")
"""How refusals begin that another time may not meet."""


class Refused(Exception):  # noqa: N818  # named after what happened, as the others of the house
    """The server has answered, and does not want to.

    Args:
        sentence: its own words.
        passing: asking again may help.
    """

    def __init__(self, sentence: str, *, passing: bool) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.passing = passing

    @classmethod
    def by(cls, error: hiredis.ReplyError) -> Refused:
        """The error that a server's reply stands for."""
        sentence = str(error)
        if sentence.startswith("MOVED "):
            return Moved(sentence)
        return cls(sentence, passing=sentence.startswith(_PASSING))


class Moved(Refused):
    """Another server of the cluster has these channels: `MOVED slot host:port`."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, passing=True)
        self.host, _, port = sentence.split()[2].rpartition(":")
        self.port = int(port)


class RedisConnection(asyncio.Protocol):
    """A connection that is open, or over.

    Args:
        pushed: takes what the server pushes: `[kind, channel, payload or count]`.
        ended: told why it is over.
    """

    def __init__(self, pushed: Callable[[Sequence[Any]], None], ended: Callable[[Exception], None]) -> None:
        self._pushed = pushed
        self._ended = ended
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._answers: deque[asyncio.Future[Any]] = deque()
        self._transport: asyncio.Transport | None = None
        self._error: Exception | None = None
        self._open = False
        self.is_cluster = False
        """Whether the server is one of a cluster."""

    @classmethod
    async def open(
        cls, address: RedisAddress, *, pushed: Callable[[Sequence[Any]], None], ended: Callable[[Exception], None]
    ) -> Self:
        """Connect and greet. Safe to cancel.

        Raises:
            OSError: nobody answers.
            Refused: the server answers and refuses.
        """
        connection = cls(pushed, ended)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection,
                    address.host,
                    address.port,
                    ssl=ssl.create_default_context() if address.tls else None,
                )
                await connection._greet(address)  # of this class
        except BaseException:
            connection.abort()
            raise
        connection._open = True  # of this class
        return connection

    @property
    def unsent(self) -> int:
        """Bytes that the network has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def write(self, commands: bytes) -> None:
        """Send commands whose answers nobody waits for. A refusal of one ends the connection."""
        if self._transport is not None:
            self._transport.write(commands)

    def close(self) -> None:
        """End it once everything written is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self, error: Exception | None = None) -> None:
        """End it now; what is not sent is lost."""
        self._error = self._error or error
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _NOTHING:
                if isinstance(reply, hiredis.PushNotification):
                    self._pushed(reply)
                elif self._answers:
                    answer = self._answers.popleft()
                    if not answer.done():
                        answer.set_result(reply)
                elif isinstance(reply, hiredis.ReplyError):
                    self.abort(Refused.by(reply))
        except hiredis.ProtocolError as error:
            self.abort(Refused(f"speaks no RESP: {error}", passing=False))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        error = self._error or exc or ConnectionError("the server has closed the connection")
        for answer in self._answers:
            if not answer.done():
                answer.set_exception(error)
        self._answers.clear()
        if self._open:
            self._ended(error)

    async def _greet(self, address: RedisAddress) -> None:
        credentials = ("AUTH", address.username or "default", address.password) if address.password else ()
        hello = await self._ask("HELLO", 3, *credentials, "SETNAME", "madang")
        if address.database:
            await self._ask("SELECT", address.database)
        version = hello[b"version"].decode()
        if int(version.partition(".")[0]) < OLDEST_VERSION:
            raise Refused(f"is version {version}, and {OLDEST_VERSION} is the oldest that will do", passing=False)
        self.is_cluster = hello[b"mode"] == b"cluster"

    async def _ask(self, *words: str | int) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        self.write(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub knows tuples of one word only
        reply = await answer
        if isinstance(reply, hiredis.ReplyError):
            raise Refused.by(reply)
        return reply
