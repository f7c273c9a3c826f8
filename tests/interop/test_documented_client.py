"""The page about writing a client, put to the test: clients written from it alone, over lines that fail."""

import asyncio
import random
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import httpx2
import pytest

from tests.faults.proxy import Proxy
from tests.interop.documented_client import Client, Json, Refused, Room
from tests.server_process import ServerProcess

# python-socketio leaves connections that broke to the garbage collector, and aiohttp says so
pytestmark = pytest.mark.filterwarnings("ignore:.*:pytest.PytestUnraisableExceptionWarning")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
PASSWORD = "correct horse battery"
NUMBERS = count(1)


class People:
    """Makes people on one server, each on a line of their own, and ends them with the test."""

    def __init__(self, server: ServerProcess, stack: AsyncExitStack) -> None:
        self.server, self._stack = server, stack

    async def device(self, *transports: str, pause: float = 0.1) -> tuple[Client, Proxy]:
        """A connected device of somebody new, whose token a host application signed."""
        client, line = await self.signed_out(pause)
        client.use(self.server.host_token(f"person{next(NUMBERS)}"))
        return await client.connect(*transports), line

    async def somebody(self) -> Client:
        """Somebody new who only ever calls."""
        client = Client(f"http://127.0.0.1:{self.server.port}")
        self._stack.push_async_callback(client.close)
        client.use(self.server.host_token(f"person{next(NUMBERS)}"))
        client.me = await client.call("GET", "me")
        return client

    async def signed_out(self, pause: float = 0.1) -> tuple[Client, Proxy]:
        """A device, and its line."""
        line = await self._stack.enter_async_context(Proxy(self.server.port))
        client = Client(line.url, patience=1.0, pause=pause)
        self._stack.push_async_callback(client.close)
        return client, line

    async def group(self, *members: Client) -> list[Room]:
        """A conversation of these, the first its owner, open on the device of each."""
        body: Json = {"type": "group", "name": "점심", "memberIds": [member.me["id"] for member in members[1:]]}
        made = await members[0].call("POST", "conversations", body)
        for member in members:
            await until(lambda member=member: made["id"] in member.rooms)  # type: ignore[misc] # mypy cannot infer a lambda's default
        return [await member.open(made["id"]) for member in members]


@pytest.fixture
async def people(server: ServerProcess) -> AsyncIterator[People]:
    """People of the server all these tests share."""
    async with AsyncExitStack() as stack:
        yield People(server, stack)


async def until(holds: Callable[[], object], seconds: float = 8.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - the client is a stranger's: it has no hooks for tests
            await asyncio.sleep(0.01)


async def agree(client: Client, room: Room, head: int) -> None:
    """What a client has become by following is what somebody finds who asks for everything now."""
    await until(lambda: room.seq >= head and not room.held)
    fresh: list[Json] = []
    while page := await client.call("GET", f"conversations/{room.id}/messages", after=len(fresh), limit=200):
        fresh += page
    assert [message["seq"] for message in fresh] == list(range(1, head + 1))
    assert [{**message, "epoch": ""} for message in room.log] == [{**message, "epoch": ""} for message in fresh]
    summary = await client.call("GET", f"conversations/{room.id}")
    assert (room.version, room.unread) == (summary["version"], summary["me"]["unreadCount"])


async def test_lines_that_fail_lose_nothing_and_repeat_nothing(people: People) -> None:
    """Three people talk while their lines are cut again and again: one log, for all, in one order, each message once."""
    devices = [await people.device(*transports) for transports in (["websocket"], ["polling"], [])]
    clients, lines = zip(*devices, strict=True)
    rooms = await people.group(*clients)
    chance = random.Random(7)

    async def talk(number: int) -> None:
        for turn in range(25):
            await clients[number].send(rooms[0].id, f"{number}:{turn}")
            await asyncio.sleep(chance.uniform(0, 0.08))
            if chance.random() < 0.15:
                await clients[number].read(rooms[0].id, chance.randint(1, rooms[number].seq))

    async def cut() -> None:
        while True:
            await asyncio.sleep(chance.uniform(0.1, 0.4))
            line = chance.choice(lines)
            line.silent = {"down"} if chance.random() < 0.5 else set()
            try:
                await asyncio.sleep(0.05)
            finally:
                line.cut()

    cutting = asyncio.create_task(cut())
    async with asyncio.timeout(30):
        await asyncio.gather(*map(talk, range(3)))
    cutting.cancel()
    for client in clients:
        await until(client.ready.is_set)
    # aiohttp asks again by itself when a poll's answer was lost, so only the next event shows the hole
    await clients[0].send(rooms[0].id, "that was all")
    for client, room in zip(clients, rooms, strict=True):
        await agree(client, room, 77)
    said = [message["content"] for message in rooms[0].log[1:-1]]
    for number in range(3):
        assert [text for text in said if text[0] == str(number)] == [f"{number}:{turn}" for turn in range(25)]
    for message in rooms[0].log[1:]:
        assert len({room.unread_by(message) for room in rooms}) == 1


async def test_a_message_whose_ack_was_lost_is_one_message(people: People) -> None:
    """The server stored it and nobody heard: the same id again finds it, and others see it once."""
    mina, line = await people.device("websocket")
    joon, _ = await people.device("websocket")
    room, other = await people.group(mina, joon)
    line.silent = {"down"}
    sending = asyncio.create_task(mina.send(room.id, "did you get this?"))
    await until(lambda: other.seq == 2)
    await joon.send(room.id, "yes")
    assert not sending.done()
    line.cut()
    ack = await sending
    assert (ack["duplicate"], ack["message"]["seq"]) == (True, 2)
    await mina.send(room.id, "good")
    with pytest.raises(Refused, match="conflict"):
        await mina.send(room.id, "something else", id=ack["message"]["id"])
    await agree(mina, room, 4)
    await agree(joon, other, 4)


async def test_an_ack_that_overtakes_history_hides_no_hole(people: People) -> None:
    """The first thing after a reconnect is one's own message, newer than what was missed: the missed is fetched still."""
    mina, line = await people.device("websocket", pause=0.5)
    joon, _ = await people.device("websocket")
    room, _ = await people.group(mina, joon)
    line.cut()
    await until(lambda: not mina.ready.is_set())
    for number in range(5):
        await joon.send(room.id, f"missed {number}")
    # over HTTP, so that it is back before the socket is
    answer = await mina.call("POST", f"conversations/{room.id}/messages", {"content": "back"})
    room.put(answer["message"])
    assert not mina.ready.is_set()
    await agree(mina, room, 7)


async def test_a_killed_server_takes_nothing_with_it(tmp_path: Path) -> None:
    """What was acknowledged before the kill is there after it, and a send under way succeeds once, by the same id."""
    async with ServerProcess(tmp_path) as server, AsyncExitStack() as stack:
        people = People(server, stack)
        (mina, _), (joon, _) = await people.device("websocket"), await people.device()
        rooms = await people.group(mina, joon)

        async def talk(client: Client) -> None:
            for turn in range(40):
                await client.send(rooms[0].id, str(turn))

        talking = asyncio.gather(talk(mina), talk(joon))
        await until(lambda: rooms[1].seq > 20)
        await server.stop(signal.SIGKILL)
        await server.start()
        await talking
        for client, room in zip((mina, joon), rooms, strict=True):
            await agree(client, room, 81)


async def test_the_number_beside_a_message(people: People) -> None:
    """Senders and readers lower it, newcomers do not count for what they cannot see, and who leaves counts no more."""
    (mina, _), (joon, _), (sera, _) = [await people.device("websocket") for _ in range(3)]
    room, other = await people.group(mina, joon)
    await mina.send(room.id, "who is hungry?")
    await until(lambda: other.seq == 2)
    assert (room.unread_by(room.log[1]), other.unread) == (1, 1)
    await mina.call("POST", f"conversations/{room.id}/members", {"userIds": [sera.me["id"]]})
    await mina.send(room.id, "the three of us")
    await until(lambda: other.seq == 4 and len(other.members) == len(room.members) == 3)
    assert [other.unread_by(message) for message in other.log[1:]] == [1, 1, 2]
    await joon.read(room.id, 2)
    await until(lambda: room.unread_by(room.log[1]) == 0)
    assert [room.unread_by(message) for message in room.log[1:]] == [0, 1, 2]
    assert other.unread == 1
    await joon.send(room.id, "me")
    await until(lambda: room.seq == 5)
    assert [room.unread_by(message) for message in room.log[1:]] == [0, 0, 1, 2]
    await sera.call("DELETE", f"conversations/{room.id}/members/me")
    await until(lambda: room.id not in sera.rooms and room.seq == 6 and len(room.members) == 2)
    assert [room.unread_by(message) for message in room.log[1:]] == [0, 0, 0, 1, 2]
    await agree(mina, room, 6)


@pytest.mark.parametrize("away", [False, True], ids=["live", "resumed"])
async def test_who_keeps_unread_has_not_read(people: People, away: bool) -> None:
    """A reply that leaves its sender's mark where it was: numbers beside messages, and the sender's own, are the server's on
    every device that sees it happen or comes back to it.
    """
    devices = [await people.device("websocket", pause=0.5) for _ in range(3)]
    (mina, line), (joon, _), (sera, _) = devices
    phone, _ = await people.signed_out()
    phone.use(joon._token)
    await phone.connect("websocket")
    await people.group(mina, joon, sera)
    (room_id,) = set(mina.rooms) & set(joon.rooms) & set(sera.rooms)
    await until(lambda: room_id in phone.rooms)
    await phone.open(room_id)
    await mina.send(room_id, "who is hungry?")
    if away:
        line.cut()
        await until(lambda: not mina.ready.is_set())
    await joon.send(room_id, "me, but I have not looked", keepUnread=True)
    await sera.send(room_id, "me too")
    await until(mina.ready.is_set)
    for client in (mina, joon, phone, sera):
        room = client.rooms[room_id]
        await agree(client, room, 4)
        fresh = Room.of(await client.call("GET", f"conversations/{room_id}"))
        members = await client.call("GET", f"conversations/{room_id}/members")
        fresh.members = {member["user"]["id"]: member for member in members}
        assert [room.unread_by(message) for message in room.log[1:]] == [1, 1, 2]
        assert [fresh.unread_by(message) for message in room.log[1:]] == [1, 1, 2]
        assert [message.get("keepUnread") for message in room.log[1:]] == [None, True, None]
    assert (joon.rooms[room_id].unread, phone.rooms[room_id].unread) == (2, 2)


async def test_the_number_beside_a_message_in_a_large_room(people: People) -> None:
    """Above a hundred members it comes from the counts of `message:reads`, on the devices that show the room."""
    mina, _ = await people.device()
    joon, _ = await people.device()
    crowd = [await people.somebody() for _ in range(101)]
    room = (await people.group(mina, joon))[0]
    for some in (crowd[:100], crowd[100:]):
        await mina.call("POST", f"conversations/{room.id}/members", {"userIds": [each.me["id"] for each in some]})
    await mina.open(room.id)
    await mina.send(room.id, "여러분")
    await mina.focus(room.id)
    await until(lambda: room.log and room.unread_by(room.log[-1]) == 102)
    await joon.read(room.id, room.seq)
    for each in crowd[:7]:
        await each.call("POST", f"conversations/{room.id}/read", {"seq": room.seq})
    await until(lambda: room.unread_by(room.log[-1]) == 94)
    assert joon.rooms[room.id].steps == []
    await mina.focus(None)
    await crowd[7].call("POST", f"conversations/{room.id}/read", {"seq": room.seq})
    await joon.focus(room.id)
    await joon.open(room.id)
    await until(lambda: joon.rooms[room.id].unread_by(joon.rooms[room.id].log[-1]) == 93)
    assert room.unread_by(room.log[-1]) == 94


async def test_typing_presence_and_two_devices(people: People) -> None:
    """What is not in the log: who types, who is there, and a mark that moves on the other device."""
    (mina, _), (phone, _), (joon, _) = await people.signed_out(), await people.signed_out(), await people.device()
    await mina.sign_in("register", username="mina", password=PASSWORD, name="미나")
    await phone.sign_in("login", username="mina", password=PASSWORD)
    assert await mina.token(fresh=True) != await phone.token()
    await mina.connect()
    room, other = await people.group(mina, joon)
    await phone.connect("polling")
    assert joon.me["id"] in phone.online
    await joon.socket.emit("typing:start", {"conversationId": room.id})
    await until(lambda: mina.typing(room.id) == {joon.me["id"]} == phone.typing(room.id))
    await joon.send(room.id, "hello")
    await until(lambda: not mina.typing(room.id) and phone.rooms[room.id].unread == 1)
    await mina.read(room.id, 2)
    await until(lambda: phone.rooms[room.id].unread == 0 == other.unread_by(other.log[1]))


async def test_every_call_on_the_page_is_served(server: ServerProcess) -> None:
    """Each `METHOD {base}/api/…` the page names is in the server's own description, with the names it asks by."""
    async with httpx2.AsyncClient(base_url=server.url) as http:
        served = (await http.get("/api/openapi.json")).json()["paths"]
    calls = re.findall(
        r"(GET|POST|PATCH|DELETE) +\{base\}(/api/[^\s?`]+)(?:\?([^\s`]+))?", PAGE.read_text(encoding="utf-8")
    )
    assert len(calls) > 20
    for method, path, query in calls:
        form = re.sub(r"\{\w+\}|(?<=members/)me$", "{}", path)
        found = [operations for address, operations in served.items() if re.sub(r"\{\w+\}", "{}", address) == form]
        assert [method.lower() in operations for operations in found] == [True], (method, path)
        known = {parameter["name"] for parameter in found[0][method.lower()].get("parameters", ())}
        assert set(re.findall(r"(\w+)=", query)) <= known, (method, path)
