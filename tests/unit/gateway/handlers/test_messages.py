"""Messages on sockets: acknowledged after the commit, in order, in the contract's form."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from madang.ids import new_id
from tests.gateway_parts import GatewayParts, gateway_parts
from tests.server_parts import STORES


@pytest.fixture(params=STORES)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[GatewayParts]:
    """A gateway on each store."""
    async with gateway_parts(tmp_path, store_kind=request.param) as parts:
        yield parts


async def test_a_message_is_acknowledged_as_stored_and_a_retry_as_a_duplicate(world: GatewayParts) -> None:
    """The ack carries the message of the event; the retry gives the first result, another body a conflict."""
    mina = await world.person("mina")
    room, phone = await world.group(mina), await world.started(mina)
    draft = {"id": new_id(), "conversationId": room, "content": "안녕"}
    first = await phone.ask("message:send", draft)
    assert (first["ok"], first["level"], "duplicate" in first) == (True, "stored", False)
    assert await phone.got("message:new") == first["message"]
    again = await phone.ask("message:send", draft)
    assert (again["duplicate"], again["message"]) == (True, first["message"])
    other = await phone.ask("message:send", {**draft, "content": "다른"})
    assert (other["error"], other["id"]) == ("conflict", draft["id"])


async def test_a_stranger_sends_and_reads_nothing(world: GatewayParts) -> None:
    """One answer for a conversation of others and for none."""
    mina, joon = await world.person("mina"), await world.person("joon")
    room, phone = await world.group(mina), await world.started(joon)
    for conversation in (room, new_id(), "nonsense"):
        for event, rest in (("message:send", {"content": "x"}), ("message:read", {"seq": 1}), ("message:read", {})):
            answer = await phone.ask(event, {"conversationId": conversation, **rest})
            assert answer["error"] == "not_a_member"


async def test_a_hundred_sends_at_once_keep_the_order_of_the_socket(world: GatewayParts) -> None:
    """Nothing is awaited between a message and the log."""
    mina = await world.person("mina")
    room, phone = await world.group(mina), await world.started(mina)
    numbers = [
        phone.emit("message:send", {"conversationId": room, "content": f"{number}"}, ack=True) for number in range(100)
    ]
    await phone.until(lambda: all(phone.ack(number) for number in numbers))
    assert [(phone.ack(number) or {})["message"]["seq"] for number in numbers] == list(range(2, 102))
