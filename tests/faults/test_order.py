"""One order for everybody: while a transaction is held open, while lines jitter, and while the bus loses."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg

from tests.faults.device import Recorder
from tests.faults.world import World, world
from tests.people import Device, Person
from tests.scale import SCALE

HOLDS: Final = 2 * SCALE
"""How often a conversation is held."""
HELD_SECONDS: Final = 0.8
SENDS: Final = 50
"""Submitted while it is held."""
SENDERS: Final = 10
TURNS: Final = 6 * SCALE


@asynccontextmanager
async def held(database: dict[str, str], room: str) -> AsyncIterator[None]:
    """Somebody else has the row of a conversation; on SQLite, which has one writer, each commit takes its time instead."""
    async with AsyncExitStack() as stack:
        if url := database.get("database_url"):
            connection = await asyncpg.connect(url)
            stack.push_async_callback(connection.close)
            await stack.enter_async_context(connection.transaction())
            await connection.execute("SELECT 1 FROM conversations WHERE id = $1 FOR UPDATE", room)
        yield


class Readers:
    """Look at the rooms from all sides, and hold every answer against what somebody had seen when it was asked for."""

    def __init__(self, here: World, rooms: Sequence[str]) -> None:
        self.here, self.rooms = here, rooms
        self.answers = 0
        self.done = asyncio.Event()

    def seen(self, room: str) -> int:
        """The highest number that was delivered to anybody."""
        return max(device.rooms[room].seq for device in self.here.devices)

    def look(self, seqs: Sequence[int], first: int, floor: int) -> int:
        """One answer: from `first` on without a hole, and as far as somebody had seen already; where it ends."""
        assert list(seqs) == list(range(first, first + len(seqs)))
        assert first + len(seqs) > floor, f"{floor} had been seen, and this ends before {first + len(seqs)}"
        self.answers += 1
        return first + len(seqs) - 1

    async def poll(self, device: Recorder) -> None:
        """Ask for what is new, again and again: each page goes on where the one before ended."""
        last = dict.fromkeys(self.rooms, 0)
        while not self.done.is_set():
            for room in self.rooms:
                floor = self.seen(room)
                page = await device.call("GET", f"conversations/{room}/messages", after=last[room], limit=200)
                last[room] = self.look([message["seq"] for message in page], last[room] + 1, floor)

    async def resume(self, person: Person, epoch: str) -> None:
        """Come, ask for all that was ever missed, and go."""
        while not self.done.is_set():
            device = await Device(person).connect(start=False)
            for room in self.rooms:
                floor = self.seen(room)
                asked = {"conversationId": room, "epoch": epoch, "version": 1}
                self._changes(await device.ask("conversation:sync", asked), floor)
            floors = {room: self.seen(room) for room in self.rooms}
            answer = await device.ask("init", {"known": {room: [epoch, 1] for room in self.rooms}})
            for room, changes in answer["changes"].items():
                self._changes(changes, floors[room])
            await device.close()

    def _changes(self, changes: dict[str, Any], floor: int) -> None:
        if changes["status"] == "delta" and "more" not in changes:
            self.look(sorted(message["seq"] for message in changes["messages"]), 2, floor)


async def test_nothing_appears_below_what_was_seen(tmp_path: Path, database: dict[str, str]) -> None:
    """One conversation's transaction is held open while fifty others are submitted to it and to others: pages, resumes and
    live readers see prefixes of one log, others' messages go on meanwhile, and one socket's keep their order.
    """
    failpoints = {} if database else {"failpoints": "before_commit=sleep:30"}
    async with world(tmp_path, **failpoints, **database) as here:
        senders = [await here.device(f"sender-{number}") for number in range(4)]
        poller = await here.device("poller", "polling")
        rooms = [await here.group(*here.devices) for _ in range(3)]
        readers = Readers(here, rooms)
        person = await Person.of_host(here.server, "poller")
        reading = [
            asyncio.create_task(readers.poll(poller)),
            asyncio.create_task(readers.resume(person, poller.rooms[rooms[0]].epoch)),
        ]
        for hold in range(HOLDS):
            async with held(database, rooms[0]):
                sends = [
                    senders[number % 4].talk(rooms[number // 4 % 3], f"{hold}:{number}") for number in range(SENDS)
                ]
                await asyncio.sleep(HELD_SECONDS)
                waiting = [each for number, each in enumerate(sends) if number // 4 % 3 == 0]
                await asyncio.wait(set(sends) - set(waiting), timeout=10)
                assert not database or [each.done() for each in waiting] == [False] * len(waiting)
                assert sum(each.done() for each in sends) >= SENDS - len(waiting)
            await asyncio.wait(sends)
        readers.done.set()
        await asyncio.gather(*reading)
        report = await here.rest(*rooms)
    assert report.clean, str(report)
    assert readers.answers > 20 * HOLDS


async def test_all_devices_have_the_same_order(tmp_path: Path) -> None:
    """Ten people speak in bursts in one room, each over a line that jitters, and the bus loses every fifth of what it is
    given: all have one order, one socket's messages keep theirs, and no device is shown a hole.
    """
    async with world(tmp_path, failpoints="before_publish=error:5") as here:
        lines = [await here.line(seed=number) for number in range(SENDERS)]
        senders = [await here.device(f"sender-{number}", line=line) for number, line in enumerate(lines)]
        room = await here.group(*senders)
        for line in lines:
            line.delay = (0.0, 0.2)

        async def speak(sender: Recorder) -> None:
            for turn in range(TURNS):
                await asyncio.wait([sender.talk(room, f"{sender.name}:{turn}:{number}") for number in range(3)])

        await asyncio.gather(*map(speak, senders))
        for line in lines:
            line.delay = (0.0, 0.0)
        report = await here.rest(room)
    assert report.clean, str(report)
    assert report.acknowledged == SENDERS * TURNS * 3
    assert [device.holes for device in senders] == [0] * SENDERS
