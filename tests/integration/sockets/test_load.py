"""Big lists, slow readers, and the promise that an ack follows the disk: measured on a server of its own."""

import asyncio
import json
import re
import shutil
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import websockets

from madang.domain.conversation import direct_key
from madang.ids import derived_id, new_id
from madang.ports.accounts import ExternalProfile
from madang.ports.log import CreateConversation, Entry, Outcome
from madang.storage.sqlite import SqliteStore
from tests.people import Device, Person
from tests.server_process import ServerProcess

pytestmark = pytest.mark.serial

GROUPS, MEMBERS = 500, 200
OLDEST = new_id()


@pytest.fixture(scope="module")
async def crowded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """A server whose store holds 500 groups of 200 people, all with person-0 in them; the first is the oldest."""
    folder: Path = tmp_path_factory.mktemp("crowded")
    (folder / "data").mkdir()
    store = SqliteStore(folder / "data" / "madang.sqlite3")
    await store.open()
    ids = [derived_id("host", f"person-{number}") for number in range(MEMBERS)]
    for number, user_id in enumerate(ids):
        profile = ExternalProfile(
            id=user_id, issuer="host", subject=f"person-{number}", name=f"Person {number}", avatar_url=None, issued_at=1
        )
        await store.accounts.provision(profile, 1)
    entries: list[Entry] = [
        CreateConversation(
            conversation_id=OLDEST if number == 0 else new_id(),
            entry_id=new_id(),
            actor_id=ids[0],
            type="group",
            member_ids=ids,
            name=f"{number}",
        )
        for number in range(GROUPS)
    ]
    entries.append(
        CreateConversation(
            conversation_id=new_id(),
            entry_id=new_id(),
            actor_id=ids[0],
            type="direct",
            member_ids=[ids[0]],
            unique_key=direct_key(ids[0], ids[0]),
        )
    )
    now = int(time.time() * 1000)
    verdicts = await store.log.append(entries[:1], now - 60_000) + await store.log.append(entries[1:], now)
    assert {verdict.outcome for verdict in verdicts} == {Outcome.STORED}
    await store.close()
    async with ServerProcess(folder) as running:
        yield running


async def test_a_list_of_500_groups_is_shown_in_pages_and_all_of_it_is_live(crowded: ServerProcess) -> None:
    """`init` with its cursor shows every conversation once, closes nothing, and each is delivered from then on."""
    person = await Person.of_host(crowded, "person-0")
    other = await Person.of_host(crowded, "person-1")
    device = await Device(person).connect(start=False)
    sender = await Device(other).connect(start=False)
    shown: list[str] = []
    payload: dict[str, object] = {}
    pages = 0
    while True:
        page = await device.ask("init", payload, seconds=10)
        assert page["ok"], page
        assert len(page["conversations"]) <= 100
        shown += [summary["id"] for summary in page["conversations"]]
        pages += 1
        if pages == 2:  # a conversation of a later page rises to the top meanwhile
            assert OLDEST not in shown
            await sender.send(OLDEST, "in between")
        if "next" not in page:
            break
        payload = {"cursor": page["next"]}
    assert pages == 6
    assert len(shown) == len(set(shown)) == GROUPS + 1
    for conversation in shown[::50]:
        answer = await sender.send(conversation, "hello")
        if answer["ok"]:  # all but the notes to self
            await device.got("message:new", lambda m, sent=answer["message"]: m["id"] == sent["id"])
    assert device.disconnects == []
    await device.close()
    await sender.close()


async def test_a_reader_who_never_reads_is_cut_and_nobody_else_notices(crowded: ServerProcess) -> None:
    """What piles up for one socket is bounded: its engine is closed, others get everything, and it resumes."""
    mina, joon = await Person.of_host(crowded, "mina"), await Person.of_host(crowded, "joon")
    room = await mina.group(joon)
    phone = await Device(mina).connect()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    connection.connect(("127.0.0.1", crowded.port))
    address = crowded.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    stuck = await websockets.connect(address, sock=connection, max_queue=1, ping_interval=None, max_size=None)
    await stuck.recv()
    await stuck.send("40" + json.dumps({"token": joon.token}))
    await stuck.recv()
    await stuck.send('421["init",{}]')
    await asyncio.sleep(0.5)  # from here on it reads nothing
    text = "x" * 9_900
    slowest = 0.0
    for _ in range(100):
        started = time.monotonic()
        acks = await asyncio.gather(*(phone.send(room, text) for _ in range(20)))
        slowest = max(slowest, time.monotonic() - started)
        assert all(ack["ok"] for ack in acks)
    await phone.got("message:new", lambda m: m["seq"] == 2_001)
    assert slowest < 1.0
    assert "madang_slow_closes_total 1.0" in await _metrics(crowded)
    again = await Device(joon).connect()
    (summary,) = (shown for shown in again.init["conversations"] if shown["id"] == room)
    assert (summary["lastSeq"], summary["unreadCount"]) == (2_001, 2_000)
    stuck.transport.abort()
    await stuck.wait_closed()
    await phone.close()
    await again.close()


async def _metrics(server: ServerProcess) -> str:
    async with httpx2.AsyncClient(base_url=server.url) as http:
        return (await http.get("/metrics")).text


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt-get install strace")
async def test_each_ack_follows_an_fdatasync_that_covers_it(tmp_path: Path) -> None:
    """Between a message coming in and its ack going out the log was flushed: seen in the system calls, in order."""
    trace = tmp_path / "trace"
    calls = "trace=fdatasync,write,writev,sendto,sendmsg,pwrite64"
    async with ServerProcess(
        tmp_path, wrapper=("strace", "-D", "-f", "-y", "-s", "5000", "-e", calls, "-o", str(trace))
    ) as server:
        mina = await Person.of_host(server, "mina")
        room = await mina.group()
        device = await Device(mina).connect(start=False)
        for number in range(5):
            assert (await device.send(room, f"durable-{number}"))["level"] == "stored"
        await device.close()
        await server.stop()
    lines = trace.read_text(errors="replace").splitlines()
    for number in range(5):
        written = _first(lines, rf"pwrite64\(\d+<[^>]*-wal>.*durable-{number}")
        acked = _first(lines, rf"(write|writev|sendto|sendmsg)\(\d+<(TCP|socket).*durable-{number}.*stored")
        assert written < acked, "the ack left before the log was written"
        flushed = [line for line in lines[written:acked] if re.search(r"fdatasync.*= 0$", line)]
        assert flushed, "the ack left before the log was flushed"


def _first(lines: list[str], pattern: str) -> int:
    found = next((at for at, line in enumerate(lines) if re.search(pattern, line)), None)
    assert found is not None, f"no {pattern} in the trace"
    return found
