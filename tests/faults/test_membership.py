"""People who come and go all the time: each sees exactly what was said while they were there, whichever way they look."""

import asyncio
import random
import uuid
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Final

from tests.faults.device import Recorder
from tests.faults.world import World, until, world
from tests.interop.documented_client import Json, Refused
from tests.scale import SCALE

COMERS: Final = 5
ROUNDS: Final = 2 * SCALE
"""How often each of them is taken out and brought back."""
STOP_SECONDS, STOP_MOST_SECONDS = 0.25, 1.0
REFUSALS: Final = {"not_a_member", "not_found"}


async def talk(device: Recorder, room: str, known: list[Json], chance: random.Random, done: asyncio.Event) -> None:
    """Say something, often about something that was said long ago; now and then change what was said then."""
    number = 0
    while not done.is_set():
        about = chance.choice(known)
        quote = {"replyToId": about["id"]} if chance.random() < 0.4 else {}
        known.append((await device.send(room, f"{device.name}:{number}", **quote))["message"])
        number += 1
        if chance.random() < 0.2:
            change: Json = {"conversationId": room, "messageId": about["id"]}
            await device.ask("message:react", {**change, "emoji": chance.choice("👍🎉🙂")})
            mine = about["senderId"] == device.me["id"]
            if mine:
                await device.ask("message:edit", {**change, "content": f"{device.name}:{number} again"})
        await asyncio.sleep(0.01)


async def outcome(asking: Awaitable[Any]) -> str:
    """What came of it."""
    try:
        return str(await asking)
    except Refused as answer:
        return answer.code


def attempts(device: Recorder, room: str, message: Json, epoch: str) -> list[Awaitable[Any]]:
    """Every way to get at a conversation, by somebody who knows its ids."""
    path, here = f"conversations/{room}", {"conversationId": room}
    about = {**here, "messageId": message["id"]}
    return [
        device.call("GET", path),
        device.call("GET", f"{path}/messages"),
        device.call("GET", f"{path}/messages", around=message["seq"]),
        device.call("GET", f"{path}/members"),
        device.call("GET", f"{path}/messages/{message['id']}/readers"),
        device.call("GET", f"{path}/messages/{message['id']}/reactions/👍"),
        device.call("POST", f"{path}/messages", {"content": "over HTTP", "replyToId": message["id"]}),
        device.ask("conversation:sync", {**here, "epoch": epoch, "version": 1}),
        device.ask("message:send", {**here, "id": str(uuid.uuid4()), "content": "?", "replyToId": message["id"]}),
        device.ask("message:react", {**about, "emoji": "👍"}),
        device.ask("message:edit", {**about, "content": "not mine"}),
        device.ask("message:delete", about),
        device.ask("message:read", {**here, "seq": message["seq"]}),
    ]


async def come_and_go(here: World, comer: Recorder, room: str, known: list[Json], stops: list[float]) -> None:
    """Taken out, looking everywhere, resuming, brought back, and looking at everything there is to see."""
    owner, epoch = here.devices[0], comer.rooms[room].epoch
    for _ in range(ROUNDS):
        before = comer.removed.get(room, 0)
        await owner.call("DELETE", f"conversations/{room}/members/{comer.me['id']}")
        answered = asyncio.get_running_loop().time()
        looking = asyncio.gather(*map(outcome, attempts(comer, room, known[-1], epoch)))
        await until(lambda before=before: comer.removed.get(room, 0) > before)  # type: ignore[misc] # mypy cannot infer a lambda's default
        stops.append(asyncio.get_running_loop().time() - answered)
        assert set(await looking) == REFUSALS
        assert room not in comer.rooms
        await owner.call("POST", f"conversations/{room}/members", {"userIds": [comer.me["id"]]})
        await here.opened(room, comer)
        await comer.call("GET", f"conversations/{room}/messages", around=known[0]["seq"], limit=20)
        await comer.call("GET", f"conversations/{room}/messages", before=comer.rooms[room].seq, limit=200)
        asked = {"conversationId": room, "epoch": epoch, "version": 1}
        await comer.ask("conversation:sync", asked, lambda changes: comer.missed(room, changes))
        await asyncio.sleep(0.05)


async def test_nobody_sees_what_was_said_without_them(tmp_path: Path, database: dict[str, str]) -> None:
    """Removed, they keep their sockets and try everything; back, they read all they can: live, resumed, paged or quoted, no
    message of a time in which they were not there, and removal holds at once.
    """
    chance, stops = random.Random(6), list[float]()
    async with world(tmp_path, **database) as here:
        talkers = [await here.device(f"talker-{number}") for number in range(3)]
        comers = [
            await here.device(f"comer-{number}", "websocket" if number % 2 else "polling") for number in range(COMERS)
        ]
        room = await here.group(*talkers, *comers)
        known = [(await talkers[0].send(room, "the first"))["message"]]
        done = asyncio.Event()
        talking = [asyncio.create_task(talk(talker, room, known, chance, done)) for talker in talkers]
        await asyncio.gather(*(come_and_go(here, comer, room, known, stops) for comer in comers))
        done.set()
        await asyncio.gather(*talking)
        report = await here.rest(room)
    assert report.clean, str(report)
    assert len(stops) == COMERS * ROUNDS
    stops.sort()
    assert stops[len(stops) // 2] < STOP_MOST_SECONDS, stops
    if SCALE > 1:  # a short run has few, on a machine that does other things
        assert stops[int(len(stops) * 0.99)] < STOP_SECONDS, stops
        assert stops[-1] < STOP_MOST_SECONDS, stops
