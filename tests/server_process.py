"""A server as people run it: `madang serve` in a process of its own, on a free port, with a data folder of its own.

Owns starting it, reading the address it prints, and ending it. What it logs is kept in `log` beside the data, and shown
when it does not start.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

import jwt

__all__ = ["JWT_SECRET", "ServerProcess", "WorkerProcess", "free_port"]

JWT_SECRET: Final = "the host application signs its tokens with this"
START_SECONDS: Final = 30.0


def free_port() -> int:
    """A port that nobody listens on, for a server that has to know it before it starts."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class ServerProcess:
    """One server; use it as an async context manager, as often as a test restarts it.

    Args:
        folder: where its data and its log are kept.
        settings: `MADANG_…` settings without the prefix, in lower case.
        wrapper: a command to run it under, such as strace.
    """

    words: ClassVar = ("serve", "--port")
    ready: ClassVar = re.compile(rb"ready: (http://[0-9.]+:(\d+)\S*)\s")

    def __init__(
        self, folder: Path, settings: Mapping[str, str] | None = None, *, wrapper: tuple[str, ...] = ()
    ) -> None:
        self.folder = folder
        self.settings = {
            "jwt_secret": JWT_SECRET,
            "send_rate": "0",
            **(settings or {}),
        }
        self.wrapper = wrapper
        self.url = ""
        self.port = 0
        self.starts = 0
        """How often it has been ready."""
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process, or the wrapper around it."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return (self.folder / "log").read_text()

    async def start(self) -> Self:
        """Start it and wait until it says that it is ready; the same port is used again after the first time."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}
        environment |= {f"MADANG_{name.upper()}": value for name, value in self.settings.items()}
        command = [*self.wrapper, sys.executable, "-m", "madang", *self.words, str(self.port), "--data"]
        with (self.folder / "log").open("ab") as log:
            begin = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *command, str(self.folder / "data"), stdout=log, stderr=log, env=environment
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.returncode is None:
            ready = self.ready.search((self.folder / "log").read_bytes()[begin:])
            if ready:
                self.url, self.port = ready.group(1).decode().rstrip("/"), int(ready.group(2))
                self.starts += 1
                return self
            await asyncio.sleep(0.05)
        raise AssertionError(f"the server did not start:\n{self.log}")

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and wait; its exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        async with asyncio.timeout(20):
            return await self._process.wait()

    async def died(self) -> int:
        """Wait until it has ended by itself; its exit code."""
        assert self._process is not None
        return await self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal and do not wait."""
        assert self._process is not None
        self._process.send_signal(number)

    def host_token(self, subject: str, *, seconds: float = 600, **claims: object) -> str:
        """A token as a host application signs it."""
        now = int(time.time())
        payload = {
            "sub": subject,
            "name": subject.title(),
            "iat": now,
            "exp": int(time.time() + seconds),
            **claims,
        }
        return jwt.encode(payload, JWT_SECRET, algorithm="HS256")

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class WorkerProcess(ServerProcess):
    """`madang worker`: as a server, but it serves nothing but `/health` and `/metrics`."""

    words = ("worker", "--port")
    ready = re.compile(rb"accepted, (http://[0-9.]+:(\d+))/health/ready\s")
