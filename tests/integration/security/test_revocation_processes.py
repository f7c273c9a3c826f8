"""The same through the doors people use: a server of its own, official clients on both transports, and the command line."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from socketio.exceptions import ConnectionError as NotLetIn

from madang.ids import new_id
from tests.people import PASSWORD, Device, Person
from tests.server_process import ServerProcess

# python-socketio leaves connections that broke to the garbage collector, and aiohttp says so
pytestmark = pytest.mark.filterwarnings("ignore:.*:pytest.PytestUnraisableExceptionWarning")

TRANSPORTS: Final = ("websocket", "websocket", "polling")
CLOSED_WITHIN: Final = 1.0
BY_TOKEN: Final = {"cookies": False}


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """A running server."""
    folder: Path = tmp_path_factory.mktemp("server")
    async with ServerProcess(folder) as running:
        yield running
        assert "Traceback" not in running.log, running.log


class Session:
    """One sign-in of somebody, with its sockets."""

    def __init__(self, server: ServerProcess, answer: dict[str, Any]) -> None:
        self.person = Person(server, answer["accessToken"], answer["user"])
        self.refresh_token: str = answer["refreshToken"]

    @classmethod
    async def open(cls, server: ServerProcess, call: str, username: str) -> Session:
        """Register or log in."""
        body = {"username": username, "password": PASSWORD, "name": username.title(), **BY_TOKEN}
        return cls(server, await _post(server, f"/api/auth/{call}", body))

    async def connect(self) -> list[Device]:
        """Its sockets, on both transports."""
        return [await self.person.device(transport=transport) for transport in TRANSPORTS]


async def _post(server: ServerProcess, path: str, body: dict[str, Any], status: int | None = None) -> Any:
    async with httpx2.AsyncClient(base_url=server.url) as http:
        answer = await http.post(path, json=body)
    assert answer.is_success if status is None else answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def _logout(session: Session) -> str:
    await session.person.http("POST", "/api/auth/logout")
    return "logout"


async def _logout_with_refresh_token(session: Session) -> str:
    await _post(session.person.server, "/api/auth/logout", {"refreshToken": session.refresh_token})
    return "logout"


async def _replay(session: Session) -> str:
    """A token that was replaced by one that was used: somebody has stolen it."""
    server, body = session.person.server, BY_TOKEN | {"refreshToken": session.refresh_token}
    second = await _post(server, "/api/auth/refresh", body)
    await _post(server, "/api/auth/refresh", BY_TOKEN | {"refreshToken": second["refreshToken"]})
    await _post(server, "/api/auth/refresh", body, status=401)
    return "revoked"


@pytest.mark.parametrize("end", [_logout, _logout_with_refresh_token, _replay])
async def test_the_sockets_of_the_session_go_and_the_others_stay(
    server: ServerProcess, end: Callable[[Session], Awaitable[str]]
) -> None:
    """Six sockets, two sessions: three are told why and disconnected within a second, in the middle of live traffic."""
    name = f"mina-{end.__name__.strip('_').replace('_', '-')}"
    first, second = await Session.open(server, "register", name), await Session.open(server, "login", name)
    joon = await Person.of_host(server, f"joon-{new_id()}")
    room = await joon.group(first.person)
    gone, staying, other = await first.connect(), await second.connect(), await joon.device()
    enough = asyncio.Event()
    talking = asyncio.create_task(_keep_talking(other, room, enough))
    await asyncio.gather(*(device.got("message:new") for device in (*gone, *staying)))
    begun = time.monotonic()
    reason = await end(first)
    for device in gone:
        while not device.disconnects:  # noqa: ASYNC110  # the client offers no event to wait for
            await asyncio.sleep(0.005)
    assert time.monotonic() - begun < CLOSED_WITHIN
    for device in gone:
        assert device.events[-1] == ("session:revoked", ({"reason": reason},))
        assert device.disconnects == [device.client.reason.SERVER_DISCONNECT]
    enough.set()
    await talking
    last = (await other.send(room, "the last"))["message"]["seq"]
    for device in staying:
        await device.got("message:new", lambda message: message["content"] == "the last")
        assert [message["seq"] for message in device.all("message:new")] == list(range(2, last + 1))
    assert all(device.events[-1][0] == "session:revoked" for device in gone)
    with pytest.raises(NotLetIn):
        await first.person.device()
    for person in (first.person, second.person, joon):
        await person.close()


async def _keep_talking(device: Device, room: str, enough: asyncio.Event) -> None:
    while not enough.is_set():
        await device.send(room, "meanwhile")


async def test_ten_refreshes_at_once_over_http(server: ServerProcess) -> None:
    """One successor for all, also for who asks again because the answer was lost; its sockets stay."""
    session = await Session.open(server, "register", "tabs")
    device = await session.person.device()
    body = BY_TOKEN | {"refreshToken": session.refresh_token}
    answers = await asyncio.gather(*(_post(server, "/api/auth/refresh", body) for _ in range(10)))
    answers.append(await _post(server, "/api/auth/refresh", body))
    assert len({answer["refreshToken"] for answer in answers}) == 1
    assert (await device.ask("auth:refresh", {"token": answers[-1]["accessToken"]}))["ok"]
    assert device.events == []
    await session.person.close()


async def test_the_operator_ends_sessions_while_the_server_is_down(tmp_path: Path) -> None:
    """`madang user password` and `disable` are refused while it runs; after them no old token opens anything."""
    async with ServerProcess(tmp_path) as server:
        changed, locked = [await Session.open(server, "register", name) for name in ("mina", "joon")]
        refused = _madang(server, "user", "password", "mina")
        assert refused.returncode != 0
        assert "stop" in refused.stderr.lower(), refused.stderr
        await server.stop()
        for command in (("user", "password", "mina"), ("user", "disable", "joon")):
            done = _madang(server, *command)
            assert done.returncode == 0, done.stderr
        await server.start()
        for session, error in ((changed, "token_invalid"), (locked, "user_disabled")):
            with pytest.raises(NotLetIn):
                await session.person.device()
            body = BY_TOKEN | {"refreshToken": session.refresh_token}
            async with httpx2.AsyncClient(base_url=server.url) as http:
                assert (await http.post("/api/auth/refresh", json=body)).json()["error"] == error


def _madang(server: ServerProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}
    return subprocess.run(
        [sys.executable, "-m", "madang", *arguments, "--data", str(server.folder / "data")],
        input=f"{PASSWORD[::-1]}\n",
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
