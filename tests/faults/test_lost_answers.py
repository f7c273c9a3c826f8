"""Answers that are lost: between the database and the server after a commit, between the server and people after a send."""

import asyncio
import random
from pathlib import Path
from typing import Any

from madang.ids import new_id
from tests.faults.device import Recorder
from tests.faults.proxy import Direction, Proxy, Route
from tests.faults.world import until, world
from tests.people import Device, Person
from tests.postgres_server import PostgresServer
from tests.scale import SCALE
from tests.server_process import ServerProcess

LOST = 10 * SCALE
"""Commits whose answers are lost."""
RACES = 100 * SCALE
RACERS = 10
ONE_IN = 10
"""Of so many requests the answer to one is lost."""
EXECUTE = b"E\x00\x00\x00\x09\x00"
"""PostgreSQL's word for "do what was prepared"; a function that is called so commits by itself."""


class Losing:
    """Makes a line lose answers: requests are carried, and the connection ends when the answer comes back.

    Args:
        mark: what is in a request that counts, once the connection has said `first`.
    """

    def __init__(self, line: Proxy, *, first: bytes = b"", mark: bytes = b"", seed: int) -> None:
        self.lost = 0
        self.active = False
        self._first = first
        self._mark = mark
        self._counting: set[Route] = set()
        self._deaf: set[Route] = set()
        self._chance = random.Random(seed)
        line.on_chunk = self._carry

    def _carry(self, route: Route, direction: Direction, data: bytes) -> bool:
        if direction == "up":
            if self._first in data:
                self._counting.add(route)
            asked = route in self._counting and self._mark in data
            if asked and self.active and self._chance.randrange(ONE_IN) == 0:
                self._deaf.add(route)
            return True
        if route not in self._deaf:
            return True
        self._deaf.discard(route)
        self.lost += 1
        route.reset()
        return False


async def send_all(device: Recorder, rooms: list[str], done: asyncio.Event) -> None:
    """Send one message after another, each until it is stored."""
    number = 0
    while not done.is_set():
        await device.talk(rooms[number % len(rooms)], f"{device.name}:{number}")
        number += 1


async def test_a_commit_whose_answer_was_lost_is_one_message(tmp_path: Path, postgres: PostgresServer) -> None:
    """The database's answer to one commit in ten is lost, and the server's to one send in ten: everything acknowledged is there
    once, at the number that was told.
    """
    name = await postgres.empty_database()
    async with Proxy(postgres.socket) as database:
        url = f"postgresql://postgres@127.0.0.1:{database.port}/{name}"
        async with world(tmp_path, database_url=url) as here:
            commits = Losing(database, first=b"madang_append_sends", mark=EXECUTE, seed=1)
            devices, sends = [], []
            for number in range(6):
                line = await here.line(seed=number)
                sends.append(Losing(line, seed=number))
                devices.append(await here.device(f"sender-{number}", line=line))
            rooms = [await here.group(*devices) for _ in range(3)]
            done = asyncio.Event()
            sending = [asyncio.create_task(send_all(device, rooms, done)) for device in devices]
            for losing in (commits, *sends):
                losing.active = True
            await until(lambda: commits.lost >= LOST and all(losing.lost for losing in sends), 20 + LOST)
            done.set()
            for losing in (commits, *sends):
                losing.active = False
            await asyncio.gather(*sending)
            report = await here.rest(*rooms)
    assert report.clean, report
    assert report.acknowledged > LOST


async def race(devices: list[Device], room: str, bodies: list[str]) -> list[Any]:
    """Everybody sends with one id at nearly the same moment, the first body or the second; the acks."""
    draft = {"id": new_id(), "conversationId": room}
    chance = random.Random(draft["id"])

    async def send(device: Device) -> Any:
        await asyncio.sleep(chance.choice((0.0, 0.0, 0.001, 0.005)))
        return await device.ask("message:send", draft | {"content": chance.choice(bodies)})

    return await asyncio.gather(*map(send, devices))


async def test_sockets_that_race_with_one_id_make_one_message(tmp_path: Path, database: dict[str, str]) -> None:
    """Ten sockets of a person send with the same id at once: all are told the same message, and whoever sent another body
    under that id is told `conflict`.
    """
    async with ServerProcess(tmp_path, database) as server:
        mina = await Person.of_host(server, "mina")
        devices = [await mina.device() for _ in range(RACERS)]
        room = await mina.group()
        for device in devices:
            await device.got("conversation:new")
        numbers = []
        for number in range(RACES):
            acks = await race(devices, room, ["one"] if number % 2 else ["one", "other"])
            stored = [ack["message"] for ack in acks if ack["ok"]]
            numbers.append({(message["id"], message["seq"], message["content"]) for message in stored})
            assert sum(ack["ok"] and not ack.get("duplicate") for ack in acks) == 1, acks
            refused = {ack["error"] for ack in acks if not ack["ok"]}
            assert refused <= ({"conflict"} if number % 2 == 0 else set()), acks
            again = {"id": stored[0]["id"], "conversationId": room, "content": "another"}
            assert (await devices[number % RACERS].ask("message:send", again))["error"] == "conflict"
        assert [len(found) for found in numbers] == [1] * RACES
        assert [seq for found in numbers for _, seq, _ in found] == list(range(2, RACES + 2))
        for device in devices:
            await device.got("message:new", lambda message: message["seq"] == RACES + 1)
            assert [message["seq"] for message in device.all("message:new")] == list(range(2, RACES + 2))
        await mina.close()
