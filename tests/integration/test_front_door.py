"""The front door: what `make` offers, and the sentences somebody reads whose machine lacks something.

Runs the scripts of the front door in an empty folder, with programs that pretend; it must never install anything.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHELL_NEEDS = ("cat", "dirname", "sh")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder that is the whole PATH: what a shell script needs, and no more."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in SHELL_NEEDS:
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def pretend(folder: Path, name: str, script: str) -> None:
    """Put a program of this name there that runs a line of shell."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def refusal(script: str, programs: Path, tmp_path: Path) -> str:
    """What a script of the front door says when it gives up."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / script, tmp_path / "scripts")
    result = subprocess.run(
        [tmp_path / "scripts" / script, "none.txt"],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert not (tmp_path / ".venv").exists()
    return result.stderr


def test_help_lists_what_there_is() -> None:
    """`make` alone prints every public target with what it does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    shown = subprocess.run(["make"], cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    for target in ("help", "setup", "run", "test", "check", "bench"):
        assert f"\n  make {target} " in shown


def test_the_build_machine_runs_what_everybody_runs() -> None:
    """CI is `make check test` and no second list of commands."""
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line and line[0] != "#"][-1] == "exec make check test"


def test_an_old_python_is_named(programs: Path, tmp_path: Path) -> None:
    """Who has only an old Python reads its version and the one that is needed."""
    pretend(programs, "python3", '[ "$1" = --version ] && echo Python 3.9.2 || exit 1')
    said = refusal("environment.sh", programs, tmp_path)
    assert "needs Python 3.11 or newer; found: Python 3.9.2" in said


def test_no_python_at_all_is_said(programs: Path, tmp_path: Path) -> None:
    """Who has no Python is not shown a shell's error."""
    assert "found: no python3 at all" in refusal("environment.sh", programs, tmp_path)


def test_a_missing_venv_module_names_the_package(programs: Path, tmp_path: Path) -> None:
    """Debian's Python comes without venv; the sentence says what to install."""
    pretend(programs, "python3", 'case "$*" in *ensurepip*) exit 1;; --version) echo Python 3.12.3;; esac')
    assert "apt-get install python3-venv" in refusal("environment.sh", programs, tmp_path)


def test_a_missing_browser_is_said_to_who_cannot_install_it(programs: Path, tmp_path: Path) -> None:
    """Who is not root reads what the browser tests miss and how to get it."""
    pretend(programs, "id", "echo 1000")
    said = refusal("browser.sh", programs, tmp_path)
    assert "sudo apt-get install --no-install-recommends chromium fontconfig fonts-noto-cjk" in said


def test_a_browser_that_is_there_is_enough(programs: Path, tmp_path: Path) -> None:
    """With Chromium and the font nothing is installed, even as root; a font alone is asked for alone."""
    pretend(programs, "id", "echo 1000")
    pretend(programs, "chromium", "exit 0")
    assert "Missing here: fontconfig fonts-noto-cjk" in refusal("browser.sh", programs, tmp_path)
    pretend(programs, "fc-list", "echo Noto Sans CJK KR")
    subprocess.run([tmp_path / "scripts" / "browser.sh"], env={"PATH": str(programs)}, check=True)
