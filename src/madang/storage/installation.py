"""The installation: the one row that names the history the counters belong to."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from madang.ids import new_id
from madang.storage.tables import installation

__all__ = ["begin_epoch", "epoch_of"]


def epoch_of(conn: Connection, now: int) -> str:
    """The epoch in force; the first call on an empty database makes it. `now` is wall time in milliseconds."""
    epoch: str | None = conn.scalar(select(installation.c.epoch))
    if epoch is None:
        epoch = new_id()
        conn.execute(insert(installation).values(id=1, epoch=epoch, created_at=now))
    return epoch


def begin_epoch(conn: Connection) -> str:
    """Another history from here on."""
    epoch = new_id()
    conn.execute(update(installation).values(epoch=epoch))
    return epoch
