"""Mutants stay what they are: each fits the code as it is today and names tests that exist; a survivor is called one."""

import ast
from pathlib import Path

import pytest

from tests.faults import mutation
from tests.faults.mutation import MUTANTS, ROOT, Mutant, applies, read

PATCHES = sorted(MUTANTS.glob("*.patch"))


def named(test: str) -> bool:
    """Whether a test of this name stands in its file."""
    path, _, name = test.partition("::")
    file = ROOT / path
    if not name or not file.is_file():
        return file.is_file() and path.startswith("packages/")
    functions = (node.name for node in ast.walk(ast.parse(file.read_text())) if hasattr(node, "name"))
    return name.partition("[")[0].rpartition("::")[2] in functions


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_a_mutant_fits_the_code_and_names_its_tests(path: Path) -> None:
    """Code that moves away from under a patch takes its proof with it."""
    mutant = read(path)
    assert applies(mutant, ROOT) == ""
    assert [test for test in mutant.killers if not named(test)] == []


def small_project(folder: Path, patch: str) -> Mutant:
    """One function, one test of it, and a mutant of the function."""
    (folder / "code.py").write_text("def double(number):\n    return number * 2\n")
    (folder / "test_code.py").write_text(
        '"""A test."""\nimport importlib.util\n'
        'spec = importlib.util.spec_from_file_location("doubling", "code.py")\n'
        "doubling = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(doubling)\n"
        "def test_it():\n    assert doubling.double(2) == 4\n"
    )
    mutation._git(folder, "init", "--quiet")
    path = folder.with_suffix(".patch")
    path.write_text(
        "Mutant: cannot double\nKilled-by: test_code.py::test_it\n\ndiff --git a/code.py b/code.py\n"
        f"--- a/code.py\n+++ b/code.py\n@@ -1,2 +1,2 @@\n def double(number):\n-    return number * 2\n+{patch}\n"
    )
    return read(path)


@pytest.mark.parametrize(
    ("patch", "found"), [("    return number * 3", ""), ("    return number + number", "survived")]
)
def test_a_mutant_is_killed_by_a_test_that_fails_on_it(tmp_path: Path, patch: str, found: str) -> None:
    """And survives if its test does not notice, however often it is asked."""
    folder = tmp_path / "project"
    folder.mkdir()
    mutant = small_project(folder, patch)
    assert applies(mutant, folder) == ""
    assert mutation._hunt(mutant, folder) == found


def test_a_patch_that_fits_no_more_is_no_verdict(tmp_path: Path) -> None:
    """Nor is a test that is not there."""
    folder = tmp_path / "project"
    folder.mkdir()
    mutant = small_project(folder, "    return 0")
    (folder / "test_code.py").rename(folder / "test_other.py")
    assert mutation._hunt(mutant, folder).startswith("no verdict")
    (folder / "code.py").write_text("")
    assert mutation._hunt(mutant, folder).startswith("does not apply")


def test_a_mutant_says_what_it_breaks_and_who_notices(tmp_path: Path) -> None:
    """Without, it is refused."""
    path = tmp_path / "silent.patch"
    path.write_text("Mutant: something\n\ndiff --git a/code.py b/code.py\n")
    with pytest.raises(ValueError, match="silent"):
        read(path)
