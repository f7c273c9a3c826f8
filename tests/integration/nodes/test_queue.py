"""Messages accepted before they are stored, through the doors: a node with its own worker, and `madang worker` beside it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from madang.ids import new_id
from tests.integration.nodes.conftest import SECRET
from tests.people import Person
from tests.postgres_server import PostgresServer
from tests.server_process import ServerProcess, WorkerProcess
from tests.valkey_server import ValkeyServer

Settings = dict[str, str]


@pytest.fixture
async def settings(postgres: PostgresServer, valkey: ValkeyServer) -> Settings:
    """Of a new installation with a queue."""
    return {
        "database_url": postgres.url(await postgres.empty_database()),
        "redis_url": valkey.url,
        "secret": SECRET,
        "persistence": "queue",
    }


@pytest.fixture
async def node(settings: Settings, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """One that accepts and does not store."""
    async with ServerProcess(tmp_path, settings | {"embedded_worker": "0"}) as server:
        yield server
        assert "Traceback" not in server.log, server.log


async def metric(process: ServerProcess, name: str) -> float:
    """A number of what a process measures."""
    async with httpx2.AsyncClient(base_url=process.url) as http:
        text = (await http.get("/metrics")).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))


async def test_a_node_alone_stores_what_it_accepts(settings: Settings, tmp_path: Path) -> None:
    """The ack comes first and has no message; then the room gets it once, and the sender's devices that it is stored."""
    async with ServerProcess(tmp_path, settings) as server:
        assert "appendonly is off" in server.log
        mina, joon = await Person.of_host(server, "mina"), await Person.of_host(server, "joon")
        room = await mina.group(joon)
        phone, tablet, theirs = await mina.device(), await mina.device(), await joon.device()
        sent = new_id()
        ack = await phone.ask("message:send", {"id": sent, "conversationId": room, "content": "안녕"})
        assert ack == {"ok": True, "tempId": sent, "level": "accepted"}
        for device in (phone, tablet):
            (persisted,) = await device.got("message:persisted")
            assert (persisted["tempId"], persisted["message"]["content"]) == (sent, "안녕")
        await theirs.got("message:new", lambda message: message["id"] == sent)
        await theirs.quiet()
        assert [message["id"] for message in theirs.all("message:new") if message["senderId"]] == [sent]
        assert theirs.all("message:persisted") == []
        answer = await mina.http("POST", f"/api/conversations/{room}/messages", {"content": "over HTTP"})
        assert (answer.status_code, answer.json()["level"]) == (202, "accepted")
        await theirs.got("message:new", lambda message: message["id"] == answer.json()["tempId"])
        await asyncio.gather(mina.close(), joon.close())
        assert "Traceback" not in server.log, server.log


async def test_what_waits_is_counted_and_cannot_be_changed_until_a_worker_stores_it(
    node: ServerProcess, settings: Settings, tmp_path: Path
) -> None:
    """Nothing is stored while no worker runs; one that comes stores all of it, tells the node's people, and says so."""
    mina, joon = await Person.of_host(node, "mina"), await Person.of_host(node, "joon")
    room = await mina.group(joon)
    phone, theirs = await mina.device(), await joon.device()
    acks = [await phone.send(room, str(number)) for number in range(5)]
    last = await theirs.send(room, "too late")
    assert {ack["level"] for ack in acks} == {"accepted"}
    edit = {"conversationId": room, "messageId": acks[0]["tempId"], "content": "early"}
    refused = await phone.ask("message:edit", edit)
    assert (refused["error"], refused["retryAfterMs"]) == ("try_again", 500)
    removed = await mina.http("DELETE", f"/api/conversations/{room}/members/{joon.id}")
    assert removed.status_code == 204
    await asyncio.sleep(2.5)
    assert await metric(node, "madang_queue_entries") == 6
    assert await metric(node, "madang_queue_oldest_seconds") > 1
    (tmp_path / "worker").mkdir()
    async with WorkerProcess(tmp_path / "worker", settings) as worker:
        await phone.got("message:persisted", lambda notice: notice["tempId"] == acks[-1]["tempId"])
        (rejected,) = await theirs.got("message:rejected")
        assert (rejected["tempId"], rejected["error"]) == (last["tempId"], "not_a_member")
        await phone.got("message:new", lambda message: message["content"] == "4")
        assert [message["content"] for message in phone.all("message:new") if message["senderId"]] == list("01234")
        assert (await phone.ask("message:edit", edit))["message"]["content"] == "early"
        async with httpx2.AsyncClient(base_url=worker.url) as http:
            assert (await http.get("/health/ready")).json() == {"ok": True}
            assert (await http.get("/api/config")).status_code == 404
        await asyncio.sleep(2.5)
        assert await metric(worker, "madang_queue_entries") == 0
        assert await metric(worker, "madang_queue_dead_letters") == 1
        assert await metric(worker, "madang_queue_shards") == 16
        assert await metric(worker, "madang_queue_stored_total") == 5
        assert await worker.stop() == 0
        assert "Traceback" not in worker.log, worker.log
    await asyncio.gather(mina.close(), joon.close())


async def test_people_on_any_node_are_told_by_any_worker(
    node: ServerProcess, settings: Settings, tmp_path: Path
) -> None:
    """Accepted on one node, stored by the worker in another: both nodes' people hear of it, once."""
    (tmp_path / "other").mkdir()
    async with ServerProcess(tmp_path / "other", settings) as other:
        mina = await Person.of_host(node, "mina")
        joon = await Person.of_host(other, "joon")
        room = await mina.group(joon)
        phone, theirs = await mina.device(), await joon.device()
        sent = [(await phone.send(room, str(number)))["tempId"] for number in range(20)]
        for device in (phone, theirs):
            await device.got("message:new", lambda message: message["id"] == sent[-1])
            assert [message["id"] for message in device.all("message:new") if message["senderId"]] == sent
        await phone.got("message:persisted", lambda notice: notice["tempId"] == sent[-1])
        assert [notice["tempId"] for notice in phone.all("message:persisted")] == sent
        await asyncio.gather(mina.close(), joon.close())


async def test_a_full_queue_is_told_to_senders(settings: Settings, tmp_path: Path) -> None:
    """Early, with when to try again; what was accepted before stays accepted."""
    full = settings | {"embedded_worker": "0", "queue_entries": "64"}
    async with ServerProcess(tmp_path, full) as server:
        mina = await Person.of_host(server, "mina")
        room = await mina.group()
        phone = await mina.device()
        acks = [await phone.send(room, str(number)) for number in range(6)]
        assert [ack.get("level", ack.get("error")) for ack in acks] == ["accepted"] * 4 + ["try_again"] * 2
        assert acks[-1]["retryAfterMs"] == 2_000
        await mina.close()
