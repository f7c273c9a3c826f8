"""`madang serve` from outside: starting, refusing to start, what it serves, stopping without losing anything."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.server_process import ServerProcess

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """One server for the tests that only look."""
    async with ServerProcess(tmp_path_factory.mktemp("server"), {"api_key": "k" * 32}) as running:
        yield running


def run_madang(*arguments: str, settings: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself, with what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}
    return subprocess.run(
        [sys.executable, "-m", "madang", *arguments],
        env=environment | (settings or {}),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


async def welcome(running: ServerProcess) -> str:
    """All it says when it has started; the last line tells how to stop it."""
    while "Ctrl+C" not in running.log:  # noqa: ASYNC110 - another process writes it
        await anyio.sleep(0.02)
    return running.log


def sign_up(url: str, username: str) -> dict[str, Any]:
    """A new account: user and access token."""
    body = {"username": username, "password": PASSWORD, "name": username.title(), "cookies": False}
    answer = httpx2.post(f"{url}/api/auth/register", json=body)
    assert answer.status_code == 201, answer.text
    signed_in: dict[str, Any] = answer.json()
    return signed_in


@contextmanager
def joined(url: str, token: str) -> Iterator[ClientConnection]:
    """A socket that has sent CONNECT and `init`, by hand: the close code is what a library would hide."""
    with connect(f"{url.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket", open_timeout=5) as line:
        assert str(line.recv(5)).startswith("0{")
        line.send("40" + json.dumps({"token": token}))
        assert str(line.recv(5)).startswith("40{")
        line.send('420["init",{}]')
        assert '"ok":true' in str(line.recv(5))
        yield line


def stored_ids(url: str, token: str, conversation: str) -> list[str]:
    """The ids of the whole history, newest page first."""
    address, headers = f"{url}/api/conversations/{conversation}/messages", {"authorization": f"Bearer {token}"}
    found: list[str] = []
    before = 1_000_000
    while page := httpx2.get(address, params={"limit": 200, "before": before}, headers=headers).json():
        found += [message["id"] for message in page]
        before = page[0]["seq"]
    return found


def rest_of(line: ClientConnection) -> tuple[list[str], int]:
    """What still comes, and the code the server closes with."""
    heard: list[str] = []
    try:
        while True:
            heard.append(str(line.recv(5)))
    except ConnectionClosed as closed:
        return heard, closed.rcvd.code if closed.rcvd else 1006


def notes(url: str, token: str) -> str:
    """The conversation everybody has from the first minute."""
    listed = httpx2.get(f"{url}/api/conversations", headers={"authorization": f"Bearer {token}"}).json()
    identifier: str = listed[0]["id"]
    return identifier


async def test_the_welcome_says_where_and_who(tmp_path: Path) -> None:
    """An address to click, the administrator's rule while it matters, and where everything is kept."""
    async with ServerProcess(tmp_path) as running:
        said = await welcome(running)
        assert running.url.startswith("http://127.0.0.1:")
        assert "The first one becomes the administrator." in said
        assert str(tmp_path / "data") in said
        assert sign_up(running.url, "first")["administrator"] is True
        await running.stop()
        (tmp_path / "log").unlink()
        await running.start()
        assert "becomes the administrator" not in await welcome(running)


async def test_the_parts_answer_on_one_port(server: ServerProcess) -> None:
    """The page, the API, the probes and the engine."""
    assert httpx2.get(f"{server.url}/").headers["content-type"].startswith("text/html")
    assert httpx2.get(f"{server.url}/api/config").json()["contract"] == 1
    assert httpx2.get(f"{server.url}/health/live").status_code == 200
    assert httpx2.get(f"{server.url}/health/ready").status_code == 200
    handshake = httpx2.get(f"{server.url}/socket.io/?EIO=4&transport=polling")
    assert handshake.text.startswith('0{"sid"')


async def test_the_page_carries_its_policy(server: ServerProcess) -> None:
    """Through the whole stack, the headers arrive."""
    headers = httpx2.get(f"{server.url}/some/address/of/the/client").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-cache"
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


async def test_metrics_are_for_this_machine_or_the_key(server: ServerProcess) -> None:
    """A request that came through a proxy is not local."""
    assert "madang_sockets " in httpx2.get(f"{server.url}/metrics").text
    forwarded = {"x-forwarded-for": "203.0.113.9"}
    assert httpx2.get(f"{server.url}/metrics", headers=forwarded).status_code == 403
    with_key = forwarded | {"authorization": f"Bearer {'k' * 32}"}
    assert httpx2.get(f"{server.url}/metrics", headers=with_key).status_code == 200


async def test_another_site_may_not_shake_hands(server: ServerProcess) -> None:
    """A foreign Origin is refused on both transports before a session exists."""
    address = f"{server.url}/socket.io/?EIO=4&transport="
    foreign = {"origin": "https://elsewhere.example"}
    assert httpx2.get(f"{address}polling", headers=foreign).status_code == 403
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    assert httpx2.get(f"{address}websocket", headers=foreign | upgrade).status_code == 403


async def test_the_secret_is_for_its_owner_only(tmp_path: Path) -> None:
    """Nobody else on the machine may sign tokens, and a restart signs nobody out."""
    async with ServerProcess(tmp_path) as running:
        token = sign_up(running.url, "ann")["accessToken"]
        assert stat.S_IMODE((tmp_path / "data" / "secret").stat().st_mode) == 0o600
        await running.stop()
        await running.start()
        assert httpx2.get(f"{running.url}/api/me", headers={"authorization": f"Bearer {token}"}).status_code == 200


async def test_everything_stands_below_the_prefix(tmp_path: Path) -> None:
    """`MADANG_PUBLIC_URL` moves the page, the API, the engine and the cookies; probes stay reachable."""
    async with ServerProcess(tmp_path, {"public_url": "https://example.org/chat"}) as running:
        assert running.url.endswith("/chat")
        assert "https://example.org/chat/" in await welcome(running)
        root = running.url.removesuffix("/chat")
        assert httpx2.get(f"{running.url}/").headers["content-type"].startswith("text/html")
        assert httpx2.get(running.url).headers["location"] == "/chat/"
        assert httpx2.get(f"{running.url}/api/config").status_code == 200
        assert httpx2.get(f"{root}/api/config").status_code == 404
        assert httpx2.get(f"{root}/health/ready").status_code == 200
        token = sign_up(running.url, "ann")["accessToken"]
        with joined(running.url, token):
            pass
        body = {"username": "ann", "password": PASSWORD}
        cookies = httpx2.post(f"{running.url}/api/auth/login", json=body).headers.get_list("set-cookie")
        assert any("Path=/chat;" in f"{cookie};" for cookie in cookies)
        assert any("Path=/chat/api/auth;" in f"{cookie};" for cookie in cookies)
        assert all("Secure" in cookie for cookie in cookies)


def test_a_port_in_use_stops_the_start(tmp_path: Path) -> None:
    """The sentence names the setting and the port, and nothing else is printed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run_madang("serve", "--port", port, "--data", str(tmp_path / "data"))
    assert refused.returncode == 2
    assert refused.stderr.startswith("madang: MADANG_PORT: ")
    assert port in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "data").exists()


def test_a_host_of_another_machine_stops_the_start(tmp_path: Path) -> None:
    """An address that is not ours cannot be listened on."""
    refused = run_madang("serve", "--host", "192.0.2.1", "--port", "0", "--data", str(tmp_path))
    assert refused.returncode == 2
    assert refused.stderr.startswith("madang: MADANG_HOST: ")


def test_a_folder_that_is_a_file_stops_the_start(tmp_path: Path) -> None:
    """Even root cannot write there."""
    (tmp_path / "data").write_text("")
    refused = run_madang("serve", "--port", "0", "--data", str(tmp_path / "data"))
    assert refused.returncode == 2
    assert refused.stderr.startswith("madang: MADANG_DATA: ")
    assert "Traceback" not in refused.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_stops_the_start(tmp_path: Path) -> None:
    """The sentence names the folder."""
    tmp_path.chmod(0o500)
    refused = run_madang("serve", "--port", "0", "--data", str(tmp_path))
    tmp_path.chmod(0o700)
    assert refused.returncode == 2
    assert str(tmp_path) in refused.stderr


async def test_a_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    """Two writers would destroy the store; the first one does not notice the attempt."""
    async with ServerProcess(tmp_path) as running:
        refused = run_madang("serve", "--port", "0", "--data", str(tmp_path / "data"))
        assert refused.returncode == 2
        assert "another Madang" in refused.stderr
        assert httpx2.get(f"{running.url}/health/ready").status_code == 200


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"MADANG_PORT": "http"}, "MADANG_PORT"),
        ({"MADANG_REGISTRATON": "open"}, "MADANG_REGISTRATION"),
        ({"MADANG_DATABASE_URL": "postgresql://ann:secret@127.0.0.1:1/madang"}, "MADANG_DATABASE_URL"),
    ],
)
def test_a_wrong_setting_stops_the_start(tmp_path: Path, settings: dict[str, str], named: str) -> None:
    """With one sentence and exit code 2."""
    refused = run_madang("serve", "--data", str(tmp_path / "data"), settings=settings)
    assert refused.returncode == 2
    assert named in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_is_orderly(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl+C and a service manager's SIGTERM both end with code 0, quickly, and leave no write-ahead log behind."""
    async with ServerProcess(tmp_path) as running:
        sign_up(running.url, "ann")
        began = time.monotonic()
        assert await running.stop(number) == 0
        assert time.monotonic() - began < 5
        assert "Traceback" not in running.log
    assert not (tmp_path / "data" / "madang.sqlite3-wal").exists()


async def test_sockets_are_told_before_the_server_stops(tmp_path: Path) -> None:
    """`server:closing`, then the engine closes with 1012, so stock clients come back by themselves."""
    async with ServerProcess(tmp_path) as running:
        with joined(running.url, sign_up(running.url, "ann")["accessToken"]) as line:
            running.signal(signal.SIGTERM)
            heard, code = rest_of(line)
        assert any(packet.startswith('42["server:closing",{"retryAfterMs":') for packet in heard)
        assert code == 1012
        assert await running.stop() == 0


async def test_a_stop_in_the_middle_of_sending_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """What was acknowledged before and during the stop is there after the restart, once."""
    async with ServerProcess(tmp_path) as running:
        token = sign_up(running.url, "ann")["accessToken"]
        conversation = notes(running.url, token)
        with joined(running.url, token) as line:
            for number in range(400):
                body = {"conversationId": conversation, "content": "hello", "id": str(uuid.uuid4())}
                line.send(f"42{number + 1}{json.dumps(['message:send', body])}")
                if number == 150:
                    running.signal(signal.SIGTERM)
            heard, _ = rest_of(line)
        answers = [json.loads(packet[packet.index("[") :])[0] for packet in heard if packet.startswith("43")]
        acknowledged = {answer["message"]["id"] for answer in answers if answer["ok"]}
        assert acknowledged
        assert await running.stop() == 0
        await running.start()
        found = stored_ids(running.url, token, conversation)
    assert acknowledged <= set(found)
    assert len(found) == len(set(found))
