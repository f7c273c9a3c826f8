"""What devices end with: edits, deletions, reactions and quotes, made while lines are cut and the bus loses."""

import asyncio
import random
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults.device import Recorder
from tests.faults.proxy import Proxy
from tests.faults.world import world
from tests.interop.documented_client import Json, Refused
from tests.scale import SCALE

# python-socketio leaves connections that broke to the garbage collector, and aiohttp says so
pytestmark = pytest.mark.filterwarnings("ignore:.*:pytest.PytestUnraisableExceptionWarning")

WAYS: Final = (("websocket",), ("polling",), ("polling", "websocket"), ("websocket",))
TURNS: Final = 25 * SCALE
PAUSE_SECONDS: Final = 0.06


async def change(device: Recorder, room: str, known: list[Json], chance: random.Random) -> None:
    """Say something, react, edit or delete."""
    what = chance.choice(("send", "send", "reply", "react", "react", "edit", "edit", "delete"))
    mine = [message for message in known if message["senderId"] == device.me["id"]]
    about = chance.choice(mine if mine and what in {"edit", "delete"} else known)
    asked: Json = {"conversationId": room, "messageId": about["id"]}
    with suppress(Refused):  # it has been deleted meanwhile, or is somebody else's
        match what:
            case "send":
                known.append((await device.send(room, f"{len(known)} of {device.name}"))["message"])
            case "reply":
                known.append((await device.send(room, f"{len(known)} is a reply", replyToId=about["id"]))["message"])
            case "react":
                remove = {"remove": True} if chance.random() < 0.3 else {}
                await device.ask("message:react", {**asked, "emoji": chance.choice("👍🎉🙂"), **remove})
            case "edit":
                await device.ask("message:edit", {**asked, "content": f"{chance.random()}"})
            case _:
                await device.ask("message:delete", asked)


async def test_every_device_ends_with_what_its_person_is_shown(tmp_path: Path, database: dict[str, str]) -> None:
    """Every ninth piece of news is lost inside, lines are cut outside, and one joins midway: each message on each device is
    whole and the same as the server shows it to that very person.
    """
    chance = random.Random(19)
    async with world(tmp_path, failpoints="before_publish=error:9", **database) as here:
        pairs: list[tuple[Recorder, Proxy]] = []
        for number, way in enumerate(WAYS):
            line = await here.line(seed=number)
            pairs.append((await here.device(f"person-{number}", *way, line=line), line))
        owner = pairs[0][0]
        room = await here.group(*(device for device, _ in pairs))
        known = [(await owner.send(room, "the first"))["message"]]

        async def live(device: Recorder, line: Proxy) -> None:
            for turn in range(TURNS):
                await change(device, room, known, chance)
                await asyncio.sleep(chance.uniform(0, PAUSE_SECONDS))
                if turn % 12 == 6:
                    line.silent = {"down"} if chance.random() < 0.5 else set()
                    await asyncio.sleep(PAUSE_SECONDS)
                    line.cut()

        async def join() -> None:
            await asyncio.sleep(TURNS * PAUSE_SECONDS / 2)
            late = await here.device("late")
            await owner.call("POST", f"conversations/{room}/members", {"userIds": [late.me["id"]]})
            await here.opened(room, late)

        await asyncio.gather(join(), *(live(*pair) for pair in pairs))
        report = await here.rest(room)
        stored: list[Any] = await here.stored(room)
    assert report.clean, str(report)
    assert any(message["reactions"] for message in stored)
    assert any(message["editedAt"] for message in stored)
    assert any(message["deletedAt"] for message in stored)
