"""The supervisor of several workers: starts them, starts another one when one dies, and ends when all have ended.

Owns the processes and nothing else: no socket that listens, no store. Workers bind the port themselves, as one that is shared
(SO_REUSEPORT): Linux then deals connections out evenly, and one that is away gets none. One listening socket that all inherit
gave four workers 91 to 409 of 1,000 connections that came one by one; shared ones got 241 to 258.

    STARTING -> RUNNING [all are ready for the first time]     RUNNING: whoever dies is started again, after a pause that grows
    STARTING -> STOPPING [one of them cannot start: its reason is the supervisor's]
    any -> STOPPING [SIGTERM, SIGINT: passed on]     STOPPING: all drain; who takes too long is killed

Invariants:
1. No worker outlives the supervisor: the end of its pipe, however it comes, tells each to stop.
2. The port is kept for them while none of them listens, and belongs to no other program when they start.
"""

from __future__ import annotations

import multiprocessing
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from madang.api.http_server import bind
from madang.app.running import run
from madang.app.server import STOP_SECONDS, Started, serve
from madang.app.siblings import Worker
from madang.config import InUseError, Settings, SettingsError
from madang.errors import ErrorCode, MadangError
from madang.telemetry import configure_logging

__all__ = ["supervise"]

FIRST_PAUSE: Final = 0.5
LAST_PAUSE: Final = 30.0
"""Seconds before a worker that died is started again, doubling from the first to the last."""
SETTLED_SECONDS: Final = 60.0
"""A worker that lived so long did not die of how it started: the next pause is the first again."""
KILL_SECONDS: Final = STOP_SECONDS + 2.0

_processes: Final = multiprocessing.get_context("spawn")
_log = structlog.get_logger(__name__)


def supervise(settings: Settings, announce: Callable[[Started], None]) -> None:
    """Run `settings.workers` servers until the process is told to stop, and wait for their ends.

    Args:
        settings: the operator's.
        announce: called once, when all of them are ready.

    Raises:
        SettingsError: one of them cannot start for it.
        MadangError: one of them ended before all were ready.
    """
    with (
        _signals() as told,
        _port(settings) as port,
        tempfile.TemporaryDirectory(prefix="madang-") as folder,
    ):
        here = msgspec.structs.replace(settings, port=port)
        workers = [_Process(here, number, Path(folder)) for number in range(settings.workers)]
        try:
            _start(workers, told, announce)
            _keep(workers, told)
        finally:
            _stop(workers)


class _Process:
    """One worker: the process that is it now, and when there will be another one."""

    def __init__(self, settings: Settings, number: int, folder: Path) -> None:
        self.number = number
        self.said: Any = None
        """What it has told: `Started`, or why it cannot start."""
        self.due: float | None = None
        """When it is to be started again; None while it runs."""
        self._settings = settings
        self._folder = folder
        self._pause = FIRST_PAUSE
        self.start()

    def start(self) -> None:
        """Make a process."""
        self.said, self.due, self._begun = None, None, time.monotonic()
        self.pipe, theirs = _processes.Pipe()
        self.process = _processes.Process(
            target=_work, args=(self._settings, self.number, self._folder, theirs), name=f"madang worker {self.number}"
        )
        self.process.start()
        theirs.close()
        _log.info("a worker starts", worker=self.number, pid=self.process.pid)

    def hear(self) -> None:
        """Take what it tells."""
        with suppress(EOFError, OSError):
            while self.pipe.poll():
                self.said = self.pipe.recv()

    def ended(self) -> bool:
        """Whether the process has ended; then the pause before the next one begins."""
        if self.due is not None or self.process.is_alive():
            return False
        self.pipe.close()
        now = time.monotonic()
        self._pause = FIRST_PAUSE if now - self._begun > SETTLED_SECONDS else self._pause
        self.due = now + self._pause
        _log.warning(
            "a worker has ended: starting another", worker=self.number, code=self.process.exitcode, seconds=self._pause
        )
        self._pause = min(self._pause * 2, LAST_PAUSE)
        return True


def _start(workers: list[_Process], told: _Told, announce: Callable[[Started], None]) -> None:
    while not told.stopping and not all(isinstance(worker.said, Started) for worker in workers):
        wait([told.descriptor, *(end for worker in workers for end in (worker.pipe, worker.process.sentinel))])
        for worker in workers:
            alive = worker.process.is_alive()  # asked first: what it said before its end is heard
            worker.hear()
            if isinstance(worker.said, tuple):
                in_use, setting, sentence = worker.said
                raise (InUseError if in_use else SettingsError)(setting, sentence)
            if not alive and not told.stopping:
                raise MadangError(ErrorCode.UNAVAILABLE, f"worker {worker.number} ended before all were ready")
    if not told.stopping:
        announce(workers[0].said)


def _keep(workers: list[_Process], told: _Told) -> None:
    while not told.stopping:
        pauses = [worker.due - time.monotonic() for worker in workers if worker.due is not None]
        running = [worker.process.sentinel for worker in workers if worker.due is None]
        wait([told.descriptor, *running], max(0.0, min(pauses)) if pauses else None)
        for worker in workers:
            if not worker.ended() and worker.due is not None and worker.due <= time.monotonic():
                worker.start()


def _stop(workers: list[_Process]) -> None:
    running = [worker.process for worker in workers if worker.due is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + KILL_SECONDS
    for process in running:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            _log.error("a worker does not end: killing it", pid=process.pid)
            process.kill()
            process.join()


class _Told:
    """What signals have told; `descriptor` is readable when one has come."""

    def __init__(self, descriptor: socket.socket) -> None:
        self.descriptor = descriptor
        self.stopping = False

    def stop(self, _number: int, _frame: object) -> None:
        self.stopping = True


@contextmanager
def _signals() -> Iterator[_Told]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        told = _Told(ours)
        before = {number: signal.signal(number, told.stop) for number in (signal.SIGTERM, signal.SIGINT)}
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield told
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _port(settings: Settings) -> Iterator[int]:
    """Keep the port for the workers: whoever shares it must have bound it so, and nobody else has."""
    alone = bind(settings.host, settings.port)
    port: int = alone[0].getsockname()[1]
    for listener in alone:
        listener.close()
    kept = bind(settings.host, port, shared=True)
    try:
        yield port
    finally:
        for each in kept:
            each.close()


def _work(settings: Settings, number: int, folder: Path, pipe: Connection) -> None:
    """A worker's whole life."""
    configure_logging(settings.log, settings.log_level)
    structlog.contextvars.bind_contextvars(worker=number)
    try:
        run(serve(settings, pipe.send, Worker(number, folder, pipe)))
    except SettingsError as error:
        _log.error("a worker cannot start", reason=str(error))
        with suppress(OSError):
            pipe.send((type(error) is InUseError, error.setting, error.sentence))
        raise SystemExit(1) from None
