"""The benchmark itself, small: every scenario runs on every server, counts exactly and keeps generous promises."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.bullmq import is_installed

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.serial
@pytest.mark.parametrize(
    ("only", "titles"),
    [
        ((), ("One room", "Idle sockets", "Groups", "A burst")),
        (
            ("durable", "coming-back", "scale", "costs"),
            ("Durable acks on PostgreSQL", "Coming back", "Scale", "Costs"),
        ),
        (("nodes",), ("Two nodes",)),
        pytest.param(
            ("queue",),
            ("Acknowledged first, stored later",),
            marks=pytest.mark.skipif(not is_installed(), reason="BullMQ comes with the first run of the scenario"),
        ),
    ],
)
def test_every_scenario_runs(tmp_path: Path, only: tuple[str, ...], titles: tuple[str, ...]) -> None:
    """`python -m bench --quick` ends well; a lost or doubled delivery anywhere would end it badly."""
    data, results = tmp_path / "data", tmp_path / "results"
    data.mkdir()
    command = [sys.executable, "-m", "bench", "--quick", "--save", str(results)]
    command += [part for name in only for part in ("--only", name)]
    command += (
        [] if only else ["--data", str(data)]
    )  # PostgreSQL may run as somebody else, who cannot reach this folder
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for title in titles:
        assert f"## {title}\n" in done.stdout
    assert not list(data.iterdir())
    assert [path.suffix for path in sorted(results.iterdir())] == [".json", ".md"]


def test_a_wrong_flag_is_refused() -> None:
    """A misspelt scenario measures nothing and says so."""
    command = [sys.executable, "-m", "bench", "--only", "fanout"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "fan-out" in done.stderr
