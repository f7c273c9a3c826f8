"""The project keeps its own rules: sizes, docstrings, exports, locks, no trace of one machine.

Owns the rules of the house that no linter knows. It reads what git tracks or would track, never what was built. A rule has no
exceptions beyond those named here, each with its reason.
"""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "madang"

FILE_LINES = 500
FUNCTION_LINES = 50
VAGUE_NAMES = {"base", "common", "helper", "helpers", "misc", "shared", "util", "utils"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the project, relative to its root: tracked, or new and not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return tuple(Path(name) for name in sorted(set(names)) if name and (ROOT / name).is_file())


def sources(*suffixes: str) -> Iterator[tuple[Path, str]]:
    """Files written by hand with one of these suffixes, with their text."""
    for path in tracked():
        if path.suffix in suffixes and "generated" not in path.parts:
            yield path, (ROOT / path).read_text(encoding="utf-8")


@cache
def modules() -> dict[Path, ast.Module]:
    """Every Python file, parsed."""
    return {path: ast.parse(text, str(path)) for path, text in sources(".py")}


def functions(tree: ast.Module) -> Iterator[Function]:
    """Every function of a module, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def code_lines(function: Function, text: list[str]) -> int:
    """Lines of a function's body that are neither blank, nor comment, nor its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if not body:
        return 0
    lines = text[body[0].lineno - 1 : function.end_lineno]
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in lines)


def exported(tree: ast.Module) -> list[str] | None:
    """The names of a module's `__all__`, or None if it has none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            names = ast.literal_eval(node.value)
            return [str(name) for name in names]
    return None


def bound(tree: ast.Module) -> set[str]:
    """Names a module binds at its top level."""
    names = set[str]()
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name.split(".")[0] for alias in node.names)
        else:
            names.update(n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return names


def test_no_file_is_longer_than_its_budget() -> None:
    """A file that outgrows 500 lines has two subjects and is split along the seam."""
    long = {
        str(path): lines
        for path, text in sources(".py", ".ts", ".tsx", ".css", ".sql", ".sh")
        if (lines := text.count("\n")) > FILE_LINES
    }
    assert not long


def test_no_function_is_longer_than_its_budget() -> None:
    """A function of more than 50 lines of code does more than its name says."""
    long = [
        f"{path}:{function.lineno} {function.name} has {lines}"
        for path, tree in modules().items()
        for function in functions(tree)
        if (lines := code_lines(function, (ROOT / path).read_text(encoding="utf-8").splitlines())) > FUNCTION_LINES
    ]
    assert not long


def test_every_module_says_what_it_owns() -> None:
    """A module without an opening docstring leaves its purpose to guessing."""
    assert not [str(path) for path, tree in modules().items() if tree.body and not ast.get_docstring(tree)]


def test_every_test_says_what_it_shows() -> None:
    """A test's docstring is the sentence one reads when it fails."""
    silent = [
        f"{path}:{function.lineno} {function.name}"
        for path, tree in modules().items()
        if path.parts[0] == "tests" and path.name.startswith("test_")
        for function in functions(tree)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert not silent


def test_names_say_something() -> None:
    """A module called after no subject collects all of them."""
    vague = [
        str(path)
        for path, _ in sources(".py", ".ts", ".tsx")
        if VAGUE_NAMES & {part.split(".")[0].strip("_") for part in path.parts}
    ]
    assert not vague


def test_exports_are_what_they_say() -> None:
    """A package lists what it offers; whatever lists its names lists all that are public, and only names it has."""
    wrong = dict[str, object]()
    for path, tree in modules().items():
        if path.parts[:2] != ("src", "madang"):
            continue
        defined = {
            node.name
            for node in tree.body
            if isinstance(node, Function | ast.ClassDef)
            and not node.name.startswith("_")
            and not any(
                ".command(" in text or ".group(" in text for text in map(ast.unparse, node.decorator_list)
            )  # click's
        }
        names = exported(tree)
        if names is None:
            if path.name == "__init__.py" and bound(tree):
                wrong[str(path)] = "no __all__"
        elif difference := (set(names) - bound(tree)) | (defined - set(names)):
            wrong[str(path)] = sorted(difference)
    assert not wrong


def test_unit_tests_stand_where_their_module_stands() -> None:
    """`tests/unit/a/test_b.py` tests `src/madang/a/b.py`, and `test_a.py` there the package, so each is found from the other."""
    about_the_project = {Path("tests/unit/test_project.py")}
    lost = [
        str(path)
        for path in tracked()
        if path.parts[:2] == ("tests", "unit") and path.name.startswith("test_") and path not in about_the_project
        for subject in [path.stem.removeprefix("test_")]
        for module in [PACKAGE.joinpath(*path.parts[2:-1], subject)]
        if not (module.with_suffix(".py").is_file() or module.is_dir() or subject == path.parent.name)
    ]
    assert not lost


def test_only_config_reads_the_environment() -> None:
    """A setting read anywhere else is in no reference and checked by nobody."""
    readers = {
        str(path)
        for path, tree in modules().items()
        if path.parts[:2] == ("src", "madang") and path != Path("src/madang/config.py")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"})
        or (isinstance(node, ast.ImportFrom) and {"environ", "getenv"} & {alias.name for alias in node.names})
    }
    assert not readers


def test_suppressions_give_their_reason() -> None:
    """A check that is switched off for a line says on that line why."""
    suppression = re.compile(r"(?:#\s*noqa|#\s*type:\s*ignore|@ts-expect-error|@ts-ignore|biome-ignore)(?P<rest>.*)")
    codes = re.compile(r"\b[A-Z]+\d+\b|\[[^\]]*\]|[\w-]+/[\w/-]+")
    bare = [
        f"{path}:{number}: {line.strip()}"
        for path, text in sources(".py", ".ts", ".tsx", ".css")
        for number, line in enumerate(text.splitlines(), 1)
        if (match := suppression.search(line)) and len(re.findall(r"[^\W\d]{2,}", codes.sub("", match["rest"]))) < 2
    ]
    assert not bare


def test_locks_carry_no_address() -> None:
    """A lock names versions and hashes; where they are fetched from is the business of who installs."""
    locks = [path for path in tracked() if path.name.endswith("lock.json") or path.parts[0] == "requirements"]
    assert len(locks) >= 4
    assert not [str(path) for path in locks if "://" in (ROOT / path).read_text(encoding="utf-8")]


def test_python_locks_are_hashed_and_agree() -> None:
    """Every locked package has hashes, and what runs is tested in the versions it runs in."""
    versions = dict[str, set[str]]()
    for name in ("runtime", "server", "build", "dev"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        entries = re.findall(r"^([\w.-]+==\S+)[^\n]*\n((?:    --hash=sha256:\w+.*\n)*)", text, re.MULTILINE)
        assert entries
        assert not [entry for entry, hashes in entries if not hashes]
        versions[name] = {entry for entry, _ in entries}
    assert versions["runtime"] <= versions["server"]
    assert versions["server"] | versions["build"] <= versions["dev"]


def test_the_npm_lock_serves_every_platform() -> None:
    """A lock made where a registry lacks other systems' binaries refuses `npm ci`, or fails on those systems."""
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    locked = {path.rpartition("node_modules/")[2] for path in packages}
    asked = {name for package in packages.values() for name in package.get("optionalDependencies", {})}
    assert asked
    assert asked <= locked


def test_no_trace_of_one_machine() -> None:
    """A path of somebody's own machine works for nobody else."""
    private = re.compile(r"(?<![\w.~-])/(?:root|work|home|Users)/[\w.]|[A-Z]:\\Users\\")
    found = list[str]()
    for path in tracked():
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path}: {match.group()}" for match in private.finditer(text)]
    assert not found


def test_the_changelog_knows_the_unreleased() -> None:
    """What users can notice is written down before it is released."""
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
