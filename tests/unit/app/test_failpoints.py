"""Failpoints: what may be asked, and that it happens where it was asked."""

import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from madang.app.failpoints import Failpoints
from madang.config import SettingsError, load_settings
from madang.errors import MadangError
from madang.memory.bus import MemoryBus
from madang.memory.store import MemoryStore
from madang.ports.bus import BusMessage, LogAppended, MemberAdded
from tests.conformance.chat import Chat

CHANNEL = "conv:1"
NEWS = LogAppended(conversation_id="1", entries=())
CRASHING = """
import asyncio, sys
from madang.app.failpoints import Failpoints
from madang.memory.store import MemoryStore
from tests.conformance.chat import Chat

async def main():
    store = MemoryStore()
    await store.open()
    chat = Chat(store)
    ann = await chat.user()
    group = await chat.group(ann)
    vars(store)["log"] = Failpoints({sys.argv[1]: "crash:3"}).around_log(store.log)
    for number in range(9):
        print(number, flush=True)
        await chat.send(group, ann, "x")

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("place", "action"),
    [
        ("nowhere", "crash"),
        ("after_commit", "explode"),
        ("after_commit", "crash:0"),
        ("after_commit", "crash:soon"),
        ("after_commit", "sleep"),
        ("after_publish", "sleep:5"),
    ],
)
def test_what_cannot_happen_stops_the_start(place: str, action: str) -> None:
    """A place or an action that there is not is a wrong setting."""
    asked = load_settings({}, {"MADANG_FAILPOINTS": f"{place}={action}"}).failpoints
    with pytest.raises(SettingsError, match="MADANG_FAILPOINTS"):
        Failpoints(asked)


async def test_without_the_setting_there_is_nothing_on_the_way() -> None:
    """The ports themselves are used, not something around them."""
    store, bus = MemoryStore(), MemoryBus()
    failpoints = Failpoints(load_settings({}, {}).failpoints)
    assert failpoints.around_log(store.log) is store.log
    assert failpoints.around_bus(bus) is bus


@pytest.mark.parametrize("place", ["before_commit", "during_commit", "after_commit"])
def test_a_crash_comes_at_its_time_and_place(place: str) -> None:
    """The third batch never returns, and the process is gone as by SIGKILL."""
    root = Path(__file__).resolve().parents[3]
    run = subprocess.run(
        [sys.executable, "-c", CRASHING, place], cwd=root, check=False, stdout=subprocess.PIPE, text=True
    )
    assert run.returncode == -signal.SIGKILL
    assert run.stdout.split() == ["0", "1", "2"]


@pytest.mark.parametrize(("place", "stored"), [("before_commit", 1), ("after_commit", 2)])
async def test_an_error_before_a_commit_stores_nothing_and_one_after_it_hides_it(place: str, stored: int) -> None:
    """Every second batch fails; its outcome is unknown to whoever asked."""
    store = MemoryStore()
    await store.open()
    chat = Chat(store)
    ann = await chat.user()
    group = await chat.group(ann)
    real = store.log
    vars(store)["log"] = Failpoints({place: "error:2"}).around_log(real)
    await chat.send(group, ann, "one")
    with pytest.raises(MadangError):
        await chat.send(group, ann, "two")
    assert (await real.heads([group]))[group].seq == 1 + stored


async def test_a_slow_store_is_slow_each_time() -> None:
    """It waits before it asks, and then answers as ever."""
    store = MemoryStore()
    await store.open()
    chat = Chat(store)
    ann = await chat.user()
    group = await chat.group(ann)
    vars(store)["log"] = Failpoints({"before_commit": "sleep:20"}).around_log(store.log)
    began = monotonic()
    await chat.send(group, ann, "one")
    await chat.send(group, ann, "two")
    assert monotonic() - began >= 0.039  # timers round down


async def test_a_failing_bus_loses_news_of_logs_only() -> None:
    """Every second publication of a log reaches nobody; what else is told arrives."""
    bus, heard = MemoryBus(), list[BusMessage]()
    failing = Failpoints({"before_publish": "error:2"}).around_bus(bus)
    failing.listen(lambda _, message: heard.append(message))
    await failing.subscribe([CHANNEL])
    for _ in range(4):
        failing.publish(CHANNEL, NEWS)
    failing.publish(CHANNEL, MemberAdded(user_id="1", conversation_id="1"))
    assert [type(message) for message in heard] == [LogAppended, LogAppended, MemberAdded]
