"""People who hang up in the middle of what they asked: nobody is ever answered with what belongs to somebody else."""

import asyncio
import json
import os
import random
from pathlib import Path
from time import monotonic

import httpx2
import websockets

from tests.people import Device, Person
from tests.postgres_server import PostgresServer
from tests.scale import SCALE
from tests.server_process import ServerProcess

SECONDS = 3.0 * SCALE
PEOPLE = 6
PAUSE = 0.012
"""Between two that hang up; there are two of each kind, so about a hundred a second."""
REST_SECONDS = 5.0
CONNECTIONS = 15
"""As many as the pools may have, and one that holds the database."""


class Canary:
    """Somebody with a secret: what others are told must not have it, and what they are told has only theirs."""

    def __init__(self, person: Person, number: int) -> None:
        self.person = person
        self.secret = f"canary-{number}-{os.urandom(6).hex()}"
        self.room = ""
        self.replies = 0

    async def prepare(self) -> Device:
        """A room of one's own, full of secrets, and a socket."""
        self.room = await self.person.group(name=self.secret)
        device = await self.person.device()
        for _ in range(5):
            assert (await device.send(self.room, self.secret))["ok"]
        return device

    def heard(self, reply: str) -> None:
        """Look at what came."""
        assert reply.count("canary-") == reply.count(self.secret), f"{self.secret} was told {reply}"
        self.replies += "canary-" in reply

    @property
    def paths(self) -> list[str]:
        """What is asked over HTTP."""
        return [f"/api/conversations/{self.room}/messages", "/api/conversations", f"/api/conversations/{self.room}"]


async def ask_on(canary: Canary, device: Device, over: asyncio.Event) -> None:
    """Ask over HTTP and over the socket, and wait for every answer."""
    chance = random.Random(canary.secret)
    headers = {"Authorization": f"Bearer {canary.person.token}"}
    async with httpx2.AsyncClient(base_url=canary.person.server.url, headers=headers) as http:
        while not over.is_set():
            answer = await http.get(chance.choice(canary.paths))
            assert answer.status_code == 200, answer.text
            canary.heard(answer.text)
            for event, payload in (
                ("init", {}),
                ("conversation:sync", {"conversationId": canary.room, "version": 0}),
                ("message:send", {"conversationId": canary.room, "content": canary.secret}),
            ):
                ack = await device.ask(event, payload)
                assert ack["ok"], ack
                canary.heard(json.dumps(ack))


async def hang_up_http(server: ServerProcess, canaries: list[Canary], over: asyncio.Event) -> int:
    """Ask over HTTP and go, a few milliseconds later."""
    chance, times = random.Random(1), 0
    while not over.is_set():
        canary = chance.choice(canaries)
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"GET {chance.choice(canary.paths)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {canary.person.token}"
        writer.write(f"{head}\r\n\r\n".encode())
        await asyncio.sleep(chance.uniform(0.0, 0.008))
        writer.transport.abort()
        times += 1
        await asyncio.sleep(PAUSE)
    return times


async def hang_up_socket(server: ServerProcess, canaries: list[Canary], over: asyncio.Event) -> int:
    """Connect a socket and go while it is let in, or while it is told what there is."""
    chance, times = random.Random(2), 0
    address = f"ws://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=websocket"
    while not over.is_set():
        canary = chance.choice(canaries)
        socket = await websockets.connect(address, ping_interval=None)
        await socket.send("40" + json.dumps({"token": canary.person.token}))
        if chance.random() < 0.5:
            await socket.recv()
            await socket.send('421["init",{}]')
        await asyncio.sleep(chance.uniform(0.0, 0.008))
        socket.transport.abort()
        await socket.wait_closed()
        times += 1
        await asyncio.sleep(PAUSE)
    return times


async def left(server: ServerProcess, postgres: PostgresServer, name: str) -> tuple[int, float, int, list[str]]:
    """What the server has open besides the database, its sockets, its connections to the database, and what those do."""
    async with httpx2.AsyncClient() as http:
        metrics = (await http.get(f"{server.url}/metrics")).text.splitlines()
    sockets = next(float(line.split()[1]) for line in metrics if line.startswith("madang_sockets "))
    states = await postgres.fetch("SELECT state FROM pg_stat_activity WHERE datname = $1", name)
    files = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
    return files - len(states), sockets, len(states), [row["state"] for row in states]


async def test_nobody_hears_what_belongs_to_somebody_else(tmp_path: Path, postgres: PostgresServer) -> None:
    """A hundred times a second somebody hangs up in the middle: every complete answer is about who asked, and afterwards
    nothing is left open: no file, no socket, no transaction.
    """
    name = await postgres.empty_database()
    async with ServerProcess(tmp_path, {"database_url": postgres.url(name)}) as server:
        canaries = [Canary(await Person.of_host(server, f"person-{number}"), number) for number in range(PEOPLE)]
        devices = [await canary.prepare() for canary in canaries]
        before = await left(server, postgres, name)
        over = asyncio.Event()
        asking = [asyncio.create_task(ask_on(*pair, over)) for pair in zip(canaries, devices, strict=True)]
        hanging = [
            asyncio.create_task(hang_up(server, canaries, over))
            for hang_up in (hang_up_http, hang_up_socket)
            for _ in range(2)
        ]
        await asyncio.sleep(SECONDS)
        over.set()
        hung_up = sum(await asyncio.gather(*hanging))
        await asyncio.gather(*asking)
        after, ends = await left(server, postgres, name), monotonic() + REST_SECONDS
        while (after[:2] != before[:2] or set(after[3]) != {"idle"}) and monotonic() < ends:
            await asyncio.sleep(0.05)
            after = await left(server, postgres, name)
        for canary in canaries:
            await canary.person.close()
        assert "Traceback" not in server.log, server.log
    assert hung_up > 10 * SECONDS
    assert all(canary.replies > 3 for canary in canaries)
    assert after[:2] == before[:2]
    assert after[2] <= CONNECTIONS
    assert set(after[3]) == {"idle"}
