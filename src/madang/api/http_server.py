"""The HTTP server: uvicorn inside this process, on sockets bound beforehand.

Owns the sockets and uvicorn's settings. Signals belong to who runs the program, logs to `telemetry`, WebSockets to the
engine's protocol class; uvicorn's own ping and compression are off, because the engine has a heartbeat and frames that
are built once for everybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import uvicorn

from madang.config import InUseError, SettingsError, variable

__all__ = ["HttpServer", "bind", "bind_beside"]

BACKLOG: Final = 2_048
GRACE_SECONDS: Final = 2
"""How long requests that are being answered may take when the server stops."""


def bind(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """Listen on every address of a host name; port 0 takes one that is free on all of them.

    Connections made before `HttpServer.start` wait in the backlog, unless the port is shared with other processes that
    bound it so: then the others get them, and the system deals connections out evenly among those that have started.

    Raises:
        SettingsError: the port is taken (`InUseError`), or the host is none of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise SettingsError(variable("host"), f"accepts an address of this machine, not {host!r}.") from None
    listening: list[socket.socket] = []
    refused: OSError | None = None
    for family, _, _, _, address in dict.fromkeys(found):
        taken = listening[0].getsockname()[1] if listening else port
        try:
            listening.append(_listen(family, (address[0], taken, *address[2:]), shared=shared))
        except OSError as error:
            refused = error
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                break
    if refused is not None and (not listening or refused.errno in {errno.EADDRINUSE, errno.EACCES}):
        for each in listening:
            each.close()
        raise _refusal(refused, host, port) from None
    return listening


def bind_beside(path: Path) -> socket.socket:
    """Listen on a Unix socket, for processes of this machine that may open its folder."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(BACKLOG)
    return listener


def _listen(family: int, address: Any, *, shared: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        if not shared:
            listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _refusal(error: OSError, host: str, port: int) -> SettingsError:
    match error.errno:
        case errno.EADDRINUSE:
            return InUseError(
                variable("port"), f"port {port} of {host} is taken by another program: stop it, or choose another port."
            )
        case errno.EACCES:
            return SettingsError(variable("port"), f"this user may not listen on port {port}: choose one above 1023.")
        case _:
            return SettingsError(variable("host"), f"{host} is no address of this machine ({error.strerror}).")


class _Uvicorn(uvicorn.Server):
    """Says when it has started, and leaves signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves one ASGI application and one WebSocket protocol class.

    Args:
        application: answers every HTTP request.
        websocket_protocol: answers every upgrade, before any application.
        sockets: listening ones; closed by `close`.
        beside: one from `bind_beside`, if any; closed by `close`.
    """

    def __init__(
        self,
        application: Any,
        websocket_protocol: Any,
        sockets: Sequence[socket.socket],
        beside: socket.socket | None = None,
    ) -> None:
        self._public = list(sockets)
        self._sockets = self._public if beside is None else [*self._public, beside]
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                application,
                interface="asgi3",
                lifespan="off",
                ws=websocket_protocol,
                ws_ping_interval=None,
                ws_ping_timeout=None,
                ws_per_message_deflate=False,
                access_log=False,
                log_config=None,
                log_level="warning",
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to answer; returns when it does."""
        self._serving = asyncio.create_task(self._uvicorn.serve(self._sockets), name="http server")
        accepting = asyncio.create_task(self._uvicorn.accepting.wait())
        await asyncio.wait({self._serving, accepting}, return_when=asyncio.FIRST_COMPLETED)
        if not accepting.done():
            accepting.cancel()
            await self._serving

    def stop_accepting(self) -> None:
        """Take no new connection but from beside; those that are open go on. Safe to call twice."""
        for server in self._uvicorn.servers[: len(self._public)]:
            server.close()
        for listener in self._public:
            listener.close()

    async def close(self) -> None:
        """Stop listening, let requests under way finish for `GRACE_SECONDS`, close what is left. Safe to call twice."""
        self._uvicorn.should_exit = True
        if self._serving is not None:
            await self._serving
        for listener in self._sockets:
            listener.close()
