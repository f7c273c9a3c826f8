"""The doctor finds what is wrong, and only that."""

import os
import socket
import time
from pathlib import Path

from madang.app.doctor import Finding, examine
from madang.app.services import DATABASE_FILE, open_services
from madang.config import Settings
from tests.valkey_server import running_valkey


async def findings(settings: Settings) -> dict[str, Finding]:
    """By subject."""
    return {finding.subject: finding async for finding in examine(settings)}


async def installed(folder: Path) -> Settings:
    """An installation that has run once."""
    settings = Settings(data=folder, port=0)
    async with open_services(settings):
        pass
    return settings


async def test_a_folder_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    """Before the first start there is nothing to examine, and nothing is made."""
    found = await findings(Settings(data=tmp_path / "data", port=0))
    assert found["folder"].verdict == "note"
    assert "store" not in found
    assert not (tmp_path / "data").exists()


async def test_a_damaged_store_is_a_fault(tmp_path: Path) -> None:
    """Bytes changed in the middle of the file are found."""
    settings = await installed(tmp_path)
    path = tmp_path / DATABASE_FILE
    content = bytearray(path.read_bytes())
    content[8_192 : 8_192 + 64] = b"\xff" * 64
    path.write_bytes(content)
    assert (await findings(settings))["store"].verdict == "fault"


async def test_a_store_in_use_is_noted(tmp_path: Path) -> None:
    """The doctor of a running server does not call the server a fault."""
    settings = Settings(data=tmp_path, port=0)
    async with open_services(settings):
        found = await findings(settings)
    assert found["store"].verdict == "note"


async def test_a_port_in_use_is_noted(tmp_path: Path) -> None:
    """It may well be this server's."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = await findings(Settings(data=tmp_path / "none", port=taken.getsockname()[1]))
    assert found["port"].verdict == "note"


async def test_a_host_of_another_machine_is_a_fault(tmp_path: Path) -> None:
    """The server would not start."""
    found = await findings(Settings(data=tmp_path / "none", host="192.0.2.1", port=0))
    assert found["port"].verdict == "fault"


async def test_a_clock_behind_the_data_is_a_fault(tmp_path: Path) -> None:
    """Files from the future mean that the clock was set back."""
    settings = await installed(tmp_path)
    tomorrow = time.time() + 86_400
    os.utime(tmp_path / "secret", (tomorrow, tomorrow))
    found = await findings(settings)
    assert found["clock"].verdict == "fault"
    assert "24 hours" in found["clock"].sentence


async def test_a_secret_from_the_environment_is_not_looked_for(tmp_path: Path) -> None:
    """Who sets MADANG_SECRET has no file."""
    found = await findings(Settings(data=tmp_path, port=0, secret="x" * 32))
    assert "secret" not in found


async def test_redis_is_asked(tmp_path: Path) -> None:
    """Whether it answers and takes what the URL says; its password is not repeated."""

    async def found(url: str) -> Finding:
        return (await findings(Settings(data=tmp_path / "data", port=0, redis_url=url)))["redis"]

    with running_valkey() as server:
        assert await found(server.url) == Finding("redis", "ok", "answers.")
        refused = await found(f"redis://:hush@127.0.0.1:{server.port}/99")
        assert (refused.verdict, refused.sentence.partition(":")[0]) == ("fault", "refuses")
        assert "hush" not in refused.sentence
    assert (await found(server.url)).sentence.startswith("does not answer: ")
