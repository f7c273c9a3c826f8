"""Listening: every address of a name, a free port, and refusals that name the setting."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from madang.api.http_server import HttpServer, bind, bind_beside
from madang.config import InUseError, SettingsError


def test_port_0_takes_a_free_one() -> None:
    """And says which."""
    (listener,) = bind("127.0.0.1", 0)
    with listener:
        assert listener.getsockname()[1] > 0


def test_all_addresses_of_a_name_share_the_port() -> None:
    """`localhost` may be two addresses; people type one port."""
    listening = bind("localhost", 0)
    ports = {listener.getsockname()[1] for listener in listening}
    for listener in listening:
        listener.close()
    assert len(ports) == 1


def test_a_connection_waits_from_the_first_moment() -> None:
    """Whoever comes while the store opens is served when it has, not refused."""
    (listener,) = bind("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname(), timeout=5):
        pass


def test_a_taken_port_is_named() -> None:
    """By the setting, in use by somebody else."""
    (listener,) = bind("127.0.0.1", 0)
    with listener, pytest.raises(InUseError) as caught:
        bind("127.0.0.1", listener.getsockname()[1])
    assert caught.value.setting == "MADANG_PORT"


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_is_not_ours_is_named(host: str) -> None:
    """By the setting, with the host."""
    with pytest.raises(SettingsError) as caught:
        bind(host, 0)
    assert caught.value.setting == "MADANG_HOST"
    assert host in caught.value.sentence


def test_a_shared_port_takes_nobody_before_the_server_starts() -> None:
    """Processes that share it bind it side by side; connections are for those that have started."""
    (first,) = bind("127.0.0.1", 0, shared=True)
    (second,) = bind("127.0.0.1", first.getsockname()[1], shared=True)
    with first, second, pytest.raises(ConnectionRefusedError):
        socket.create_connection(first.getsockname(), timeout=5)


def test_a_shared_port_is_not_shared_with_strangers() -> None:
    """A program that has bound it alone keeps it."""
    (alone,) = bind("127.0.0.1", 0)
    with alone, pytest.raises(InUseError):
        bind("127.0.0.1", alone.getsockname()[1], shared=True)


async def test_no_new_connection_and_the_old_ones_go_on(tmp_path: Path) -> None:
    """After `stop_accepting` whoever is connected is still answered, and so are siblings; nobody else comes in."""

    async def hello(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hi"})

    async def asks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        return (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200")

    listening = bind("127.0.0.1", 0)
    address = listening[0].getsockname()
    beside = tmp_path / "beside"
    http = HttpServer(hello, None, listening, bind_beside(beside))
    await http.start()
    line = await asyncio.open_connection(*address)
    assert await asks(*line)
    http.stop_accepting()
    await asyncio.sleep(0.01)
    assert await asks(*line)
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection(*address)
    sibling = await asyncio.open_unix_connection(beside)
    assert await asks(*sibling)
    for _, writer in (line, sibling):
        writer.close()
    await http.close()
