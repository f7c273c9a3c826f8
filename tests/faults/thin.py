"""Thin clients: as much of a client as it takes to come back and to see that nothing was missed, thousands on part of a core.

Owns one socket of one device with one group: raw frames of which only what counts is decoded, and nothing is kept but
how far it has come. Behaves as the stock client does: after a connection that broke it waits for one second, after each attempt
that failed for twice as long, five at most, each time half more or less by chance.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from contextlib import suppress
from time import monotonic
from typing import Any, Final

import msgspec

from bench.frames import CLOSE, PING, PONG, FrameReader, client_frame, upgrade_request

__all__ = ["Thin"]

HANDSHAKE_SECONDS: Final = 20.0
LONGEST_WAIT: Final = 5.0
_RESET: Final = struct.pack("ii", 1, 0)
_NOTHING: Final = b"\xff"
"""No text begins like this: every frame is handed on."""
_decode = msgspec.json.decode


class Thin:
    """One device, whose person is in one group with nothing in it but messages.

    Args:
        address: host and port of its node.
        token: of its person.
        chance: what its waits are drawn from.
    """

    reader = FrameReader(_NOTHING)

    def __init__(self, address: tuple[str, int], token: str, chance: random.Random) -> None:
        self.ready = asyncio.Event()
        """Connected, and everything missed is there."""
        self.room = ""
        self.epoch = ""
        self.version = 0
        self.took = 0.0
        """Seconds from the last cut until it was ready again."""
        self._address = address
        self._token = token
        self._chance = chance
        self._failures = 0
        self._began = 0.0
        self._writer: asyncio.StreamWriter | None = None
        self._limit: asyncio.Timeout | None = None

    async def stay(self) -> None:
        """Connect, and come back whenever the connection breaks, until cancelled.

        Raises:
            AssertionError: something was missing, or the server sent it away for ever.
        """
        while True:
            with suppress(OSError, EOFError, TimeoutError):
                await self._live()
            self.ready.clear()
            await asyncio.sleep(min(2.0**self._failures, LONGEST_WAIT) * self._chance.uniform(0.5, 1.5))
            self._failures += 1

    def cut(self) -> None:
        """Break the connection, as a network does that resets it."""
        assert self._writer is not None
        self._began = monotonic()
        self.ready.clear()
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()

    async def _live(self) -> None:
        async with asyncio.timeout(HANDSHAKE_SECONDS) as self._limit:
            reader, self._writer = await asyncio.open_connection(*self._address)
            try:
                self._writer.write(upgrade_request("{}:{}".format(*self._address), "/socket.io/"))
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 101 "):
                    return
                rest = b""
                while data := await reader.read(65_536):
                    batch = self.reader.read(rest + data)
                    rest = batch.rest
                    for first, payload in batch.others:
                        self._take(first, payload)
            finally:
                self._writer.transport.abort()

    def _take(self, first: int, payload: bytes) -> None:
        if first == CLOSE:
            raise ConnectionResetError
        if first == PING:
            self._send(payload, PONG)
        elif payload == b"2":
            self._send(b"3")
        elif payload.startswith(b"0"):
            self._send(b"40" + msgspec.json.encode({"token": self._token}))
        elif payload.startswith(b"430"):
            (answer,) = _decode(payload[3:])
            self._answered(answer)
        elif payload.startswith(b"40"):
            self._ask()
        elif payload.startswith(b'42["message:new"'):
            message = _decode(payload[2:])[1]
            assert message["version"] <= self.version + 1, f"{message['version']} after {self.version}"
            self.version = max(self.version, message["version"])
        else:
            assert payload.startswith(b"42"), payload

    def _ask(self) -> None:
        known = {"known": {self.room: [self.epoch, self.version]}} if self.room else {}
        self._send(b"420" + msgspec.json.encode(["init", known]))

    def _answered(self, answer: dict[str, Any]) -> None:
        if not answer["ok"]:
            asyncio.get_running_loop().call_later(answer["retryAfterMs"] / 1_000, self._ask)
            return
        (group,) = (summary for summary in answer["conversations"] if summary["type"] == "group")
        if changes := answer["changes"].get(self.room):
            assert changes["status"] == "delta", changes["status"]
            missed = [message["version"] for message in changes["messages"]]
            assert missed == list(range(self.version + 1, group["version"] + 1)), f"{missed} after {self.version}"
        else:
            assert self.version in {0, group["version"]}, f"nothing missed from {self.version} to {group['version']}"
        self.room, self.epoch, self.version = group["id"], group["epoch"], group["version"]
        self.took = monotonic() - self._began
        assert self._limit is not None
        self._limit.reschedule(None)
        self._failures = 0
        self.ready.set()

    def _send(self, payload: bytes, *first: int) -> None:
        assert self._writer is not None
        self._writer.write(client_frame(payload, *first))
