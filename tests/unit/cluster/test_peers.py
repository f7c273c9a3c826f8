"""Requests that are passed on, between two engine servers with real connections: what goes through, and what ends where."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from madang.cluster.client import connect
from madang.cluster.directory import Directory
from madang.cluster.peers import NodePeers
from madang.cluster.seal import Seals
from madang.ids import new_id
from madang.socketio import PASSED_ON, PassedRequest
from madang.tasks import TaskSupervisor
from tests.interop import raw_client
from tests.interop.raw_client import POLLING, RawWebSocket
from tests.interop.serving import Recorded, recording
from tests.nodes import eventually
from tests.server_parts import MovableClock
from tests.valkey_server import ValkeyServer

UNKNOWN = {"code": 1, "message": "Session ID unknown"}
KEY = b"k" * 32


@dataclass
class Node:
    """An engine server and its way to the others."""

    served: Recorded
    peers: NodePeers
    directory: Directory

    @property
    def port(self) -> int:
        return self.served.port


@pytest.fixture
async def nodes(valkey: ValkeyServer) -> AsyncIterator[list[Node]]:
    """Two of one installation that reach each other by address."""
    tasks, clock, installation = TaskSupervisor(), MovableClock(), new_id()
    async with AsyncExitStack() as stack:
        client = connect(valkey.url)
        stack.push_async_callback(client.aclose)
        made = []
        for _ in range(2):
            seals = Seals(KEY, clock)
            name = seals.new_name()
            directory = Directory(
                client, installation=installation, name=name, address="", mark="m", clock=clock, tasks=tasks
            )
            stack.push_async_callback(directory.close)
            peers = NodePeers(name=name, seals=seals, directory=directory, folder=None, answer_seconds=5, tasks=tasks)
            served = await stack.enter_async_context(recording(peers=peers, node=name, max_payload=1_000))
            directory._address = f"127.0.0.1:{served.port}"
            await directory.start()
            made.append(Node(served, peers, directory))
        yield made
    await tasks.close()
    assert not tasks.failures


async def opened(node: Node) -> str:
    """The target of a connection that this node has."""
    return await raw_client.open_polling(node.port)


async def test_polls_and_posts_reach_their_owner(nodes: list[Node]) -> None:
    """Opened here, everything else there: the same answers as at the owner."""
    here, there = nodes
    target = await opened(here)
    posted = await raw_client.post(there.port, target, "40", content_type="text/plain;charset=UTF-8")
    assert (posted.status, posted.body) == (200, "ok")
    polled = await raw_client.get(there.port, target, origin="http://a.example")
    assert polled.body.startswith('40{"sid"')
    assert polled.headers["access-control-allow-origin"] == "*"
    assert polled.headers["content-type"].startswith("text/plain")
    (socket,) = here.served.sockets
    waiting = await raw_client.start(there.port, target)
    await asyncio.sleep(0.05)
    socket.emit("hello", "안녕")
    assert (await waiting.response()).body == '42["hello","안녕"]'
    assert there.peers.passed_on == 3
    assert not there.served.sockets


async def test_an_upgrade_reaches_its_owner(nodes: list[Node]) -> None:
    """The probe, then frames in both directions, large ones too, and the end from either side."""
    here, there = nodes
    target = await opened(here)
    await raw_client.post(there.port, target, "40")
    await raw_client.get(there.port, target)
    line = await RawWebSocket.connect(there.port, target.replace("polling", "websocket"))
    line.send("2probe")
    assert await line.text() == "3probe"
    line.send("5")
    line.send('42["big","' + "x" * 900 + '"]')
    await eventually(lambda: here.served.events)
    (socket,) = here.served.sockets
    socket.emit("big", "y" * 200_000)
    assert len(await line.text()) > 200_000
    assert there.peers.tunnels == 1
    line.writer.transport.abort()
    assert await here.served.reason() == "transport close"
    await eventually(lambda: there.peers.tunnels == 0)


async def test_a_server_that_closes_ends_the_tunnel(nodes: list[Node]) -> None:
    """The close code of the owner arrives as it is."""
    here, there = nodes
    target = await opened(here)
    await raw_client.post(there.port, target, "40")
    await raw_client.get(there.port, target)
    line = await RawWebSocket.connect(there.port, target.replace("polling", "websocket"))
    line.send("2probe")
    await line.text()
    line.send("5")
    await eventually(lambda: here.served.server.engine_server.engines)
    await asyncio.sleep(0.05)
    here.served.sockets[0].close_engine(1012, "restart")
    with pytest.raises(raw_client.Closed) as closed:
        await line.text()
    assert closed.value.code == 1012


async def test_a_client_that_goes_away_ends_its_poll_at_the_owner(nodes: list[Node]) -> None:
    """As if it had been polling there."""
    here, there = nodes
    target = await opened(here)
    await raw_client.post(there.port, target, "40")
    await raw_client.get(there.port, target)
    waiting = await raw_client.start(there.port, target)
    await asyncio.sleep(0.1)
    waiting.abort()
    assert await here.served.reason() == "transport error"


async def test_a_body_too_large_is_the_owners_to_refuse(nodes: list[Node]) -> None:
    """413, and the connection ends, wherever it arrives; and no more than the limit is carried."""
    here, there = nodes
    target = await opened(here)
    assert (await raw_client.post(there.port, target, "4" * 50_000)).status == 413
    assert not here.served.server.engine_server.engines


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_who_has_died_is_unknown(nodes: list[Node], transport: str) -> None:
    """A name in the directory where nobody listens, and a name nobody has: the client is told to come back."""
    here, there = nodes
    here.directory._address = "127.0.0.1:1"
    await here.directory._enter()
    stranger = Seals(KEY, MovableClock()).new_name()
    for name in (here.peers.name, stranger):
        target = f"{POLLING}&sid={name}{'a' * 20}".replace("polling", transport)
        if transport == "polling":
            answer = await raw_client.get(there.port, target)
        else:
            upgraded = await RawWebSocket.upgrade(there.port, target)
            assert not isinstance(upgraded, RawWebSocket)
            answer = upgraded
        assert (answer.status, json.loads(answer.body)) == (400, UNKNOWN)


async def test_a_wrong_address_goes_round_no_circle(nodes: list[Node]) -> None:
    """A node that is said to be where another one is: passed on once, then unknown."""
    here, there = nodes
    target = await opened(here)
    here.directory._address = there.directory._address
    await here.directory._enter()
    answer = await raw_client.get(there.port, target)
    assert (answer.status, answer.json()) == (400, UNKNOWN)
    assert there.peers.passed_on == 1


async def test_made_up_seals_are_refused(nodes: list[Node]) -> None:
    """A request that claims to be passed on proves it, or is for an unknown connection; also at the connection's owner."""
    here, _ = nodes
    target = await opened(here)
    answer = await raw_client.get(here.port, target, x_passed_on="1.2.3")
    assert (answer.status, answer.json()) == (400, UNKNOWN)
    upgraded = await RawWebSocket.upgrade(here.port, target.replace("polling", "websocket"), {"X-Passed-On": "1.2.3"})
    assert not isinstance(upgraded, RawWebSocket)
    assert upgraded.status == 400


async def test_a_recorded_post_changes_nothing(nodes: list[Node]) -> None:
    """Sent again with its seal, it is refused, and its packets are not taken twice."""
    here, there = nodes
    target = await opened(here)
    await raw_client.post(there.port, target, "40")
    body = '42["once"]'
    request = PassedRequest(method="POST", target=target.encode(), headers=[], body=body.encode())
    seal = Seals(KEY, MovableClock()).seal(request).decode()
    for status in (200, 400):
        answer = await raw_client.post(here.port, target, body, x_passed_on=seal)
        assert answer.status == status
    assert here.served.events == [("once", [])]
    assert PASSED_ON == b"x-passed-on"
