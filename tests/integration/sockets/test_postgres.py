"""`madang serve` on PostgreSQL, from sockets: conversations as on SQLite, and a database that goes away and comes back."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from madang.ids import new_id
from tests.people import Device, Person
from tests.postgres_line import PostgresLine
from tests.postgres_server import PostgresServer, running_postgres
from tests.server_process import ServerProcess


@pytest.fixture(scope="module")
def fragile() -> Iterator[PostgresServer]:
    """A server of these tests alone, which they stop and start."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
async def server(fragile: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """A running server on a database that was empty."""
    url = fragile.url(await fragile.empty_database())
    async with ServerProcess(tmp_path_factory.mktemp("server"), {"database_url": url}) as running:
        yield running
        assert "Traceback" not in running.log, running.log


async def history(person: Person, conversation_id: str) -> list[Any]:
    """All of a conversation, oldest first."""
    found: list[Any] = []
    while True:
        after = found[-1]["seq"] if found else 0
        path = f"/api/conversations/{conversation_id}/messages?limit=200&after={after}"
        page = (await person.http("GET", path)).json()
        if not page:
            return found
        found += page


async def test_two_people_talk(server: ServerProcess) -> None:
    """Group, messages, read marks and the number of unread ones come out as on SQLite, and survive a restart."""
    ann, bob = await Person.of_host(server, "ann"), await Person.of_host(server, "bob")
    here, there = await ann.device(), await bob.device()
    room = await ann.group(bob)
    first = await here.send(room, "안녕")
    assert first["ok"], first
    (heard,) = await there.got("message:new", lambda message: message["content"] == "안녕")
    assert (heard["seq"], heard["sender"]["name"]) == (2, "Ann")
    answer = await there.send(room, "hi", replyToId=first["message"]["id"])
    assert answer["message"]["replyTo"]["content"] == "안녕"
    assert (await here.ask("message:read", {"conversationId": room, "seq": 3}))["ok"]
    assert (await there.ask("message:react", {"conversationId": room, "messageId": heard["id"], "emoji": "👍"}))["ok"]
    await ann.close()
    await bob.close()
    assert await server.stop(signal.SIGKILL) == -signal.SIGKILL
    await server.start()
    assert [message["content"] for message in await history(ann, room)][1:] == ["안녕", "hi"]
    again = await ann.device()
    assert [shown["unreadCount"] for shown in again.init["conversations"] if shown["id"] == room] == [0]
    await ann.close()


async def test_what_the_server_itself_was_not_told_is_told_at_once(postgres: PostgresServer, tmp_path: Path) -> None:
    """The connection to the database ends after each commit, before its answer: everybody hears of every change all the
    same, faster than by the sweep, and who made it is told what became of it.
    """
    async with (
        PostgresLine(postgres.url(await postgres.database())) as line,
        ServerProcess(tmp_path, {"database_url": line.url}) as server,
    ):
        ann, bob, cho = [await Person.of_host(server, name) for name in ("ann", "bob", "cho")]
        here, there = await ann.device(), await bob.device()
        room = await ann.group(bob)
        sent = (await here.send(room, "helo"))["message"]
        await there.got("message:new", lambda message: message["id"] == sent["id"])
        about = {"conversationId": room, "messageId": sent["id"]}
        path = f"/api/conversations/{room}"
        changes: list[tuple[str, Callable[[], Awaitable[Any]]]] = [
            ("message:updated", lambda: here.ask("message:edit", about | {"content": "hello"})),
            ("message:reaction", lambda: here.ask("message:react", about | {"emoji": "👍"})),
            ("message:new", lambda: ann.http("POST", f"{path}/members", {"userIds": [cho.id]})),
            ("message:new", lambda: ann.http("PATCH", path, {"name": "Trip"})),
            ("message:deleted", lambda: here.ask("message:delete", about)),
            ("conversation:removed", lambda: ann.http("DELETE", f"{path}/members/{bob.id}")),
        ]
        for number, (event, make) in enumerate(changes, start=1):
            there.events.clear()
            line.lose()
            answer = await make()
            assert answer["ok"] if isinstance(answer, dict) else answer.is_success, answer
            assert line.lost == number
            await there.got(event, seconds=1)
        for person in (ann, bob, cho):
            await person.close()
        assert "Traceback" not in server.log, server.log


async def _everything(device: Device, room: str, other: Person) -> Callable[[], list[Awaitable[Any]]]:
    """Asks for something of every kind, as often as it is called."""
    sent = (await device.send(room, "helo"))["message"]
    about = {"conversationId": room, "messageId": sent["id"]}
    path = f"/api/conversations/{room}"
    events: list[tuple[str, object]] = [
        ("message:send", {"conversationId": room, "content": "hi", "id": new_id()}),
        ("message:read", {"conversationId": room, "seq": 2}),
        ("message:edit", about | {"content": "hello"}),
        ("message:react", about | {"emoji": "👍"}),
        ("presence:watch", {"userIds": [other.id]}),
        ("conversation:sync", {"conversationId": room}),
        ("init", {}),
    ]
    calls: list[tuple[str, str, object]] = [
        ("POST", f"{path}/messages", {"content": "hi", "id": new_id()}),
        ("POST", f"{path}/read", {"seq": 2}),
        ("PUT", f"{path}/messages/{sent['id']}/reactions/%F0%9F%8E%89", None),
        ("PATCH", f"{path}/members/me", {"pinned": True}),
        ("PATCH", path, {"name": "Trip"}),
        ("PATCH", "/api/me", {"name": "Anna"}),
        ("POST", "/api/conversations", {"type": "direct", "memberIds": [other.id]}),
        ("GET", f"{path}/messages", None),
    ]
    return lambda: [
        *(device.ask(event, payload, seconds=9) for event, payload in events),
        *(device.person.http(*call) for call in calls),
    ]


async def _timed(asked: Awaitable[Any]) -> tuple[Any, float]:
    began = monotonic()
    return await asked, monotonic() - began


async def test_whatever_is_asked_of_a_store_that_is_away_may_be_asked_again(
    fragile: PostgresServer, tmp_path: Path
) -> None:
    """Silent or gone: every event and call gets `try_again` in time, and once it is back, its answer."""
    async with (
        PostgresLine(fragile.url(await fragile.database())) as line,
        ServerProcess(tmp_path, {"database_url": line.url}) as server,
    ):
        ann, bob = [await Person.of_host(server, name) for name in ("ann", "bob")]
        device = await ann.device()
        room = await ann.group(bob)
        everything = await _everything(device, room, bob)
        for away, back in (
            (partial(line.silent.update, ("up", "down")), line.cut),
            (partial(fragile.stop, "immediate"), fragile.start),
        ):
            away()
            for answer, seconds in await asyncio.gather(*map(_timed, everything())):
                refusal = answer if isinstance(answer, dict) else answer.json()
                assert (refusal["ok"], refusal["error"]) == (False, "try_again")
                assert refusal["retryAfterMs"] >= 1_000
                assert isinstance(answer, dict) or (answer.status_code, "retry-after" in answer.headers) == (503, True)
                assert seconds < 6.5  # five, half of one to notice, and a busy machine
            back()
            for _ in range(50):
                if (await device.send(room, "back?"))["ok"]:
                    break
                await asyncio.sleep(0.1)
        for answer, _ in await asyncio.gather(*map(_timed, everything())):
            assert answer["ok"] if isinstance(answer, dict) else answer.is_success, answer
        await ann.close()
