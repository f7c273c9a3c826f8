"""Several nodes are one chat: whatever happens on one reaches the people on the others."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest

from tests.people import PASSWORD, Person
from tests.server_process import ServerProcess

MakePerson = Callable[[], Awaitable[Person]]


async def test_messages_reach_every_node_in_order(nodes: list[ServerProcess], person: MakePerson) -> None:
    """Sent at once from all nodes into one conversation: the same for everybody, in the order of the log, each once."""
    people = [await person() for _ in nodes]
    room = await people[0].group(*people[1:])
    devices = [await someone.device(node) for someone, node in zip(people, nodes, strict=True)]
    acks = await asyncio.gather(
        *(device.send(room, f"{place}:{number}") for number in range(50) for place, device in enumerate(devices))
    )
    assert all(ack["ok"] for ack in acks)
    head = max(ack["message"]["seq"] for ack in acks)
    for device in devices:
        await device.got("message:new", lambda message: message["seq"] == head)
        assert [message["seq"] for message in device.all("message:new")] == list(range(2, head + 1))
    assert devices[1].all("message:new") == devices[2].all("message:new")


async def test_membership_reaches_other_nodes(nodes: list[ServerProcess], person: MakePerson) -> None:
    """Added on one node, one is shown the conversation on another; removed, one hears nothing said after it."""
    mina, joon = await person(), await person()
    here, there = await mina.device(nodes[0]), await joon.device(nodes[1])
    room = await mina.group(joon)
    (summary,) = await there.got("conversation:new", lambda summary: summary["id"] == room)
    assert summary["lastSeq"] == 1
    await here.send(room, "welcome")
    await there.got("message:new", lambda message: message["content"] == "welcome")
    assert (await mina.http("DELETE", f"/api/conversations/{room}/members/{joon.id}")).is_success
    await there.got("conversation:removed", lambda told: told == {"conversationId": room, "reason": "removed"})
    await here.send(room, "not for joon")
    await there.quiet()
    assert "not for joon" not in [message["content"] for message in there.all("message:new")]


async def test_marks_and_typing_reach_other_nodes(nodes: list[ServerProcess], person: MakePerson) -> None:
    """Others see how far one has read and that one types; one's other devices learn of the mark, with its number."""
    mina, joon = await person(), await person()
    room = await mina.group(joon)
    here, there, elsewhere = [await p.device(node) for p, node in zip((mina, joon, joon), nodes, strict=True)]
    await here.send(room, "안녕")
    assert (await there.ask("message:read", {"conversationId": room, "seq": 2}))["unreadCount"] == 0
    (mark,) = await here.got("message:read", lambda mark: mark["userId"] == joon.id)
    assert (mark["lastReadSeq"], "unreadCount" in mark) == (2, False)
    (own,) = await elsewhere.got("message:read", lambda mark: mark["userId"] == joon.id)
    assert (own["lastReadSeq"], own["unreadCount"]) == (2, 0)
    assert (await there.ask("typing:start", {"conversationId": room}))["ok"]
    (typing,) = await here.got("typing:start")
    assert typing == {"userId": joon.id, "conversationId": room}
    assert elsewhere.all("typing:start") == []  # it is for the others


async def test_who_is_signed_out_is_sent_away_everywhere(nodes: list[ServerProcess]) -> None:
    """Signing out on one node closes that session's sockets on all, and its token is worth nothing on any."""
    joon = await Person.sign_up(nodes[0], "joon")
    body = {"username": "joon", "password": PASSWORD, "cookies": False}
    async with httpx2.AsyncClient(base_url=nodes[1].url) as http:
        other = (await http.post("/api/auth/login", json=body)).json()["accessToken"]
    there = await joon.device(nodes[2])
    stays = Person(nodes[1], other, joon.user)
    device = await stays.device(nodes[2])
    assert (await joon.http("POST", "/api/auth/logout", {})).is_success
    await there.got("session:revoked", lambda told: told == {"reason": "logout"}, seconds=1)
    async with asyncio.timeout(5):
        await there.client.wait()
    await device.quiet()
    assert device.client.connected
    joon.server = nodes[1]
    assert (await joon.http("GET", "/api/me")).status_code == 401
    await stays.close()


async def test_who_would_not_be_heard_is_refused(nodes: list[ServerProcess], tmp_path: Path) -> None:
    """Nodes share the database; a server that does not hear of them may not open it."""
    settings = {name: value for name, value in nodes[0].settings.items() if name != "redis_url"}
    with pytest.raises(AssertionError, match="another Madang has this database open"):
        await ServerProcess(tmp_path, settings).start()


async def test_the_command_line_is_heard(nodes: list[ServerProcess], tmp_path: Path) -> None:
    """Locked out by the operator, somebody is sent away from every node at once; no server needs to be stopped for it."""
    mina = await Person.sign_up(nodes[0], "locked-out")
    there = await mina.device(nodes[1])
    environment = os.environ | {f"MADANG_{name.upper()}": value for name, value in nodes[0].settings.items()}
    command = ["-m", "madang", "user", "disable", "locked-out", "--data", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, env=environment)
    assert await process.wait() == 0
    await there.got("session:revoked", lambda told: told == {"reason": "disabled"}, seconds=1)
    await mina.close()


async def test_an_operator_sees_the_bus(nodes: list[ServerProcess]) -> None:
    """A node that is heard is ready, and says what it has published and got."""
    async with httpx2.AsyncClient(base_url=nodes[0].url) as http:
        assert (await http.get("/health/ready")).json() == {"ok": True}
        figures: dict[str, float] = {}
        for line in (await http.get("/metrics")).text.splitlines():
            if line.startswith("madang_bus"):
                name, _, value = line.partition(" ")
                figures[name] = float(value)
    assert figures["madang_bus_heard"] == 1
    assert figures["madang_bus_published_total"] > 0
    assert figures["madang_bus_received_bytes_total"] > 0
    assert figures["madang_bus_reconnects_total"] == figures["madang_bus_probes_lost_total"] == 0
