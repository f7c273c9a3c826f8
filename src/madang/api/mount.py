"""One port, one prefix: which part of the server answers which path.

Owns the split by path. Must never look into a request further than that.

    {prefix}/socket.io/…                     the engine (polling; upgrades never get here)
    {prefix}/api…  /health…  /metrics        the HTTP API
    /health…  /metrics                       the same: probes on this machine know nothing of the prefix
    {prefix}/…                               the web client
    anything else                            404
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["ASGIApp", "Mount"]

Scope = MutableMapping[str, Any]
ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
"""Loose on purpose: every framework spells the three ASGI types in its own way."""


class Mount:
    """The ASGI application of the whole server."""

    def __init__(self, prefix: str, *, engine: ASGIApp, api: ASGIApp, static: ASGIApp) -> None:
        self._prefix = prefix
        self._engine = engine
        self._engine_path = f"{prefix}/socket.io/"
        self._api = api
        self._api_paths = (
            f"{prefix}/api",
            *(f"{root}/{name}" for root in {"", prefix} for name in ("health", "metrics")),
        )
        self._static = static

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Hand the request to the part its path belongs to."""
        path: str = scope["path"]
        if f"{path}/".startswith(self._engine_path):
            await self._engine(scope, receive, send)
        elif any(path == name or path.startswith(f"{name}/") for name in self._api_paths):
            await self._api(scope, receive, send)
        elif path == self._prefix or path.startswith(f"{self._prefix}/"):
            await self._static(scope, receive, send)
        else:
            await _not_here(send, self._prefix)


async def _not_here(send: Any, prefix: str) -> None:
    body = f"Madang is at {prefix}/\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})
