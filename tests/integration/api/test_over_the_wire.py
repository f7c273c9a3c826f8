"""The API through a real port: what only a real HTTP server shows."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from structlog.testing import capture_logs

from madang.contract.limits import LIMITS
from tests.integration.api.api_client import open_api, refused
from tests.server_parts import PASSWORD


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """Where a server listens on this machine."""
    async with open_api(tmp_path) as api:
        listening = socket.create_server(("127.0.0.1", 0))
        asgi: Any = api.app  # the two libraries spell the ASGI types differently
        server = uvicorn.Server(uvicorn.Config(asgi, log_config=None, lifespan="off", ws="none"))
        running = asyncio.ensure_future(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await running
        listening.close()


async def test_two_people_talk(address: str) -> None:
    """Sign up twice, find each other, write, read: the whole way over HTTP, one with cookies, one with tokens."""
    own = {"Origin": address, "X-Madang-CSRF": "1"}
    async with (
        httpx2.AsyncClient(base_url=address, headers=own) as page,
        httpx2.AsyncClient(base_url=address) as program,
    ):
        ann = await page.post("/api/auth/register", json={"username": "ann", "password": PASSWORD, "name": "Ann"})
        assert ann.status_code == 201
        body = {"username": "bob", "password": PASSWORD, "name": "Bob", "cookies": False}
        bob = (await program.post("/api/auth/register", json=body)).json()
        program.headers["Authorization"] = f"Bearer {bob['accessToken']}"
        (found,) = (await page.get("/api/users?query=bob")).json()
        conversation = (
            await page.post("/api/conversations", json={"type": "direct", "memberIds": [found["id"]]})
        ).json()
        path = f"/api/conversations/{conversation['id']}"
        assert (await page.post(f"{path}/messages", json={"content": "안녕"})).status_code == 201
        assert (await program.get(path)).json()["unreadCount"] == 1
        (message,) = (await program.get(f"{path}/messages?after=1")).json()
        assert (message["content"], message["sender"]["name"]) == ("안녕", "Ann")
        assert (await program.post(f"{path}/read", json={"seq": message["seq"]})).json()["unreadCount"] == 0
        assert (await page.post("/api/auth/logout")).status_code == 204
        refused(await page.get("/api/me"), 401, "unauthenticated")


async def test_a_body_without_a_length_is_cut_at_the_limit(address: str) -> None:
    """Chunks that never say how many they are stop being read when there are too many."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(LIMITS.payload_bytes // 50_000 + 2):
            yield b" " * 50_000

    async with httpx2.AsyncClient(base_url=address) as client:
        refused(await client.post("/api/auth/login", content=chunks()), 413, "too_large")
        assert (await client.get("/health/live")).status_code == 200


async def test_whoever_goes_away_before_the_end_of_a_body_is_no_failure_of_the_server(address: str) -> None:
    """A connection that breaks is nothing an operator has to look at."""
    with capture_logs() as logged:
        _, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        head = "POST /api/auth/login HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        writer.write(f'{head}{{"username":'.encode())
        await asyncio.sleep(0.1)
        writer.transport.abort()
        await asyncio.sleep(0.1)
    assert logged == []


async def test_signing_in_does_not_hold_up_others(address: str) -> None:
    """While passwords are being hashed, the health check answers at once."""
    async with httpx2.AsyncClient(base_url=address) as client:
        attempts = [
            asyncio.ensure_future(client.post("/api/auth/login", json={"username": "ann", "password": "wrong horse"}))
            for _ in range(8)
        ]
        async with asyncio.timeout(2.0):
            assert (await client.get("/health/live")).status_code == 200
        assert {(await attempt).status_code for attempt in attempts} == {401}
