"""The connection: greeted or refused, and its end told once."""

import asyncio
import signal
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hiredis
import pytest
import redis

from madang.cluster import connection as module
from madang.cluster.address import RedisAddress
from madang.cluster.connection import Moved, RedisConnection, Refused
from tests.certificate import self_signed
from tests.nodes import eventually
from tests.valkey_server import ValkeyServer, running_valkey

PASSWORD = "a password: with / signs"


class Line:
    """What a connection brought."""

    def __init__(self) -> None:
        self.pushes: list[Sequence[Any]] = []
        self.ends: list[Exception] = []

    async def open(self, url: str) -> RedisConnection:
        """Connect."""
        return await RedisConnection.open(RedisAddress.of(url), pushed=self.pushes.append, ended=self.ends.append)


def command(*words: str | bytes) -> bytes:
    """A command as it is sent."""
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]  # its stub knows tuples of one word only
    return packed


@pytest.fixture
def line() -> Line:
    """A place for what comes."""
    return Line()


async def test_what_is_published_is_pushed(valkey: ValkeyServer, line: Line) -> None:
    """One connection publishes and subscribes, and tells of its end once."""
    connection = await line.open(valkey.url + "/2")
    connection.write(command("SUBSCRIBE", "madang:test:connection"))
    connection.write(command("PUBLISH", "madang:test:connection", b"\x00\xff"))
    await eventually(lambda: len(line.pushes) == 2)
    assert line.pushes[1] == [b"message", b"madang:test:connection", b"\x00\xff"]
    assert (connection.is_cluster, line.ends) == (False, [])
    connection.abort()
    await eventually(lambda: line.ends)
    await asyncio.sleep(0.05)
    assert len(line.ends) == 1


async def test_a_password_opens(line: Line) -> None:
    """With the right one, of the default user or another; a wrong one, or none, is refused for good."""
    with running_valkey() as server, redis.Redis(port=server.port) as operator:
        operator.acl_setuser("chat", enabled=True, passwords=[f"+{PASSWORD}"], channels=["*"], commands=["+@all"])
        operator.config_set("requirepass", PASSWORD)
        place = f"127.0.0.1:{server.port}"
        for credentials in (":a%20password%3A%20with%20%2F%20signs@", "chat:a%20password%3A%20with%20%2F%20signs@"):
            (await line.open(f"redis://{credentials}{place}")).abort()
        for credentials in ("", ":wrong@", "nobody:wrong@"):
            with pytest.raises(Refused) as refused:
                await line.open(f"redis://{credentials}{place}")
            assert not refused.value.passing
            assert "wrong" not in refused.value.sentence.split()


async def test_the_line_may_be_encrypted(
    valkey: ValkeyServer, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `rediss://`, to a server whose certificate is of an authority that this machine trusts, and to no other."""
    certificate, key = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", valkey.port)
        back.write(await reader.read(1_000))  # all that a greeting is
        writer.write(await there.read(1_000))
        await reader.read()
        back.close()
        writer.close()

    async with await asyncio.start_server(serve, "localhost", 0, ssl=context) as server:
        url = f"rediss://localhost:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(ssl.SSLCertVerificationError):
            await line.open(url)
        monkeypatch.setenv("SSL_CERT_FILE", certificate)
        connection = await line.open(url)
        connection.abort()
        await eventually(lambda: line.ends)


async def test_a_database_that_there_is_not_is_refused(valkey: ValkeyServer, line: Line) -> None:
    """In the server's words."""
    with pytest.raises(Refused, match="DB index is out of range"):
        await line.open(valkey.url + "/99")


async def test_a_stopped_server_is_not_waited_for(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """It still takes connections, and never greets."""
    monkeypatch.setattr(module, "OPEN_SECONDS", 0.2)
    with running_valkey() as server:
        server.send_signal(signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            await line.open(server.url)
    assert line.ends == []


async def test_a_server_that_is_too_old_is_refused(line: Line) -> None:
    """Its greeting says so."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"%2\r\n$7\r\nversion\r\n$5\r\n6.2.1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        with pytest.raises(Refused, match=r"6\.2\.1"):
            await line.open(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def test_another_kind_of_server_is_refused(line: Line) -> None:
    """What speaks no RESP is no Redis."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        with pytest.raises(Refused, match="no RESP"):
            await line.open(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def test_a_refused_command_ends_the_connection(valkey: ValkeyServer, line: Line) -> None:
    """Nobody waits for its answer, and going on would be going on without it."""
    connection = await line.open(valkey.url)
    connection.write(command("PUBLISH", "one word is missing"))
    await eventually(lambda: line.ends)
    assert isinstance(line.ends[0], Refused)


def test_a_cluster_says_where_to_go() -> None:
    """To another server, or to the same host if it names none; and trouble that passes is told from what does not."""
    moved = Refused.by(hiredis.ReplyError("MOVED 3999 127.0.0.1:6381"))
    assert isinstance(moved, Moved)
    assert (moved.host, moved.port, moved.passing) == ("127.0.0.1", 6381, True)
    assert Refused.by(hiredis.ReplyError("LOADING the dataset")).passing
    assert not Refused.by(hiredis.ReplyError("NOPERM no")).passing
