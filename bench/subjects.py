"""What is measured: the three servers, each with a crowd that speaks its dialect.

Owns how each is started. The two bare ones run the same application and speak the same dialect, so they are asked for
exactly the same work; the chat is asked for what its clients ask for, and does more for it: it checks, stores and orders.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from bench.chat import ChatHost
from bench.client import Client
from bench.crowd import Crowd
from bench.processes import Cores, ServerProcess

BASELINE: Final = "python-socketio"
ENGINE: Final = "madang.socketio"
CHAT: Final = "Madang chat"
SUBJECTS: Final = (BASELINE, ENGINE, CHAT)
_PROGRAMS: Final = {BASELINE: "bench.servers.python_socketio", ENGINE: "bench.servers.madang_socketio"}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where servers run and where they keep their data."""

    cores: Cores
    folder: Path
    """On a real disk, or a durable ack costs nothing and proves nothing."""


class BareDialect:
    """Rooms named by the client, a text re-emitted to the room, an ack of one word.

    Args:
        room_size: clients per room, in the order of their indexes; 0 puts all into one.
    """

    path = "/socket.io/"
    delivered = b'42["message",'
    greeting: bytes | None = None

    def __init__(self, room_size: int = 0) -> None:
        self._room_size = room_size

    def room_of(self, index: int) -> int:
        """The room of a client."""
        return index // self._room_size if self._room_size else 0

    def auth(self, index: int) -> bytes:
        return b'{"room":"room %d"}' % self.room_of(index)

    def message(self, client: Client, number: int, text: str) -> bytes:
        return b'42%d["message","room %d",%b]' % (number, client.room, msgspec.json.encode(text))

    def is_refusal(self, ack: bytes) -> bool:
        return not ack.endswith(b'["ok"]')


@contextmanager
def serving(
    subject: str, machine: Machine, *, users: int, room_size: int = 0, probed: bool = False
) -> Iterator[tuple[ServerProcess, Crowd]]:
    """Run a server, with nobody connected yet. For the chat, users and conversations exist and it was started afresh.

    Args:
        subject: one of `SUBJECTS`.
        machine: where.
        users: how many will connect at most.
        room_size: members of a room; 0 puts all into one, 1 gives everybody nothing but themselves.
        probed: whether the chat server watches its event loop.
    """
    if subject != CHAT:
        dialect = BareDialect(room_size)
        command = [sys.executable, "-m", _PROGRAMS[subject], "{port}"]
        with ServerProcess(command, cores=machine.cores.server) as server, Crowd(server.address, dialect) as crowd:
            yield server, crowd
        return
    with tempfile.TemporaryDirectory(prefix="madang-bench-", dir=machine.folder) as folder:
        host = ChatHost(Path(folder), users, room_size)
        host.prepare(machine.cores.server)
        with (
            host.server(machine.cores.server, probed=probed) as server,
            Crowd(server.address, host.dialect) as crowd,
        ):
            yield server, crowd
