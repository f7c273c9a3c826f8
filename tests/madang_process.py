"""`madang serve` as a process of its own, for tests that need the real thing from outside.

Owns starting it on a free port, waiting for the line it prints, and stopping it. The environment has no setting but those
given. Nothing here looks inside.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Final

START_SECONDS: Final = 30
STOP_SECONDS: Final = 20
_READY: Final = re.compile(r"is ready: (http://\S+)/")


def madang_environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with these settings and no other."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}
    return kept | dict(settings or {})


def run_madang(
    *arguments: str, settings: Mapping[str, str] | None = None, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself, with what it said."""
    return subprocess.run(
        [sys.executable, "-m", "madang", *arguments],
        env=madang_environment(settings),
        input=typed,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


class MadangProcess:
    """A running server."""

    def __init__(self, data: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> None:
        """Start it and wait until people can connect.

        Raises:
            AssertionError: it ended or said nothing in time; what it wrote is in the message.
        """
        data.mkdir(parents=True, exist_ok=True)
        self._log = data / "stderr.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "madang", "serve", "--port", "0", "--data", str(data), *arguments],
                env=madang_environment(settings),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.said = ""
        self.url = self._wait_until_ready()
        """Address with the prefix, without a closing slash."""

    def _wait_until_ready(self) -> str:
        assert self.process.stdout is not None
        patience = Timer(START_SECONDS, self.process.kill)
        patience.start()
        url = ""
        try:
            # The words of the welcome end with how to stop the server.
            while "Ctrl+C" not in self.said:
                line = self.process.stdout.readline()
                assert line, f"the server did not start: {self.said}{self.log}"
                self.said += line
                if found := _READY.search(line):
                    url = found.group(1)
        finally:
            patience.cancel()
        return url

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and wait; returns its exit code. One that does not stop is killed and gives -9."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        return self.process.returncode


@contextmanager
def serving(data: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[MadangProcess]:
    """A server for as long as the block lasts."""
    server = MadangProcess(data, *arguments, settings=settings)
    try:
        yield server
    finally:
        server.stop()
