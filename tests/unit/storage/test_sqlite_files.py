"""May this folder be used, and by this process alone?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from madang.config import SettingsError
from madang.storage import sqlite_files
from madang.storage.sqlite_files import FolderLock, check_folder


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The sentence says which, and under which setting."""
    with pytest.raises(SettingsError, match=r"MADANG_DATA: there is no folder .*/nowhere"):
        check_folder(tmp_path / "nowhere", "MADANG_DATA")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_one_may_not_write_to_is_refused(tmp_path: Path) -> None:
    """Before SQLite says something less clear."""
    tmp_path.chmod(0o500)
    with pytest.raises(SettingsError, match="cannot write to the folder"):
        check_folder(tmp_path, "MADANG_DATA")


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the WAL's shared memory does not work."""
    monkeypatch.setattr(sqlite_files, "_file_system", lambda _: "nfs4")
    with pytest.raises(SettingsError, match=r"network file system \(nfs4\)"):
        check_folder(tmp_path, "MADANG_DATA")


@pytest.mark.skipif(not Path("/proc/self/mounts").exists(), reason="only Linux lists its mounts there")
def test_the_file_system_is_that_of_the_nearest_mount() -> None:
    """Of the longest path that contains the folder."""
    assert sqlite_files._file_system(Path("/proc/self")) == "proc"


def test_the_lock_is_for_one(tmp_path: Path) -> None:
    """A second one, even in this process, is refused with the holder's number, until the first lets go."""
    first, second = FolderLock(tmp_path / "lock"), FolderLock(tmp_path / "lock")
    first.take("MADANG_DATA")
    with pytest.raises(SettingsError, match=rf"another Madang \(process {os.getpid()}\) is using"):
        second.take("MADANG_DATA")
    first.release()
    first.release()
    second.take("MADANG_DATA")
    second.release()


def test_the_lock_ends_with_the_process_that_held_it(tmp_path: Path) -> None:
    """Killed without a chance to let go."""
    program = (
        "import sys, time; from pathlib import Path; from madang.storage.sqlite_files import FolderLock\n"
        "FolderLock(Path(sys.argv[1])).take('x'); print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(SettingsError, match=f"process {holder.pid}"):
            FolderLock(tmp_path / "lock").take("MADANG_DATA")
        holder.kill()
    lock = FolderLock(tmp_path / "lock")
    lock.take("MADANG_DATA")
    lock.release()
