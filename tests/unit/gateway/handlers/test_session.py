"""Sessions on sockets: what `init` answers."""

from pathlib import Path

from madang import __version__
from madang.contract.limits import CONTRACT_VERSION
from tests.gateway_parts import gateway_parts


async def test_init_tells_who_where_and_what(tmp_path: Path) -> None:
    """The server and its limits, oneself, until when, the list and its number, and who is around."""
    async with gateway_parts(tmp_path) as world:
        mina, joon = await world.person("mina"), await world.person("joon")
        room = await world.group(mina, joon)
        await world.started(joon)
        answer = (await world.started(mina)).init
        assert (answer["server"]["version"], answer["server"]["contract"]) == (__version__, CONTRACT_VERSION)
        assert answer["server"]["limits"]["contentUnits"] == 10_000
        assert answer["user"]["id"] == mina
        assert answer["expiresAt"].endswith("Z")
        assert answer["inbox"] == (await world.store.conversations.inbox(mina, limit=1)).inbox_version
        assert {summary["type"] for summary in answer["conversations"]} == {"direct", "group"}
        assert room in [summary["id"] for summary in answer["conversations"]]
        assert (answer["removed"], answer["changes"], answer["online"]) == ([], {}, [joon])
        assert "next" not in answer
