"""The official JavaScript client against the running chat: every transport, acks, reconnecting."""

import asyncio

import pytest

from madang.ids import new_id
from tests.interop.stock_client import StockClient
from tests.people import Person
from tests.server_process import ServerProcess


@pytest.mark.parametrize(
    ("transports", "upgrades", "in_the_end"),
    [(None, True, "websocket"), (["polling"], False, "polling"), (["websocket"], False, "websocket")],
    ids=["default", "polling only", "websocket only"],
)
async def test_every_transport_talks(
    server: ServerProcess, stock_client: StockClient, transports: list[str] | None, upgrades: bool, in_the_end: str
) -> None:
    """Connect, init, send, receive, read; by default the client begins polling and upgrades."""
    mina = await Person.of_host(server, f"mina-{new_id()}")
    room = await mina.group()
    connected = await stock_client.connect(server.url, transports=transports, token=mina.token)
    if upgrades:
        assert (await stock_client.until("upgrade"))["transport"] == in_the_end
    else:
        assert connected["transport"] == in_the_end
    (init,) = await stock_client.ask("init", {})
    assert init["ok"]
    assert {summary["type"] for summary in init["conversations"]} == {"direct", "group"}
    (sent,) = await stock_client.ask("message:send", {"id": new_id(), "conversationId": room, "content": "안녕 👋"})
    assert sent["level"] == "stored"
    event = await stock_client.until("event", lambda happened: happened["event"] == "message:new")
    assert event["args"] == [sent["message"]]
    (read,) = await stock_client.ask("message:read", {"conversationId": room, "seq": sent["message"]["seq"]})
    assert read == {"ok": True, "lastReadSeq": 2, "unreadCount": 0}


async def test_an_event_without_ack_that_fails_comes_back_as_error(
    server: ServerProcess, stock_client: StockClient
) -> None:
    """Nobody's mistake is swallowed: an event sent without a callback is answered by `error`."""
    mina = await Person.of_host(server, f"mina-{new_id()}")
    await stock_client.connect(server.url, transports=["websocket"], token=mina.token)
    stock_client.tell("emit", event="message:send", args=[{"conversationId": new_id(), "content": "hi"}])
    stock_client.tell("emit", event="no:such:event", args=[])
    first = await stock_client.until("event", lambda happened: happened["args"][0]["event"] == "message:send")
    assert first["event"] == "error"
    assert first["args"][0]["error"] == "not_a_member"
    assert first["args"][0]["conversationId"]
    second = await stock_client.until("event", lambda happened: happened["args"][0]["event"] == "no:such:event")
    assert second["args"][0]["error"] == "invalid"


async def test_a_dropped_connection_comes_back_and_misses_nothing(
    server: ServerProcess, stock_client: StockClient
) -> None:
    """After a cut the client reconnects by itself; init shows the head, and history fills what was missed."""
    mina = await Person.of_host(server, f"mina-{new_id()}")
    joon = await Person.of_host(server, f"joon-{new_id()}")
    room = await mina.group(joon)
    phone = await joon.device()
    await stock_client.connect(server.url, token=mina.token)
    await stock_client.ask("init", {})
    stock_client.tell("drop")
    await stock_client.until("disconnect")
    mark = len(stock_client.happened)
    await phone.send(room, "did you see?")
    await stock_client.until("connect", after=mark)
    (init,) = await stock_client.ask("init", {})
    (summary,) = (shown for shown in init["conversations"] if shown["id"] == room)
    assert (summary["lastSeq"], summary["version"]) == (2, 2)
    missed = (await mina.http("GET", f"/api/conversations/{room}/messages?after=1")).json()
    assert [message["content"] for message in missed] == ["did you see?"]
    await phone.send(room, "and now?")
    live = await stock_client.until("event", lambda happened: happened["event"] == "message:new", after=mark)
    assert live["args"][0]["version"] == 3
    await phone.close()


async def test_what_was_emitted_while_away_arrives_before_init(
    server: ServerProcess, stock_client: StockClient
) -> None:
    """The client flushes buffered events when it is back, before its own `init` runs: they work all the same."""
    mina = await Person.of_host(server, f"mina-{new_id()}")
    room = await mina.group()
    await stock_client.connect(server.url, transports=["websocket"], token=mina.token)
    stock_client.tell("drop")
    await stock_client.until("disconnect")
    sends = [
        stock_client.ask("message:send", {"id": new_id(), "conversationId": room, "content": str(number)})
        for number in range(5)
    ]
    answers = await asyncio.gather(*sends)
    assert [answer["message"]["seq"] for (answer,) in answers] == [2, 3, 4, 5, 6]
