"""Mutants: the code broken on purpose, each in one way, and the tests that must notice: `python -m tests.faults.mutation [NAME …]`.

Owns reading the patches in `mutants/`, applying each to a copy of the project, and running there the tests it names. A test that
passes on its mutant proves nothing. Never changes the project itself.

A patch begins with a header, then comes what `git diff` prints:

    Mutant: acknowledges before the commit
    Killed-by: tests/unit/services/test_committer.py::test_nobody_is_answered_before_the_commit

`Killed-by` may be repeated: the first test that fails is enough. A test file under `packages` is run by vitest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

__all__ = ["MUTANTS", "ROOT", "Mutant", "applies", "read"]

ROOT: Final = Path(__file__).resolve().parents[2]
MUTANTS: Final = Path(__file__).with_name("mutants")
ATTEMPTS: Final = 3
"""Tests that draw from chance may miss a mutant once."""
TEST_SECONDS: Final = 240
FAILED: Final = 1
"""What pytest and vitest exit with when a test has failed; everything else is no verdict."""


@dataclass(frozen=True)
class Mutant:
    """One way in which the code is broken."""

    path: Path
    sentence: str
    killers: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the file is called."""
        return self.path.stem


def read(path: Path) -> Mutant:
    """A mutant from its file.

    Raises:
        ValueError: it has no sentence, or names no test.
    """
    header = path.read_text(encoding="utf-8").partition("\ndiff --git")[0]
    fields = [line.partition(": ")[::2] for line in header.splitlines() if ": " in line]
    sentence = " ".join(text for name, text in fields if name == "Mutant")
    killers = tuple(text.strip() for name, text in fields if name == "Killed-by")
    if not sentence or not killers:
        raise ValueError(f"{path.name} says not what it breaks, or not who notices")
    return Mutant(path, sentence, killers)


def applies(mutant: Mutant, folder: Path) -> str:
    """Why a patch does not fit the files of a folder any more; empty if it does."""
    return _git(folder, "apply", "--check", str(mutant.path))


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=False, capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def _copy(folder: Path) -> None:
    """The project as it is, with what tests need that is built."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    page = Path("src/madang/web")
    if (ROOT / page).is_dir():
        shutil.copytree(ROOT / page, folder / page)
    for made in (".venv", "node_modules"):
        if (ROOT / made).exists():
            (folder / made).symlink_to(ROOT / made)
    _git(folder, "init", "--quiet")


def _command(tests: Sequence[str]) -> list[str]:
    if tests[0].startswith("packages/"):
        return ["npx", "vitest", "run", *tests]
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]


def _environment(folder: Path) -> dict[str, str]:
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"  # Node is there
    return {**os.environ, "PATH": path, "PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}"}


def _run(folder: Path, test: str) -> int:
    """The exit code of a test; it has failed also when it does not end."""
    try:
        return subprocess.run(
            _command([test]),
            cwd=folder,
            env=_environment(folder),
            check=False,
            capture_output=True,
            timeout=TEST_SECONDS,
        ).returncode
    except subprocess.TimeoutExpired:
        return FAILED


def _fail_as_it_is(folder: Path, tests: list[str]) -> int:
    """How many of two runs, pytest's and vitest's, fail on the code as it is: then they prove nothing."""
    failed = 0
    for kind in (True, False):
        if some := [test for test in tests if test.startswith("packages/") is kind]:
            done = subprocess.run(
                _command(some), cwd=folder, env=_environment(folder), check=False, capture_output=True, text=True
            )
            if done.returncode:
                failed += 1
                print("tests fail on the code as it is, so they prove nothing:")
                print("\n".join(line for line in done.stdout.splitlines() if "FAILED" in line or "FAIL " in line))
    return failed


def _hunt(mutant: Mutant, whole: Path) -> str:
    """What became of one mutant: empty if it was killed."""
    with tempfile.TemporaryDirectory(prefix="madang-mutant-") as place:
        folder = Path(place) / "madang"
        shutil.copytree(whole, folder, symlinks=True)
        if trouble := _git(folder, "apply", str(mutant.path)):
            return f"does not apply: {trouble.strip()}"
        for _ in range(ATTEMPTS):
            for test in mutant.killers:
                code = _run(folder, test)
                if code == FAILED:
                    return ""
                if code != 0:
                    return f"no verdict: {test} exited with {code}"
    return "survived"


def main(names: Iterable[str]) -> int:
    """Hunt the mutants of these names, or all; how many got away."""
    wanted = set(names)
    mutants = [read(path) for path in sorted(MUTANTS.glob("*.patch"))]
    chosen = [mutant for mutant in mutants if not wanted or mutant.name in wanted]
    away = 0
    with tempfile.TemporaryDirectory(prefix="madang-whole-") as place:
        whole = Path(place) / "madang"
        whole.mkdir()
        _copy(whole)
        away += _fail_as_it_is(whole, list(dict.fromkeys(killer for mutant in chosen for killer in mutant.killers)))
        for mutant in chosen:
            began = monotonic()
            found = _hunt(mutant, whole)
            away += bool(found)
            print(f"{found or 'killed':<10} {mutant.name}: {mutant.sentence} ({monotonic() - began:.0f} s)")
            sys.stdout.flush()
    print(f"{len(chosen)} mutants, {away} not killed")
    return away


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
