"""Real nginx in front of real nodes, with the configuration that deploy/ has: no sticky sessions, restarts that nobody notices.

Skipped where nginx is not installed. Where nodes are, where nginx listens and where its files are is replaced; all that concerns
how requests are handed on is as it is deployed.
"""

import asyncio
import os
import random
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from madang.ids import new_id
from tests.certificate import self_signed
from tests.integration.nodes.conftest import SECRET
from tests.interop.stock_client import StockClient
from tests.people import Person
from tests.postgres_server import PostgresServer
from tests.server_process import ServerProcess, free_port
from tests.valkey_server import ValkeyServer

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
LOCATIONS = DEPLOY / "nginx" / "madang-locations.conf"
NODES = 3
SENDERS = 4
START_SECONDS = 10.0
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@pytest.fixture(scope="module")
async def servers(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[ServerProcess]]:
    """Nodes that know each other by address, as those of the compose file do."""
    settings = {
        "database_url": postgres.url(await postgres.empty_database()),
        "redis_url": valkey.url,
        "secret": SECRET,
    }
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(NODES):
            port = lasting_port()
            server = ServerProcess(tmp_path_factory.mktemp("node"), settings | {"advertise": f"127.0.0.1:{port}"})
            server.port = port
            made.append(server)
        running = await asyncio.gather(*(stack.enter_async_context(server) for server in made))
        yield running
        for server in running:
            assert "Traceback" not in server.log, server.log


def lasting_port() -> int:
    """A port that stays free while its node is restarted: no connection of nginx is given one that low."""
    for port in random.sample(range(10_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def placed(text: str, folder: Path, ports: list[int]) -> str:
    """A configuration with its nodes at these ports, and everything nginx writes in a folder."""
    nodes = iter(ports)
    text = re.sub(r"server [\d.]+:8420 ", lambda _: f"server 127.0.0.1:{next(nodes)} ", text)
    assert next(nodes, None) is None
    return text.replace("/etc/nginx/madang-locations.conf", str(LOCATIONS))


def whole(http: str, folder: Path) -> str:
    """A whole configuration around the `http` block's content, for a test's own nginx."""
    paths = "\n".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
    user = "user root;" if os.geteuid() == 0 else ""
    return f"{user}\npid {folder}/pid;\ndaemon off;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}\n{http}\n}}\n"


def compose_proxy(folder: Path, ports: list[int], port: int) -> str:
    """The proxy of the compose file, listening on a port."""
    text = placed((DEPLOY / "compose" / "nginx.conf").read_text(encoding="utf-8"), folder, ports)
    (http,) = re.findall(r"^http \{\n(.*)^\}", text, re.MULTILINE | re.DOTALL)
    http = http.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace("include /etc/nginx/mime.types;", "")
    return whole(http.replace("access_log off;", ""), folder)


def site(folder: Path, ports: list[int], port: int, plain: int) -> str:
    """The example site, listening on two ports, with a certificate of its own."""
    certificate, key = self_signed(folder)
    text = placed((DEPLOY / "nginx" / "madang.conf").read_text(encoding="utf-8"), folder, ports)
    text = re.sub(r"(ssl_certificate) .*;", rf"\1 {certificate};", text)
    text = re.sub(r"(ssl_certificate_key) .*;", rf"\1 {key};", text)
    text = re.sub(r"listen \[::\].*;", "", text).replace("listen 443", f"listen 127.0.0.1:{port}")
    return whole(text.replace("listen 80;", f"listen 127.0.0.1:{plain};"), folder)


@asynccontextmanager
async def nginx(configuration: str, folder: Path, port: int) -> AsyncIterator[None]:
    """nginx with this configuration, as soon as it listens."""
    path = folder / "nginx.conf"
    path.write_text(configuration, encoding="utf-8")
    tested = await asyncio.create_subprocess_exec("nginx", "-t", "-c", str(path), stderr=asyncio.subprocess.PIPE)
    _, said = await tested.communicate()
    assert tested.returncode == 0, said.decode()
    assert b"[warn]" not in said, said.decode()
    process = await asyncio.create_subprocess_exec("nginx", "-c", str(path), stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def proxy(servers: list[ServerProcess], tmp_path: Path) -> AsyncIterator[str]:
    """The address that people connect to."""
    port = free_port()
    async with nginx(compose_proxy(tmp_path, [server.port for server in servers], port), tmp_path, port):
        yield f"http://127.0.0.1:{port}"


async def counted(server: ServerProcess, name: str) -> float:
    """A metric of a node."""
    async with httpx2.AsyncClient() as http:
        page = (await http.get(f"{server.url}/metrics")).text
    return sum(float(value) for value in re.findall(rf"^{name} (\S+)$", page, re.MULTILINE))


async def test_polling_and_upgrades_take_no_sticky_sessions(servers: list[ServerProcess], proxy: str) -> None:
    """The stock client with its default transports, and with polling alone: connects, talks, hears, is not cut off once."""
    mina = await Person.of_host(servers[0], "mina")
    for transports in (["polling", "websocket"], ["polling"], ["websocket"]):
        async with StockClient() as client:
            await client.connect(proxy, token=mina.token, transports=transports)
            (init,) = await client.ask("init", {})
            room = init["conversations"][0]["id"]
            for number in range(10):
                (ack,) = await client.ask("message:send", {"conversationId": room, "content": f"{number}"})
                assert ack["ok"], ack
            if len(transports) == 2:
                await client.until("upgrade")
            await client.until("event", lambda it: it["event"] == "message:new" and it["args"][0]["content"] == "9")
        assert (client.count("connect"), client.count("disconnect")) == (1, 0)
    engines = [await counted(server, "madang_engines_opened_total") for server in servers]
    assert sum(engines) >= 3
    assert sum([await counted(server, "madang_passed_on_total") for server in servers]) > 4


async def test_a_restart_of_each_node_loses_no_call(servers: list[ServerProcess], proxy: str) -> None:
    """Nodes are restarted one after the other while people send over HTTP: some are told to try again, by the node that stops or, where
    it has closed the line, by nginx, and everything is stored once.
    """
    joon = await Person.of_host(servers[0], "joon")
    room = (await joon.http("GET", "/api/conversations")).json()[0]["id"]
    done, stored, statuses = asyncio.Event(), list[int](), list[int]()

    async def send() -> None:
        async with httpx2.AsyncClient(base_url=proxy, headers={"Authorization": f"Bearer {joon.token}"}) as http:
            while not done.is_set():
                draft, answer = {"id": new_id(), "content": "still here"}, None
                while answer is None or answer.status_code in (502, 503):
                    answer = await http.post(f"/api/conversations/{room}/messages", json=draft)
                    statuses.append(answer.status_code)
                    await asyncio.sleep(0.01)
                stored.append(answer.json()["message"]["seq"])

    async with asyncio.TaskGroup() as group:
        for _ in range(SENDERS):
            group.create_task(send())
        for server in servers:
            await asyncio.sleep(0.5)
            assert await server.stop() == 0
            await asyncio.sleep(0.5)
            await server.start()
        await asyncio.sleep(0.5)
        done.set()
    assert set(statuses) <= {201, 502, 503}, statuses
    assert statuses.count(201) > len(statuses) / 2
    assert len(stored) > 100
    assert sorted(stored) == list(range(min(stored), min(stored) + len(stored)))


async def test_nobody_chooses_their_own_address(servers: list[ServerProcess], proxy: str) -> None:
    """Sign-ins are counted by the address that nginx sees, whatever a client says of itself."""
    statuses = []
    async with httpx2.AsyncClient(base_url=proxy) as http:
        for number in range(12):
            headers = {"X-Forwarded-For": f"192.0.2.{number}"}
            account = {"username": "nobody", "password": "not the password"}
            statuses.append((await http.post("/api/auth/login", json=account, headers=headers)).status_code)
    assert statuses[-1] == 429, statuses


async def test_the_size_of_bodies_is_madangs_to_judge(servers: list[ServerProcess], proxy: str) -> None:
    """A body that is a little too large is refused by Madang in its own words; figures are not for the world."""
    async with httpx2.AsyncClient(base_url=proxy) as http:
        answer = await http.post("/api/auth/login", content=b"x" * 1_010_000)
        assert (answer.status_code, answer.json()["error"]) == (413, "too_large")
        assert (await http.get("/metrics")).status_code == 404
        assert (await http.get("/health/ready")).json() == {"ok": True}


async def test_the_example_site_serves_over_tls(servers: list[ServerProcess], tmp_path: Path) -> None:
    """The site as it is written, but for its addresses: TLS, a WebSocket and polls through it, and plain HTTP is sent there."""
    port, plain = free_port(), free_port()
    configuration = site(tmp_path, [server.port for server in servers], port, plain)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
    async with nginx(configuration, tmp_path, port), httpx2.AsyncClient(verify=trusting) as http:
        ready = await http.get(f"https://localhost:{port}/health/ready")
        assert ready.json() == {"ok": True}
        opened = await http.get(f"https://localhost:{port}/socket.io/?EIO=4&transport=polling")
        assert '"upgrades":["websocket"]' in opened.text
        moved = await http.get(f"http://127.0.0.1:{plain}/chat?x=1", headers={"Host": "chat.example.org"})
        assert (moved.status_code, moved.headers["location"]) == (301, "https://chat.example.org/chat?x=1")
