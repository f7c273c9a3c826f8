"""A line to PostgreSQL that loses answers, so that the server commits and whoever asked hears nothing but the end of the
connection; or that falls silent.

Owns a socket beside the server's own and what passes between the two. It knows nothing of the protocol: a request is
recognised by some of its bytes.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

__all__ = ["PostgresLine", "postgres_line"]

_NAME: Final = ".s.PGSQL.5432"
_CHUNK: Final = 1 << 16
_READS: Final = b"READ ONLY"
"""What a connection that is used for reading says first; its answers are not worth losing."""


class PostgresLine:
    """Passes everything on, until told to lose."""

    def __init__(self, url: str, folder: Path) -> None:
        (there,) = parse_qs(urlsplit(url).query)["host"]
        self.url = url.replace(there, str(folder))
        self.lost = 0
        self.lose(0)
        self._passes = asyncio.Event()
        self._passes.set()
        self._there = Path(there, _NAME)
        self._here = folder / _NAME
        self._lines: set[asyncio.Task[None]] = set()

    def lose(self, answers: int = 1, *, to: bytes = b"COMMIT;", early: bool = False) -> None:
        """Lose the answers to the next requests in which these bytes are; `early`: cut while the server is still at it."""
        self._losing, self._request, self._early = answers, to, early

    def hold(self) -> None:
        """Pass nothing on until `release`; connections stay, and more are taken."""
        self._passes.clear()

    def release(self) -> None:
        """Pass on what was held, and what comes."""
        self._passes.set()

    async def serve(self) -> asyncio.Server:
        """Take connections."""
        return await asyncio.start_unix_server(self._connected, self._here)

    def close(self) -> None:
        """Cut every connection."""
        for line in self._lines:
            line.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)
        try:
            there, to_server = await asyncio.open_unix_connection(self._there)
        except OSError:
            writer.close()
            return
        answers = asyncio.ensure_future(self._pass_on(there, writer))
        reads = False
        try:
            while chunk := await reader.read(_CHUNK):
                reads = reads or _READS in chunk
                if self._losing and self._request in chunk and not reads:
                    self._losing -= 1
                    answers.cancel()
                    await asyncio.wait([answers])
                    to_server.write(chunk)
                    if not self._early:
                        await there.read(_CHUNK)  # it is done
                    self.lost += 1
                    return
                await self._passes.wait()
                if to_server.is_closing():
                    return
                to_server.write(chunk)
        except (asyncio.CancelledError, OSError):
            return
        finally:
            answers.cancel()
            to_server.close()
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            await self._passes.wait()
            if writer.is_closing():
                return
            writer.write(chunk)
        writer.close()


@asynccontextmanager
async def postgres_line(url: str) -> AsyncIterator[PostgresLine]:
    """A line to a database for as long as the context lasts."""
    folder = Path(tempfile.mkdtemp(prefix="madang-line-"))
    line = PostgresLine(url, folder)
    server = await line.serve()
    try:
        yield line
    finally:
        line.close()
        server.close()
        shutil.rmtree(folder)
