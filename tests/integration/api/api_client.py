"""The HTTP API on a fresh server, and people who call it.

Owns the door and its clients. Requests go through the whole application, in this process; one test module goes through a
real port.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from litestar import Litestar

from madang.api.app import ApiOptions, create_api
from madang.api.forwarded import TrustedProxies
from madang.config import Network
from madang.contract.limits import LIMITS
from madang.errors import ErrorCode, MadangError
from madang.telemetry import Metrics
from tests.server_parts import ADDRESS, PASSWORD, ServerParts, server_parts

__all__ = ["BASE", "Api", "open_api", "refused"]

BASE = "https://chat.test"
OWN_PAGE = {"Origin": BASE, "X-Madang-CSRF": "1"}
"""What our own page sends with a write."""


class Api:
    """A server's HTTP door, and whoever calls it."""

    def __init__(self, parts: ServerParts, app: Litestar) -> None:
        self.parts = parts
        self.app = app
        self.is_ready = True

    async def readiness(self) -> None:
        """What the server says of itself."""
        if not self.is_ready:
            raise MadangError(ErrorCode.UNAVAILABLE, "the server is stopping", retry_after_ms=1_500)

    def client(
        self, token: str = "", *, address: str = ADDRESS, base: str = BASE, **headers: str
    ) -> httpx2.AsyncClient:
        """A client with a cookie jar of its own; with a token, one that shows it."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            given["Authorization"] = f"Bearer {token}"
        asgi: Any = self.app  # the two libraries spell the ASGI types differently
        transport = httpx2.ASGITransport(app=asgi, client=(address, 50_000))
        return httpx2.AsyncClient(transport=transport, base_url=base, headers=given)

    async def person(self, username: str) -> tuple[str, httpx2.AsyncClient]:
        """A new person with an access token: id and client."""
        signed_in = await self.parts.sign_up(username)
        return signed_in.account.user.id, self.client(signed_in.access.text)

    async def page(self, username: str) -> httpx2.AsyncClient:
        """Our own page in a browser in which a new person has signed up."""
        client = self.client()
        body = {"username": username, "password": PASSWORD, "name": username.capitalize()}
        (await client.post("/api/auth/register", json=body, headers=OWN_PAGE)).raise_for_status()
        return client


@asynccontextmanager
async def open_api(
    folder: Path, options: ApiOptions | None = None, *, proxies: tuple[Network, ...] = (), **parts_options: Any
) -> AsyncIterator[Api]:
    """A server with its HTTP door, for as long as the context lasts."""
    async with server_parts(folder, **parts_options) as parts:
        box: list[Api] = []

        async def readiness() -> None:
            await box[0].readiness()

        app = create_api(
            parts.services,
            options or ApiOptions(),
            LIMITS,
            parts.clock,
            proxies=TrustedProxies(proxies),
            exposition=Metrics().exposition,
            readiness=readiness,
        )
        box.append(Api(parts, app))
        yield box[0]


def refused(response: httpx2.Response, status: int, error: str) -> dict[str, Any]:
    """The body of a refusal, after checking that it has the one form all of them have."""
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert body["ok"] is False
    assert body["error"] == error
    assert body["reason"]
    assert set(body) <= {"ok", "error", "reason", "details", "retryAfterMs"}
    assert ("retryAfterMs" in body) == ("Retry-After" in response.headers)
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    return body
