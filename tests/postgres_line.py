"""A line to PostgreSQL that loses answers: the server commits, and whoever asked hears nothing but the end of the connection.

Owns which answers are lost. It knows nothing of the protocol: a request is recognised by some of its bytes.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.faults.proxy import Direction, Proxy, Route

__all__ = ["PostgresLine"]

_READS: Final = b"READ ONLY"
"""What a connection that is used for reading says first; its answers are not worth losing."""


class PostgresLine(Proxy):
    """A line to a database of a server of the tests."""

    def __init__(self, url: str) -> None:
        there = urlsplit(url)
        (folder,) = parse_qs(there.query)["host"]
        super().__init__(str(Path(folder, ".s.PGSQL.5432")))
        self.lost = 0
        self._database = there.path
        self._reading: set[Route] = set()
        self._deaf: set[Route] = set()
        self.on_chunk = self._carried
        self.lose(0)

    @property
    def url(self) -> str:
        """What a store connects to."""
        return f"postgresql://postgres@127.0.0.1:{self.port}{self._database}?sslmode=disable"

    def lose(self, answers: int = 1, *, to: bytes = b"COMMIT;", early: bool = False) -> None:
        """Lose the answers to the next requests in which these bytes are; `early`: cut while the server is still at it."""
        self._losing, self._request, self._early = answers, to, early

    def _carried(self, route: Route, direction: Direction, data: bytes) -> bool:
        if direction == "down":
            if route in self._deaf:
                route.reset()
            return route not in self._deaf
        if _READS in data:
            self._reading.add(route)
        if self._losing and self._request in data and route not in self._reading:
            self._losing -= 1
            self.lost += 1
            self._deaf.add(route)
            if self._early:
                asyncio.get_running_loop().call_soon(route.reset)  # when the request has gone out
        return True
