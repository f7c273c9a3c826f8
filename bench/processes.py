"""Servers as processes: started on a core of their own, and asked what they cost.

Owns the processes the benchmark starts, and the reading of processor time and memory from the kernel. Must
never measure by asking the server: what a server says of itself is not evidence.

Units: seconds and bytes. Processor time is user and system time of all threads of the process, to the nanosecond.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bench.errors import BenchError

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 3.0
HTTP_SECONDS: Final = 5.0
HOST: Final = "127.0.0.1"
_PROCESS_CLOCK: Final = 2  # CPUCLOCK_SCHED of clock_getcpuclockid(3): what the scheduler has counted, user and system
_TAIL_BYTES: Final = 800
_ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where. With a single core both are the same, and wall times mean little."""

    generator: set[int]
    server: set[int]


def choose_cores() -> Cores:
    """One core for the generator and one for the server; others stay unused, so that figures are per core."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(generator={allowed[0]}, server={allowed[-1]})


def processor_seconds(pid: int) -> float:
    """User and system time a process has used, in all its threads."""
    return time.clock_gettime_ns((~pid << 3) | _PROCESS_CLOCK) / 1e9


def busy_seconds(cores: set[int]) -> float:
    """How long some cores have not been idle, whoever used them; of a virtual machine, what its host took as well."""
    names = {f"cpu{core}" for core in cores}
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in names:
            user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, fields[:8])
            ticks += user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Resident set of a process; what the kernel keeps for its sockets is not in it."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():  # exact, unlike statm's running count
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1_024
    raise BenchError(f"the kernel does not tell the memory of process {pid}")


@dataclass(frozen=True, slots=True)
class Usage:
    """What processes used in a stretch of time, and what others used of their cores meanwhile."""

    wall: float
    processor: float
    others: float

    @property
    def share(self) -> float:
        """Part of one core they used."""
        return self.processor / self.wall

    @property
    def taken(self) -> float:
        """Part of one core that others used of what they may use."""
        return self.others / self.wall


class Meter:
    """Measures processes together from its construction, and the cores they may run on."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._cores = set[int]().union(*map(os.sched_getaffinity, pids))
        self._begun = time.perf_counter(), self._processor(), busy_seconds(self._cores)

    def read(self) -> Usage:
        """What was used since."""
        wall, processor, busy = self._begun
        used = self._processor() - processor
        return Usage(
            wall=time.perf_counter() - wall,
            processor=used,
            others=max(0.0, busy_seconds(self._cores) - busy - used),
        )

    def _processor(self) -> float:
        return sum(map(processor_seconds, self._pids))


class ServerProcess:
    """A server under test, alive for as long as the context lasts.

    Args:
        command: its arguments; `{port}` is replaced by a free port.
        cores: where it may run.
        environment: added to this process' own, which keeps none of Madang's settings.
        ready_path: answers below 500 once the server serves.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cores: set[int],
        environment: Mapping[str, str] | None = None,
        ready_path: str = "/",
    ) -> None:
        self.port = _free_port()
        self.address = (HOST, self.port)
        self._command = [part.format(port=self.port) for part in command]
        own = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}
        self._environment = {**own, **(environment or {})}
        self._cores = cores
        self._ready_path = ready_path
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the server has stopped
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self._cores)  # inherited, so that no thread of the server ever runs elsewhere
        try:
            self._process = subprocess.Popen(
                self._command, stdout=self._output, stderr=subprocess.STDOUT, env=self._environment, cwd=_ROOT
            )
        finally:
            os.sched_setaffinity(0, before)
        try:
            self._wait_until_ready()
        except BaseException:
            self._stop()
            self._output.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        died = self._process is not None and self._process.poll() is not None
        self._stop()
        output = self.output()
        self._output.close()
        if died or isinstance(error, BenchError):
            raise BenchError(f"{error or 'the server died'}; the end of its output:\n{output}") from error

    def ask(self, number: signal.Signals) -> str:
        """Send a signal that the server answers with a line of output, and wait for it."""
        before = self._output.seek(0, os.SEEK_END)
        os.kill(self.pid, number)
        until = time.perf_counter() + START_SECONDS
        while time.perf_counter() < until:
            self._output.seek(before)
            line = self._output.readline().decode(errors="replace")
            if line.endswith("\n"):
                return line.strip()
            time.sleep(0.01)
        raise BenchError(f"the server did not answer {number.name}")

    def output(self) -> str:
        """The end of what it has written."""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _TAIL_BYTES))
        return self._output.read().decode(errors="replace").strip()

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        until = time.perf_counter() + START_SECONDS
        while time.perf_counter() < until:
            if self._process.poll() is not None:
                raise BenchError(f"the server did not start:\n{self.output()}")
            with suppress(OSError, http.client.HTTPException):
                if get(self.address, self._ready_path)[0] < 500:
                    return
            time.sleep(0.05)
        raise BenchError(f"the server did not answer within {START_SECONDS:.0f} s:\n{self.output()}")

    def _stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def get(address: tuple[str, int], path: str) -> tuple[int, bytes]:
    """Ask a server over HTTP: status and body. Raises `OSError` or `HTTPException` when it does not answer."""
    with closing(http.client.HTTPConnection(*address, timeout=HTTP_SECONDS)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
