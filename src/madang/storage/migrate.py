"""Bringing a store's schema up to date, from inside the program.

Owns when migrations run: at open, on the one connection that writes, in one transaction, so that a start that fails
leaves the store as it was. Must never touch a store that a newer Madang has changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from madang.config import SettingsError

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0008"
"""The newest revision; a test holds it equal to the migrations, which are not read when a store is there already."""
_FOLDER: Final = Path(__file__).with_name("migrations")


def revision_of(conn: Connection) -> str | None:
    """The revision a store stands at; None if it is empty."""
    if not conn.dialect.has_table(conn, "alembic_version"):
        return None
    revision: str | None = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return revision


def upgrade(conn: Connection, setting: str) -> bool:
    """Run what is missing; the caller commits. Returns whether anything was.

    Raises:
        SettingsError: of `setting`, if the store is newer than this program.
    """
    current = revision_of(conn)
    if current == HEAD:
        return False
    # Only a store that must change pays for alembic's import, a third of a start.
    from alembic import command

    config, known = _migrations()
    _refuse_newer(current, known, setting)
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
    return True


def refuse_other_revision(conn: Connection, setting: str) -> None:
    """Refuse what this program cannot read as it is.

    Raises:
        SettingsError: of `setting`.
    """
    current = revision_of(conn)
    if current == HEAD:
        return
    if current is None:
        raise SettingsError(setting, "there is no store of Madang in it.")
    _refuse_newer(current, _migrations()[1], setting)
    raise SettingsError(
        setting,
        f"the store is older than this Madang (it stands at revision {current}): run madang migrate on it first.",
    )


def _migrations() -> tuple[Config, set[str]]:
    """What alembic is told, and the revisions there are."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config, {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def _refuse_newer(current: str | None, known: set[str], setting: str) -> None:
    if current is not None and current not in known:
        raise SettingsError(
            setting,
            f"the store is newer than this Madang (it stands at revision {current}, this program knows up to {HEAD}): "
            "start the newer version again, or restore an older backup.",
        )
