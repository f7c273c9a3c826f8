"""Servers, their database and their people, in a network that fails: what the scenarios are told in.

Owns starting all of it, keeping the server alive when it is killed, and the end of every scenario: the faults stop,
everything comes to rest, and the checker compares what everybody saw with what is stored.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.faults.checker import Report, check
from tests.faults.device import Recorder
from tests.faults.figures import FIGURES
from tests.faults.history import History
from tests.faults.proxy import Proxy
from tests.interop.documented_client import Json
from tests.round_robin import RoundRobin
from tests.server_process import ServerProcess, free_port

__all__ = ["World", "until", "world"]

REST_SECONDS: Final = 15.0
"""In which everybody must have everything after the faults have ended."""


class World:
    """One server, or several nodes, and the people on them."""

    def __init__(self, servers: list[ServerProcess], history: History, stack: AsyncExitStack) -> None:
        self.servers = servers
        self.server = servers[0]
        """The only one, or the one that is killed and kept alive."""
        self.history = history
        self.deaths = 0
        """How often the server has died and was started again."""
        self.devices: list[Recorder] = []
        self._stack = stack
        self._watching: asyncio.Task[None] | None = None

    async def device(
        self, person: str, *transports: str, line: Proxy | RoundRobin | None = None, node: int | None = None
    ) -> Recorder:
        """A connected device of a person, named after both; directly, or through a line, or on a node by its place."""
        name = f"{person}/{sum(device.name.startswith(f'{person}/') for device in self.devices) + 1}"
        server = self.server if node is None else self.servers[node]
        device = Recorder(line.url if line else server.url, self.history, name)
        self._stack.push_async_callback(device.close)
        device.use(self.server.host_token(person, seconds=3_600))
        self.devices.append(device)
        await device.connect(*(transports or ("websocket",)))
        return device

    async def line(self, *, node: int = 0, seed: int = 0, window: int | None = None) -> Proxy:
        """A network of one's own to the server, or to a node by its place."""
        return await self._stack.enter_async_context(Proxy(self.servers[node].port, seed=seed, window=window))

    async def group(self, *members: Recorder) -> str:
        """A group of these people, the first its owner, open on every device of theirs; its id."""
        people = list(dict.fromkeys(member.me["id"] for member in members))
        made = await members[0].call(
            "POST", "conversations", {"type": "group", "name": "마당", "memberIds": people[1:]}
        )
        await self.opened(made["id"], *members)
        return str(made["id"])

    async def opened(self, room: str, *members: Recorder) -> None:
        """Wait until these have been shown a conversation and have loaded it."""
        for member in members:
            await until(lambda member=member: room in member.rooms and member.rooms[room].members)  # type: ignore[misc] # mypy cannot infer a lambda's default

    def keep_alive(self) -> None:
        """Start the server again whenever it has died."""

        async def watch() -> None:
            while True:
                await self.server.died()
                await self.restart()

        self._watching = asyncio.create_task(watch())
        self._stack.callback(self._watching.cancel)

    async def kill(self) -> None:
        """End the server as a power cut does, and wait until it runs again."""
        before = self.server.starts
        self.server.signal(signal.SIGKILL)
        await until(lambda: self.server.starts > before, 30)

    async def restart(self, server: ServerProcess | None = None) -> None:
        """Start a server that has died; the one that is kept alive if none is named."""
        await (server or self.server).start()
        self.deaths += 1

    async def rest(self, *rooms: str) -> Report:
        """Wait until every device has everything, then check the history. The first device made must see all of it.

        Raises:
            AssertionError: it did not come to rest, or the checker found something.
        """
        if self._watching is not None and self._watching.done():
            self._watching.result()
        for device in self.devices:
            await until(device.ready.is_set, REST_SECONDS)
        stored = {room: await self.stored(room) for room in rooms}
        deadline = time.monotonic() + REST_SECONDS
        for room, log in stored.items():
            version = max((message["version"] for message in log), default=0)
            for device in self.devices:
                while (here := device.rooms.get(room)) and (here.version < version or here.held or device.busy):
                    has = f"{here.version} of {version} in {room}, {len(here.held)} held"
                    assert time.monotonic() < deadline, f"{device.name} has {has}, and is busy with {device.busy}"
                    await asyncio.sleep(0.02)
        for device in self.devices:
            for room in rooms:
                if room in device.rooms:
                    await device.hold(device.rooms[room])
        report = check(self.history, stored)
        FIGURES.add(self.deaths, report)
        return report

    async def stored(self, room: str) -> list[Json]:
        """All of a conversation, as its first device loads it."""
        found: list[Json] = []
        while page := await self.devices[0].call(
            "GET", f"conversations/{room}/messages", after=found[-1]["seq"] if found else 0, limit=200
        ):
            found += page
        return found


async def until(holds: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)


@asynccontextmanager
async def world(folder: Path, nodes: int = 1, /, **settings: Any) -> AsyncIterator[World]:
    """A server with these settings for as long as the context lasts, or several nodes, and its history in a file beside it.

    What it logs must have no traceback: whatever goes wrong around it has a named behaviour.
    """
    folders = [folder / f"node-{number}" for number in range(1, nodes)]
    for other in folders:
        other.mkdir()
    async with AsyncExitStack() as stack:
        history = History(folder / "history.jsonl")
        stack.callback(history.close)
        servers = [ServerProcess(place, settings) for place in (folder, *folders)]
        for server in servers if folders else ():  # where others reach it must be known before it starts
            server.port = free_port()
            server.settings["advertise"] = f"127.0.0.1:{server.port}"
        for server in servers:
            await stack.enter_async_context(server)
        yield World(servers, history, stack)
        for server in servers:
            assert "Traceback" not in server.log, server.log
