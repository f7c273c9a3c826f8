"""The bus between nodes, on a real Valkey: what crosses, what stays here, and how it comes back from every trouble."""

import asyncio
import signal
import time
from collections.abc import Iterator

import pytest
import redis

from madang.clock import SystemClock
from madang.cluster.bus import RedisBus
from madang.config import SettingsError
from madang.ports.bus import LogAppended, MemberAdded, RoomNotice
from madang.tasks import TaskSupervisor
from tests.faults.proxy import Proxy, Route
from tests.nodes import Node, eventually, log_entry, nodes
from tests.valkey_server import ValkeyServer, running_cluster, running_valkey

QUICK = {"probe_seconds": 0.05, "deaf_seconds": 0.3}
NEWS = MemberAdded(user_id="u", conversation_id="c")


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A server that a test may stop."""
    with running_valkey() as server:
        yield server


async def everywhere(made: list[Node], *channels: str) -> None:
    """All nodes subscribe."""
    for node in made:
        await node.bus.subscribe(list(channels))


async def test_every_node_hears_what_one_says(valkey: ValkeyServer) -> None:
    """In order, each once, whoever says it; and what is subscribed when `subscribe` returns is heard."""
    async with nodes(valkey.url, 3) as made:
        await everywhere(made, "conv:c", "user:u")
        for version in range(1, 1_001):
            made[0].bus.publish("conv:c", log_entry(version))
        made[1].bus.publish("user:u", NEWS)
        for node in made:
            await eventually(lambda node=node: len(node.heard) == 1_001)  # type: ignore[misc]  # mypy cannot infer a lambda's default
            assert node.versions("conv:c") == list(range(1, 1_001))
            assert [message for channel, message in node.heard if channel == "user:u"] == [NEWS]


async def test_what_is_said_after_a_subscription_returned_is_heard(valkey: ValkeyServer) -> None:
    """However far the server is: it returns when the server has confirmed it, not when it was asked for."""
    async with (
        Proxy(valkey.port) as line,
        nodes(valkey.url, 1, installation="far") as (near,),
        nodes(f"redis://127.0.0.1:{line.port}", 1, installation="far") as (far,),
    ):
        line.delay = (0.1, 0.1)
        await far.bus.subscribe(["conv:c"])
        near.bus.publish("conv:c", log_entry(1))
        await eventually(lambda: far.versions("conv:c") == [1])


async def test_only_who_wants_it_hears_it(valkey: ValkeyServer) -> None:
    """Other channels stay away, also during the linger, also under the same name in another installation."""
    async with nodes(valkey.url, 2) as (one, two), nodes(valkey.url, 1) as (other,):
        await everywhere([one, two, other], "conv:c")
        await two.bus.subscribe(["conv:d"])
        one.bus.publish("conv:e", NEWS)
        two.bus.unsubscribe(["conv:c"])
        one.bus.publish("conv:c", NEWS)
        one.bus.publish("conv:d", NEWS)
        await eventually(lambda: two.heard)
        assert [channel for channel, _ in two.heard] == ["conv:d"]
        assert other.heard == []


async def test_what_one_turn_says_is_one_write(valkey: ValkeyServer) -> None:
    """A batch of many conversations costs one system call, not one each."""
    async with Proxy(valkey.port) as line, nodes(f"redis://127.0.0.1:{line.port}", 1) as (node,):
        chunks = list[bytes]()

        def note(_route: Route, direction: str, data: bytes) -> bool:
            if direction == "up" and b"conv:" in data:
                chunks.append(data)
            return True

        line.on_chunk = note
        for number in range(50):
            node.bus.publish(f"conv:{number}", NEWS)
        await eventually(lambda: b"".join(chunks).count(b"conv:") == 50)
        assert len(chunks) == 1


async def test_a_channel_is_ended_after_the_linger(valkey: ValkeyServer) -> None:
    """The server is asked to end what nobody wants, not before, and can be asked again."""
    async with nodes(valkey.url, 1, installation="linger", linger_seconds=0.3, **QUICK) as (node,):
        with redis.Redis(port=valkey.port) as operator:

            def known() -> int:
                return len(operator.pubsub_channels("madang:{linger}:conv:*"))

            await node.bus.subscribe(["conv:a", "conv:b"])
            node.bus.unsubscribe(["conv:a"])
            await asyncio.sleep(0.1)
            assert known() == 2
            await eventually(lambda: known() == 1)
            await node.bus.subscribe(["conv:a"])
            assert known() == 2


async def test_it_comes_back_when_it_is_cut(valkey: ValkeyServer) -> None:
    """Everything is subscribed again before anybody is told to look for what was lost; and the others look too."""
    async with nodes(valkey.url, 2, **QUICK) as (one, two):
        with redis.Redis(port=valkey.port) as operator:
            await everywhere([one, two], *(f"conv:{number}" for number in range(2_000)))
            before = (one.losses, two.losses)
            ours = [c["id"] for c in operator.client_list() if c["name"] == "madang"]
            operator.client_kill_filter(_id=max(ours, key=int))
            await eventually(lambda: two.bus.stats().reconnects == 1)
            assert (two.bus.heard, two.losses) == (True, before[1] + 2)
            await eventually(lambda: one.losses > before[0])
            assert one.bus.stats().reconnects == 0
            for number in range(2_000):
                one.bus.publish(f"conv:{number}", NEWS)
            await eventually(lambda: len(two.heard) == 2_000)


async def test_without_redis_only_this_node_hears(own_valkey: ValkeyServer) -> None:
    """Sending waits for nothing and fails nowhere; subscribing neither; and the way back needs nobody."""
    async with nodes(own_valkey.url, 2, **QUICK) as made:
        await everywhere(made, "conv:c")
        own_valkey.stop()
        await eventually(lambda: not any(node.bus.heard for node in made))
        for node in made:
            assert node.losses
            node.losses = 0
        made[0].bus.publish("conv:c", log_entry(1))
        started = time.monotonic()
        await made[0].bus.subscribe(["conv:d"])
        assert time.monotonic() - started < 0.1
        assert made[0].versions("conv:c") == [1]
        own_valkey.start()
        await eventually(lambda: all(node.bus.heard for node in made), 5)
        assert all(node.losses for node in made)
        made[1].bus.publish("conv:d", NEWS)
        await eventually(lambda: ("conv:d", NEWS) in made[0].heard)
        assert made[1].versions("conv:c") == []


async def test_a_silent_server_is_noticed(own_valkey: ValkeyServer) -> None:
    """It takes everything and says nothing: without hearing oneself one would never know."""
    async with nodes(own_valkey.url, 1, **QUICK) as (node,):
        await node.bus.subscribe(["conv:c"])
        own_valkey.send_signal(signal.SIGSTOP)
        waiting = asyncio.create_task(node.bus.subscribe(["conv:d"]))
        await eventually(lambda: not node.bus.heard, 2)
        await asyncio.wait_for(waiting, 1)
        assert node.bus.stats().probes_lost == 1
        own_valkey.send_signal(signal.SIGCONT)
        await eventually(lambda: node.bus.heard, 5)


async def test_a_line_that_loses_one_direction_is_noticed(valkey: ValkeyServer) -> None:
    """Redis answers, and nothing of it arrives: the connection looks well from both ends."""
    async with Proxy(valkey.port) as line, nodes(f"redis://127.0.0.1:{line.port}", 1, **QUICK) as (node,):
        line.silent = {"down"}
        await eventually(lambda: not node.bus.heard, 2)
        line.cut()
        await eventually(lambda: node.bus.heard, 5)
        assert node.bus.stats().probes_lost >= 1


async def test_a_network_that_takes_nothing_is_given_up(own_valkey: ValkeyServer) -> None:
    """What waits to be sent is bounded, long before a probe would be missed."""
    big = RoomNotice(conversation_id="c", event="e", payload=bytes(1024 * 1024))
    async with nodes(own_valkey.url, 1) as (node,):
        own_valkey.send_signal(signal.SIGSTOP)
        for _ in range(60):
            node.bus.publish("conv:c", big)
            await asyncio.sleep(0)
        await eventually(lambda: not node.bus.heard, 1)
        assert node.bus.stats().probes_lost == 0
        own_valkey.send_signal(signal.SIGCONT)
        await eventually(lambda: node.bus.heard, 5)


async def test_what_is_not_understood_is_passed_over(valkey: ValkeyServer) -> None:
    """Another format, or a stranger's bytes: what follows is heard."""
    async with nodes(valkey.url, 1, installation="strange") as (node,):
        with redis.Redis(port=valkey.port) as operator:
            await node.bus.subscribe(["conv:c"])
            for envelope in (b"", b"\x02nonsense", b"\x01" + bytes(8) + b"nonsense"):
                operator.publish("madang:{strange}:conv:c", envelope)
            async with nodes(valkey.url, 1, installation="strange") as (other,):
                other.bus.publish("conv:c", NEWS)
                await eventually(lambda: node.heard)
    assert [message for _, message in node.heard] == [NEWS]


async def test_payloads_cross_as_they_are(valkey: ValkeyServer) -> None:
    """The bytes that one node has encoded are those that the other frames."""
    async with nodes(valkey.url, 2) as (one, two):
        await everywhere([two], "conv:c")
        payload = '{"content":"안녕\\u0007"}'.encode()
        one.bus.publish("conv:c", log_entry(1, payload))
        await eventually(lambda: two.heard)
        ((_, message),) = two.heard
        assert isinstance(message, LogAppended)
        assert message.entries[0].payload == payload


async def test_it_starts_without_redis(own_valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sending must not depend on it, so starting does not either; it is not heard until it is there."""
    monkeypatch.setattr("madang.cluster.bus.START_SECONDS", 0.2)
    own_valkey.stop()
    async with nodes(own_valkey.url, 1, **QUICK) as (node,):
        assert not node.bus.heard
        own_valkey.start()
        await eventually(lambda: node.bus.heard, 5)
        assert node.bus.stats().reconnects == 0


async def test_a_refusal_stops_the_start(valkey: ValkeyServer) -> None:
    """A wrong password or database is a wrong setting: it is named, in the server's words and without the password."""
    tasks = TaskSupervisor()
    url = f"redis://:hush@127.0.0.1:{valkey.port}/99"
    bus = RedisBus(url, installation="refused", clock=SystemClock(), tasks=tasks)
    with pytest.raises(SettingsError, match="MADANG_REDIS_URL: Redis refuses: ") as refused:
        await bus.start()
    assert "hush" not in str(refused.value)
    await bus.close()
    assert tasks.failures == 0


async def test_what_was_published_is_sent_before_it_closes(valkey: ValkeyServer) -> None:
    """A command that ends sessions and then ends itself is heard."""
    async with nodes(valkey.url, 1, installation="brief") as (node,):
        await node.bus.subscribe(["user:u"])
        async with nodes(valkey.url, 1, installation="brief") as (brief,):
            brief.bus.publish("user:u", NEWS)
        await eventually(lambda: node.heard)


async def test_on_a_cluster_nodes_meet_at_one_server() -> None:
    """Wherever each was told to connect, all go where their channels are, and follow them when they move."""
    with running_cluster() as servers:
        urls = [server.url for server in servers]
        async with (
            nodes(urls[0], 1, installation="one", **QUICK) as (here,),
            nodes(urls[1], 1, installation="one", **QUICK) as (there,),
        ):
            await everywhere([here, there], "conv:c", "conv:d")
            here.bus.publish("conv:c", log_entry(1))
            await eventually(lambda: there.versions("conv:c") == [1])
            there.bus.publish("conv:c", log_entry(2))
            await eventually(lambda: here.versions("conv:c") == [1, 2])
            move_slot("madang:{one}:", servers)
            await eventually(lambda: here.bus.stats().reconnects == there.bus.stats().reconnects == 1)
            here.bus.publish("conv:d", log_entry(1))
            await eventually(lambda: there.versions("conv:d") == [1])


def move_slot(key: str, servers: tuple[ValkeyServer, ValkeyServer]) -> None:
    """Give the slot of a key to the other server."""
    with redis.Redis(port=servers[0].port) as one, redis.Redis(port=servers[1].port) as two:
        slot = one.execute_command("CLUSTER KEYSLOT", key)
        owner, other = (one, two) if slot < 8_192 else (two, one)
        name = other.execute_command("CLUSTER MYID")
        for operator in (other, owner):
            operator.execute_command("CLUSTER SETSLOT", slot, "NODE", name)
