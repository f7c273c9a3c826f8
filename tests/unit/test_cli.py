"""The command line: what operators type, what they read, how it ends."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from madang import __version__
from madang.cli import main

PASSWORD = "correct horse battery\n"


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting from outside, and the process's own logging afterwards."""
    for name in [name for name in os.environ if name.startswith("MADANG_")]:
        monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def run(*arguments: str, typed: str = "") -> Result:
    """One command."""
    return CliRunner().invoke(main, arguments, input=typed)


def test_version() -> None:
    """One line with the version of the package."""
    assert run("--version").output == f"madang {__version__}\n"


def test_help_lists_what_there_is() -> None:
    """Commands of later versions are absent, not stubs."""
    commands = run("--help").output.split("Commands:")[1].split()
    assert {"serve", "migrate", "user", "token", "doctor"} <= set(commands)
    for later in ("worker", "export", "import"):
        assert run(later).exit_code == 2


def test_an_operator_makes_the_first_administrator(tmp_path: Path) -> None:
    """Only the first account is the administrator's."""
    first = run("user", "create", "Ann", "--data", str(tmp_path), typed=PASSWORD)
    assert (first.exit_code, first.stdout) == (0, "ann has an account, the administrator.\n")
    second = run("user", "create", "bob", "--display-name", "Bob B.", "--data", str(tmp_path), typed=PASSWORD)
    assert (second.exit_code, second.stdout) == (0, "bob has an account.\n")


def test_a_refusal_is_one_sentence(tmp_path: Path) -> None:
    """A taken name, a weak password, a name nobody has: exit code 1, nothing on standard output."""
    run("user", "create", "ann", "--data", str(tmp_path), typed=PASSWORD)
    for arguments, typed in (
        (("user", "create", "ann"), PASSWORD),
        (("user", "create", "bob"), "12345678\n"),
        (("user", "password", "nobody"), PASSWORD),
        (("user", "disable", "nobody"), ""),
        (("token", "nobody"), ""),
    ):
        refused = run(*arguments, "--data", str(tmp_path), typed=typed)
        assert refused.exit_code == 1
        assert refused.stdout == ""
        assert refused.stderr.startswith("madang: ")
        assert refused.stderr.count("\n") == 1


def test_a_token_is_all_that_is_printed(tmp_path: Path) -> None:
    """So that a shell can take it; somebody locked out gets none."""
    run("user", "create", "ann", "--data", str(tmp_path), typed=PASSWORD)
    printed = run("token", "ann", "--data", str(tmp_path))
    assert printed.exit_code == 0
    assert printed.stdout.count(".") == 2
    assert printed.stdout.count("\n") == 1
    run("user", "disable", "ann", "--data", str(tmp_path))
    assert run("token", "ann", "--data", str(tmp_path)).exit_code == 1
    assert run("user", "disable", "--undo", "ann", "--data", str(tmp_path)).exit_code == 0
    assert run("token", "ann", "--data", str(tmp_path)).exit_code == 0


def test_a_changed_password_ends_sessions(tmp_path: Path) -> None:
    """The answer says so."""
    run("user", "create", "ann", "--data", str(tmp_path), typed=PASSWORD)
    changed = run("user", "password", "ann", "--data", str(tmp_path), typed="another horse entirely\n")
    assert (changed.exit_code, changed.stdout) == (0, "ann has a new password and is signed out everywhere.\n")


def test_migrate_says_which_store(tmp_path: Path) -> None:
    """Twice in a row is once."""
    for _ in range(2):
        done = run("migrate", "--data", str(tmp_path))
        assert (done.exit_code, done.stdout) == (0, f"The store in {tmp_path} is up to date.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "sqlite:data"), "--from: takes --to as well."),
        (("--to", "sqlite:data"), "--to: takes --from as well."),
        (("--from", "sqlite:a", "--to", "postgresql:///b", "--data", "c"), "--data: means nothing"),
        (("--from", "a", "--to", "postgresql:///b"), "--from: accepts sqlite:FOLDER"),
    ],
)
def test_a_move_takes_both_places(arguments: tuple[str, ...], said: str) -> None:
    """Anything else is refused with a sentence, before anything is touched."""
    refused = run("migrate", *arguments)
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert refused.stderr.startswith(f"madang: {said}")


@pytest.mark.parametrize("command", ["serve", "migrate", "doctor"])
def test_a_wrong_setting_is_exit_code_2(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command reads the same settings and names the wrong one."""
    monkeypatch.setenv("MADANG_SEND_RATE", "fast")
    refused = run(command)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("madang: MADANG_SEND_RATE: accepts a number")


def test_the_doctor_finds_a_sound_installation_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every examination has a line."""
    monkeypatch.setenv("MADANG_PORT", "0")
    run("migrate", "--data", str(tmp_path))
    examined = run("doctor", "--data", str(tmp_path))
    assert examined.exit_code == 0, examined.output
    subjects = [line.split()[1] for line in examined.stdout.splitlines()]
    assert subjects == ["sqlite:", "folder:", "clock:", "secret:", "store:", "port:"]


def test_a_new_epoch_is_another_one(tmp_path: Path) -> None:
    """It is named, and the next examination finds it."""
    run("migrate", "--data", str(tmp_path))
    begun = run("doctor", "--new-epoch", "--data", str(tmp_path))
    assert begun.exit_code == 0, begun.output
    again = run("doctor", "--new-epoch", "--data", str(tmp_path))
    first, second = (answer.stdout.split()[5] for answer in (begun, again))
    assert first != second
    assert f"sound, of epoch {second}" in run("doctor", "--data", str(tmp_path)).stdout.replace("\n", " ")


def test_a_fault_is_exit_code_1(tmp_path: Path) -> None:
    """A secret that others may read."""
    run("migrate", "--data", str(tmp_path))
    (tmp_path / "secret").chmod(0o644)
    examined = run("doctor", "--data", str(tmp_path))
    assert examined.exit_code == 1
    assert "fault  secret: " in examined.stdout


def test_a_worker_without_a_queue_has_nothing_to_do(tmp_path: Path) -> None:
    """One sentence says so and which setting to change, and nothing is made."""
    result = run("worker", "--data", str(tmp_path / "data"))
    assert result.exit_code == 2
    assert "MADANG_PERSISTENCE" in result.output
    assert "queue" in result.output
    assert not (tmp_path / "data").exists()
