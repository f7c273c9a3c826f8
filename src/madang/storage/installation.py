"""The installation: the one row that names the history the counters belong to.

Owns when that history is over: when the database stands on another timeline than the one its epoch was made under, because
a standby was promoted or a backup restored. What was acknowledged last may be missing there, and its numbers be given again.
"""

from __future__ import annotations

import structlog
from sqlalchemy import Connection, insert, select, update

from madang.ids import new_id
from madang.storage.tables import installation

__all__ = ["begin_epoch", "epoch_of"]

_log = structlog.get_logger(__name__)


def epoch_of(conn: Connection, now: int, timeline: str | None = None) -> str:
    """The epoch in force; the first call on an empty database makes it, and the first on another timeline a new one.

    Args:
        conn: in a transaction that nobody else does this in meanwhile.
        now: wall time in milliseconds.
        timeline: where the database stands; None if it has none, or does not tell.
    """
    row = conn.execute(select(installation.c.epoch, installation.c.timeline)).one_or_none()
    if row is None:
        epoch = new_id()
        conn.execute(insert(installation).values(id=1, epoch=epoch, created_at=now, timeline=timeline))
        return epoch
    epoch = str(row.epoch)
    if timeline not in {None, row.timeline}:
        if row.timeline is not None:
            epoch = begin_epoch(conn)
            _log.warning("a new epoch has begun: the database moved", timeline=timeline, before=row.timeline)
        conn.execute(update(installation).values(timeline=timeline))
    return epoch


def begin_epoch(conn: Connection) -> str:
    """Another history from here on."""
    epoch = new_id()
    conn.execute(update(installation).values(epoch=epoch))
    return epoch
