"""Where figures come from: commit, machine, versions, date.

Owns what stands at the head of every result. Must never name the machine or a path: what counts is what it is made of.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

_PACKAGES: Final = ("uvicorn", "uvloop", "picows", "msgspec", "python-socketio", "python-engineio", "websockets")
_FLUSHES: Final = 50
_ROOT: Final = Path(__file__).resolve().parents[1]


def provenance(folder: Path) -> dict[str, str]:
    """What to know about a run, in the order in which it is printed.

    Args:
        folder: where the servers keep their data.
    """
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "machine": f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {_memory_gib():.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, load {os.getloadavg()[0]:.1f} at the start",
        "disk": f"{_file_system(folder)}, flush of 4 KiB {flush_milliseconds(folder):.2f} ms (median)",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }


def commit() -> str:
    """The commit that is checked out, with a plus when files differ from it."""
    try:
        name = _git("rev-parse", "--short=12", "HEAD")
        return f"{name}{'+' if _git('status', '--porcelain', '--untracked-files=no') else ''}"
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def flush_milliseconds(folder: Path) -> float:
    """How long the disk takes to make 4 KiB durable: what every commit pays at least."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_FLUSHES):
            file.write(b"m" * 4_096)
            file.flush()
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1_000


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _file_system(folder: Path) -> str:
    """The type of the file system a folder is on: of its mounts the one with the longest path."""
    found = ("", "unknown file system")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mounted_at, kind, *_ = line.split()
        if folder.resolve().is_relative_to(mounted_at) and len(mounted_at) >= len(found[0]):
            found = (mounted_at, kind)
    return found[1]
