"""The folder a SQLite store lives in: may it be used, and by this process alone?

Owns the lock that keeps a second server out. It is advisory and belongs to the open file, so it ends with the process
however that ends.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from madang.config import InUseError, SettingsError

__all__ = ["FolderLock", "check_folder"]

_NETWORK: Final = frozenset(("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs"))
"""File systems on which the WAL's shared memory does not work."""


def check_folder(folder: Path, setting: str) -> None:
    """Refuse a folder that cannot hold a store.

    Raises:
        SettingsError: with the reason.
    """
    if not folder.is_dir():
        raise SettingsError(setting, f"there is no folder {folder}: create it, or name another one.")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise SettingsError(
            setting, f"cannot write to the folder {folder}: let this user write there, or name another."
        )
    kind = _file_system(folder.resolve())
    if kind in _NETWORK:
        raise SettingsError(
            setting, f"{folder} is on a network file system ({kind}), where SQLite loses data: use a local disk."
        )


def _file_system(folder: Path) -> str | None:
    try:
        mounts = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return None  # not Linux: nothing is known, and local disks are what people use
    best, kind = "", None
    for mount in mounts:
        fields = mount.split(" ")
        point = fields[1].replace("\\040", " ")
        if len(point) >= len(best) and folder.is_relative_to(point):
            best, kind = point, fields[2]
    return kind


class FolderLock:
    """Held while a store is open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, setting: str) -> None:
        """Take the lock or say who has it.

        Raises:
            InUseError: if another process, or another store of this one, has it.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SettingsError(setting, f"cannot write {self._path}: {error.strerror}.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            os.close(descriptor)
            who = f" (process {holder})" if holder else ""
            raise InUseError(
                setting,
                f"another Madang{who} is using {self._path.parent}: stop it, or give this one a folder of its own.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go. Safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
