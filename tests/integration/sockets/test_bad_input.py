"""What people and programs get wrong on sockets: each has one clear answer, and the socket stays."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import websockets

from madang.ids import new_id
from tests.people import Device, Person
from tests.server_process import ServerProcess

MakePerson = Callable[[], Awaitable[Person]]


class _RawSocket:
    """A Socket.IO connection by hand, for packets no client would send."""

    def __init__(self, websocket: websockets.ClientConnection) -> None:
        self._websocket = websocket

    async def answer(self, packet: str) -> Any:
        """Send an event that asks for ack 1; the ack's argument."""
        await self._websocket.send(packet)
        while True:
            async with asyncio.timeout(5):
                frame = str(await self._websocket.recv())
            if frame == "2":
                await self._websocket.send("3")
            elif frame.startswith("431["):
                return json.loads(frame[3:])[0]


async def _raw(server: ServerProcess, token: str) -> tuple[websockets.ClientConnection, _RawSocket]:
    address = server.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    websocket = await websockets.connect(address)
    await websocket.recv()
    await websocket.send("40" + json.dumps({"token": token}))
    connected = str(await websocket.recv())
    assert connected.startswith("40{"), connected
    return websocket, _RawSocket(websocket)


@pytest.mark.parametrize(
    ("event", "payload", "error", "field"),
    [
        ("no:such:event", {}, "invalid", None),
        ("message:send", None, "invalid", "conversationId"),
        ("message:send", "text", "invalid", None),
        ("message:send", [], "invalid", None),
        ("message:send", {"conversationId": "{room}"}, "invalid", "content"),
        ("message:send", {"conversationId": "{room}", "content": 5}, "invalid", "content"),
        ("message:send", {"conversationId": "{room}", "content": ""}, "invalid", "content"),
        ("message:send", {"conversationId": "{room}", "content": " \n "}, "invalid", "content"),
        ("message:send", {"conversationId": "{room}", "content": "a\x00b"}, "invalid", "content"),
        ("message:send", {"conversationId": "{room}", "content": "x" * 10_001}, "too_large", "content"),
        ("message:send", {"conversationId": "{room}", "content": "😀" * 5_001}, "too_large", "content"),
        ("message:send", {"conversationId": "{room}", "content": "x", "id": "1"}, "invalid", "id"),
        ("message:send", {"conversationId": "{room}", "content": "x", "type": "system"}, "invalid", "type"),
        ("message:send", {"conversationId": "{room}", "content": "x", "replyToId": "1"}, "invalid", "replyToId"),
        ("message:send", {"conversationId": "{room}", "content": "x", "mentions": ["me"]}, "invalid", "mentions"),
        ("message:send", {"conversationId": "{room}", "content": "x", "attachments": ["1"]}, "invalid", "attachments"),
        ("message:send", {"conversationId": "nowhere", "content": "x"}, "not_a_member", None),
        ("message:send", {"conversationId": new_id(), "content": "x"}, "not_a_member", None),
        ("message:read", {"conversationId": "{room}", "seq": "1"}, "invalid", "seq"),
        ("message:read", {"conversationId": "{room}", "seq": -1}, "invalid", "seq"),
        ("message:read", {"conversationId": "{room}", "seq": 10**30}, "invalid", "seq"),
        ("message:read", {"conversationId": new_id()}, "not_a_member", None),
        ("typing:start", {}, "invalid", "conversationId"),
        ("typing:start", {"conversationId": new_id()}, "not_a_member", None),
        ("focus", {}, "invalid", "conversationId"),
        ("focus", {"conversationId": "here"}, "invalid", "conversationId"),
        ("presence:watch", {"userIds": "everybody"}, "invalid", "userIds"),
        ("presence:watch", {"userIds": ["x"]}, "invalid", "userIds"),
        ("presence:watch", {"userIds": [new_id()] * 501}, "too_large", None),
        ("auth:refresh", {"token": "forged"}, "token_invalid", None),
        ("init", {"known": {"a": 1}}, "invalid", None),
    ],
)
async def test_a_mistake_has_a_clear_answer_and_the_socket_stays(
    person: MakePerson, event: str, payload: object, error: str, field: str | None
) -> None:
    """The code of the table, a reason in English, the field where there is one; then the socket works as before."""
    mina = await person()
    room = await mina.group()
    device = await mina.device(start=False)
    if isinstance(payload, dict) and payload.get("conversationId") == "{room}":
        payload = {**payload, "conversationId": room}
    answer = await device.ask(event, payload)
    assert (answer["ok"], answer["error"]) == (False, error), answer
    assert answer["reason"]
    if field is not None:
        assert field in answer["details"], answer
    assert (await device.send(room, "still here"))["message"]["seq"] == 2


async def test_lone_surrogates_are_invalid_and_not_the_end(server: ServerProcess, person: MakePerson) -> None:
    """JSON allows them, text does not: the sender is told, and nothing closes."""
    mina = await person()
    room = await mina.group()
    websocket, raw = await _raw(server, mina.token)
    packet = '421["message:send",{"conversationId":"%s","content":"half \\ud83d"}]'
    answer = await raw.answer(packet % room)
    assert (answer["error"], "content" in answer["details"]) == ("invalid", True)
    escaped_nul = await raw.answer(packet.replace("\\ud83d", "\\u0000") % room)
    assert escaped_nul["error"] == "invalid"
    ok = await raw.answer(packet.replace("\\ud83d", "\\ud83d\\ude00") % room)
    assert ok["message"]["content"] == "half 😀"
    await websocket.close()


async def test_the_limit_counts_utf16_after_nfc(person: MakePerson) -> None:
    """Decomposed Hangul is stored composed, and counted as it is stored."""
    mina = await person()
    room = await mina.group()
    device = await mina.device(start=False)
    decomposed = "\u1112\u1161\u11ab" * 10_000  # 한, three code points each before NFC
    answer = await device.send(room, decomposed)
    assert answer["message"]["content"] == "한" * 10_000


@pytest.mark.parametrize("packet", ["4", "42{}", "42[", "4abc", '42["message:send",', "49", "421[]", '40{"token":1'])
async def test_broken_packets_close_the_engine_at_once(server: ServerProcess, person: MakePerson, packet: str) -> None:
    """Not through the heartbeat: within 100 ms, and only this one."""
    mina = await person()
    other = await mina.device()
    websocket, _ = await _raw(server, mina.token)
    await websocket.send(packet)
    async with asyncio.timeout(0.5):
        await websocket.wait_closed()
    room = await mina.group()
    assert (await other.send(room, "fine"))["ok"]


async def test_a_frame_over_the_limit_closes_the_engine(server: ServerProcess, person: MakePerson) -> None:
    """One megabyte is the most a frame may have."""
    mina = await person()
    websocket, _ = await _raw(server, mina.token)
    await websocket.send('42["message:send",{"content":"%s"}]' % ("x" * 1_000_100))
    async with asyncio.timeout(2):
        await websocket.wait_closed()
    assert websocket.close_code == 1009


async def test_too_many_events_at_once_are_refused_not_queued(person: MakePerson) -> None:
    """A socket that asks faster than it is answered hears `rate_limited`; every event still has one answer."""
    mina = await person()
    device = await mina.device(start=False)
    answers = await asyncio.gather(*(device.ask("presence:watch", {"userIds": [mina.id]}) for _ in range(300)))
    refused = [answer for answer in answers if not answer["ok"]]
    assert refused
    assert {answer["error"] for answer in refused} == {"rate_limited"}
    assert all(answer["retryAfterMs"] > 0 for answer in refused)
    assert (await device.ask("presence:watch", {"userIds": []}))["ok"]


async def test_sending_too_fast_is_refused_with_a_time_to_wait(tmp_path_factory: pytest.TempPathFactory) -> None:
    """With the default rate a burst of 30 passes and the next is told when to come again."""
    async with ServerProcess(tmp_path_factory.mktemp("limited"), {"send_rate": "10"}) as limited:
        mina = await Person.of_host(limited, "mina")
        room = await mina.group()
        device = await Device(mina).connect()
        answers = await asyncio.gather(*(device.send(room, str(number)) for number in range(45)))
        refused = [answer for answer in answers if not answer["ok"]]
        assert 10 <= len(refused) <= 15
        assert {answer["error"] for answer in refused} == {"rate_limited"}
        assert all(0 < answer["retryAfterMs"] <= 2_000 for answer in refused)
        await device.close()
