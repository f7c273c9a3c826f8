"""Typing on sockets: answered at once, told to the room."""

from pathlib import Path

from tests.gateway_parts import gateway_parts


async def test_start_and_stop_are_answered_and_told(tmp_path: Path) -> None:
    """In whatever case the id is written; who was removed may not any more."""
    async with gateway_parts(tmp_path) as world:
        mina, joon = await world.person("mina"), await world.person("joon")
        room = await world.group(mina, joon)
        phone, other = await world.started(joon), await world.started(mina)
        for event in ("typing:start", "typing:stop"):
            assert await phone.ask(event, {"conversationId": room.upper()}) == {"ok": True}
            assert await other.got(event) == {"userId": joon, "conversationId": room}
        await world.remove(mina, room, joon)
        await phone.got("conversation:removed")
        assert (await phone.ask("typing:start", {"conversationId": room}))["error"] == "not_a_member"
