"""A Socket.IO server small enough to be wrong on purpose: it loses, doubles or refuses what it is told to.

Owns just enough of the protocol for the benchmark's clients. It runs in a thread of the test, on a free port.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


@dataclass
class CarelessServer:
    """Everybody is in one room. The first member is the one mistakes are made with.

    `copies` is how many of the third message the first member gets; `close_after` is the message after which it is cut;
    `ack` is what senders hear; `handshake` is what CONNECT is answered with.
    """

    copies: int = 1
    close_after: int = 0
    ack: str = '["ok"]'
    handshake: str = '40{"sid":"b"}'
    members: list[ServerConnection] = field(default_factory=list)
    messages: int = 0
    pongs: int = 0

    async def handle(self, connection: ServerConnection) -> None:
        """Serve one member."""
        await connection.send(
            '0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
        )
        try:
            async for received in connection:
                await self.received(connection, str(received))
        except ConnectionClosed:
            return

    async def received(self, connection: ServerConnection, packet: str) -> None:
        """Take one packet."""
        if packet.startswith("40"):
            self.members.append(connection)
            await connection.send(self.handshake)
            await connection.send("2")
        elif packet == "3":
            self.pongs += 1
        elif packet.startswith("42"):
            number, _, rest = packet[2:].partition("[")
            self.messages += 1
            text = rest.rpartition(",")[2]
            for member in self.members:
                careless = member is self.members[0] and self.messages == 3
                for _ in range(self.copies if careless else 1):
                    await member.send(f'42["message",{text}')
            await connection.send(f"43{number}{self.ack}")
            if self.messages == self.close_after:
                await self.members[0].close(1013, "too slow")


@contextmanager
def careless(server: CarelessServer) -> Iterator[tuple[str, int]]:
    """Run a server; gives its address."""
    loop = asyncio.new_event_loop()
    address: list[tuple[str, int]] = []
    started, stop = threading.Event(), asyncio.Event()

    async def run() -> None:
        async with serve(server.handle, "127.0.0.1", 0, compression=None) as listening:
            host, port = next(iter(listening.sockets)).getsockname()[:2]
            address.append((host, port))
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    started.wait(10)
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
