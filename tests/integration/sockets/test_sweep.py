"""What the bus loses without a trace is found within ten seconds: last messages, "you were added", "you were removed"."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.people import Person
from tests.server_process import ServerProcess

WITHIN_SECONDS = 10.0
SCRIPT = str(Path(__file__).with_name("lossy_server.py"))


@pytest.fixture
async def lossy(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server whose bus loses everything while `_losing` says so."""
    async with ServerProcess(tmp_path, wrapper=(sys.executable, SCRIPT, str(tmp_path))) as running:
        yield running
        assert "Traceback" not in running.log, running.log


def _losing(server: ServerProcess, *, now: bool) -> None:
    place = server.folder / "lossy"
    if now:
        place.touch()
    else:
        place.unlink()


async def test_what_was_lost_at_the_end_is_found(lossy: ServerProcess) -> None:
    """Nothing follows that would show the hole: the store is asked, and everything comes in order, each once."""
    mina, joon, mun = [await Person.of_host(lossy, name) for name in ("mina", "joon", "mun")]
    room, other = await mina.group(joon), await mina.group()
    one, two, three = await mina.device(), await joon.device(), await mun.device()
    _losing(lossy, now=True)
    for number in range(5):
        await one.send(room, f"lost {number}")
    body = {"userIds": [joon.id]}
    assert (await mina.http("POST", f"/api/conversations/{other}/members", body)).status_code == 200
    assert (await mina.http("POST", f"/api/conversations/{room}/members", {"userIds": [mun.id]})).status_code == 200
    assert two.all("message:new") == []
    _losing(lossy, now=False)
    (complete,) = await two.got(
        "conversation:version", lambda told: told["conversationId"] == room, seconds=WITHIN_SECONDS
    )
    assert [message["seq"] for message in two.all("message:new")] == [2, 3, 4, 5, 6, 7]
    assert complete["version"] == 7
    for device, where in ((two, other), (three, room)):
        (summary,) = await device.got("conversation:new", seconds=WITHIN_SECONDS)
        assert summary["id"] == where
    await one.send(room, "live again")
    await three.got("message:new", lambda m: m["content"] == "live again")
    assert [message["seq"] for message in three.all("message:new")] == [8]
    for person in (mina, joon, mun):
        await person.close()


async def test_a_lost_removal_is_found_and_nothing_after_it_is_seen(lossy: ServerProcess) -> None:
    """Whoever was removed is told so, and gets no message from after it, also not by the repair."""
    mina, joon = [await Person.of_host(lossy, name) for name in ("mina", "joon")]
    room = await mina.group(joon)
    one, two = await mina.device(), await joon.device()
    _losing(lossy, now=True)
    answer = await mina.http("DELETE", f"/api/conversations/{room}/members/{joon.id}")
    assert answer.is_success
    await one.send(room, "not for joon")
    _losing(lossy, now=False)
    (told,) = await two.got("conversation:removed", seconds=WITHIN_SECONDS)
    assert told == {"conversationId": room, "reason": "removed"}
    await one.got("message:new", lambda m: m["content"] == "not for joon")
    assert not [message for message in two.all("message:new") if message["seq"] > 2]
    for person in (mina, joon):
        await person.close()


async def test_a_lost_return_is_found(lossy: ServerProcess) -> None:
    """Removed and added again while the bus is deaf: one is sent back, and shown the new membership."""
    mina, joon = [await Person.of_host(lossy, name) for name in ("mina", "joon")]
    room = await mina.group(joon)
    one, two = await mina.device(), await joon.device()
    await one.send(room, "before")
    _losing(lossy, now=True)
    assert (await mina.http("DELETE", f"/api/conversations/{room}/members/{joon.id}")).is_success
    await one.send(room, "not for joon")
    body = {"userIds": [joon.id]}
    assert (await mina.http("POST", f"/api/conversations/{room}/members", body)).status_code == 200
    _losing(lossy, now=False)
    async with asyncio.timeout(WITHIN_SECONDS):
        await two.client.wait()  # until it is sent back, to be shown the membership of now
    again = await joon.device()
    (summary,) = (shown for shown in again.init["conversations"] if shown["id"] == room)
    assert summary["me"]["visibleFromSeq"] == 5
    await one.send(room, "for joon")
    await again.got("message:new", lambda m: m["content"] == "for joon")
    assert "not for joon" not in [message["content"] for message in two.all("message:new") + again.all("message:new")]
    for person in (mina, joon):
        await person.close()
