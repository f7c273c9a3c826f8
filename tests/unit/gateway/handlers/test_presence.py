"""Presence on sockets: whom one may ask to hear of."""

from pathlib import Path

import msgspec

from madang.contract.limits import LIMITS
from madang.ids import new_id
from tests.gateway_parts import gateway_parts


async def test_only_people_of_shared_conversations_are_watched(tmp_path: Path) -> None:
    """Strangers and people who do not exist are left out without a word; too many, or what is no id, is refused."""
    async with gateway_parts(tmp_path, limits=msgspec.structs.replace(LIMITS, watched_users=3)) as world:
        mina, joon, sora = [await world.person(name) for name in ("mina", "joon", "sora")]
        await world.group(mina, joon)
        phone = await world.started(mina)
        for person in (joon, sora):
            await world.started(person)
        answer = await phone.ask("presence:watch", {"userIds": [joon.upper(), sora, new_id()]})
        assert answer == {"ok": True, "online": [joon]}
        assert f"presence:{sora}" not in world.bus._channels
        assert (await phone.ask("presence:watch", {"userIds": [joon] * 4}))["error"] == "too_large"
        assert (await phone.ask("presence:watch", {"userIds": ["joon"]}))["error"] == "invalid"
        assert f"presence:{joon}" in world.bus._channels  # what is refused replaces nothing
