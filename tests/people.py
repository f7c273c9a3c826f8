"""People and their devices, for tests that go through the doors: the official Python client, and plain HTTP.

A device keeps every event it got, in order, and waits for the ones a test expects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import httpx2
import socketio

from madang.ids import new_id
from tests.server_process import ServerProcess

__all__ = ["PASSWORD", "Device", "Person"]

PASSWORD: Final = "correct horse battery"
WAIT_SECONDS: Final = 5.0


class Device:
    """One connection of one person."""

    def __init__(self, person: Person, server: ServerProcess | None = None) -> None:
        self.person = person
        self.server = server or person.server
        self.events: list[tuple[str, tuple[Any, ...]]] = []
        self.init: dict[str, Any] = {}
        self.disconnects: list[str] = []
        self._came = asyncio.Event()
        self.client = socketio.AsyncClient(reconnection=False)
        self.client.on("*", self._event)
        self.client.on("disconnect", self.disconnects.append)

    async def _event(self, name: str, *args: Any) -> None:
        self.events.append((name, args))
        self._came.set()

    async def connect(self, *, transport: str = "websocket", start: bool = True) -> Device:
        """Connect and, if `start`, send `init`."""
        server = self.server
        path = server.url.split("/", 3)[3] if server.url.count("/") > 2 else ""
        await self.client.connect(
            server.url,
            auth={"token": self.person.token},
            transports=[transport],
            socketio_path=f"{path}/socket.io",
            wait_timeout=5,
        )
        if start:
            self.init = await self.ask("init", {})
            assert self.init["ok"], self.init
        return self

    async def ask(self, event: str, payload: object = None, *, seconds: float = WAIT_SECONDS) -> Any:
        """Send an event; its ack."""
        return await self.client.call(event, payload, timeout=seconds)

    async def send(self, conversation_id: str, content: str, **fields: object) -> Any:
        """Send a message with an id of one's own; its ack."""
        draft = {"id": new_id(), "conversationId": conversation_id, "content": content, **fields}
        return await self.ask("message:send", draft)

    async def got(
        self, name: str, wanted: Callable[..., bool] = lambda *_: True, *, seconds: float = WAIT_SECONDS
    ) -> tuple[Any, ...]:
        """Wait for an event, also one that came before; its arguments."""
        async with asyncio.timeout(seconds):
            while True:
                for event, args in self.events:
                    if event == name and wanted(*args):
                        return args
                self._came.clear()
                await self._came.wait()

    def all(self, name: str) -> list[Any]:
        """The first argument of every event of this name so far."""
        return [args[0] for event, args in self.events if event == name]

    async def quiet(self, seconds: float = 0.3) -> None:
        """Give what may still be on its way some time."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Disconnect, if still connected."""
        await self.client.disconnect()
        if session := self.client.eio.http:  # left open where the connection broke
            await session.close()


class Person:
    """Somebody with an account."""

    def __init__(self, server: ServerProcess, token: str, user: dict[str, Any]) -> None:
        self.server = server
        self.token = token
        self.user = user
        self.devices: list[Device] = []

    @property
    def id(self) -> str:
        """Their user id."""
        return str(self.user["id"])

    @classmethod
    async def sign_up(cls, server: ServerProcess, username: str) -> Person:
        """A local account."""
        body = {"username": username, "password": PASSWORD, "name": username.title(), "cookies": False}
        async with httpx2.AsyncClient(base_url=server.url) as http:
            answer = await http.post("/api/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        signed_in = answer.json()
        return cls(server, signed_in["accessToken"], signed_in["user"])

    @classmethod
    async def of_host(cls, server: ServerProcess, subject: str) -> Person:
        """A user of the host application, known from their token alone."""
        person = cls(server, server.host_token(subject), {})
        person.user = (await person.http("GET", "/api/me")).json()
        return person

    async def http(self, method: str, path: str, body: object = None) -> httpx2.Response:
        """A call with their token."""
        async with httpx2.AsyncClient(base_url=self.server.url, timeout=20) as http:
            return await http.request(method, path, json=body, headers={"Authorization": f"Bearer {self.token}"})

    async def device(
        self, server: ServerProcess | None = None, *, transport: str = "websocket", start: bool = True
    ) -> Device:
        """One more connection, to another node if one is named."""
        device = await Device(self, server).connect(transport=transport, start=start)
        self.devices.append(device)
        return device

    async def group(self, *others: Person, name: str = "점심") -> str:
        """A new group with these people; its id."""
        body = {"type": "group", "name": name, "memberIds": [other.id for other in others]}
        answer = await self.http("POST", "/api/conversations", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def close(self) -> None:
        """Disconnect every device."""
        for device in self.devices:
            await device.close()
