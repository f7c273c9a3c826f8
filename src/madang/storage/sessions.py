"""Sessions: the rows behind refresh tokens.

Owns rotation: which presented hash is the current one, the last one, or an older one.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from madang.ports.sessions import Rotation, Session
from madang.storage.column_types import among
from madang.storage.database import Database
from madang.storage.tables import sessions


def create(conn: Connection, session: Session) -> None:
    """Insert a session."""
    conn.execute(
        insert(sessions).values(
            id=session.id,
            user_id=session.user_id,
            token_hash=session.token_hash,
            created_at=session.created_at,
            expires_at=session.expires_at,
            revoked_at=session.revoked_at,
        )
    )


def get(conn: Connection, session_id: str) -> Session | None:
    """The session with this id, ended or not."""
    row = conn.execute(
        select(
            sessions.c.id,
            sessions.c.user_id,
            sessions.c.token_hash,
            sessions.c.created_at,
            sessions.c.expires_at,
            sessions.c.revoked_at,
        ).where(sessions.c.id == session_id)
    ).first()
    return None if row is None else Session(**row._asdict())


def alive(conn: Connection, session_ids: Sequence[str]) -> set[str]:
    """Those of these that are not revoked."""
    statement = select(sessions.c.id).where(among(sessions.c.id, session_ids), sessions.c.revoked_at.is_(None))
    return set(conn.scalars(statement))


def rotate(
    conn: Connection,
    session_id: str,
    *,
    presented: bytes,
    successor: bytes,
    now: int,
    expires_at: int,
    grace_ms: int,
) -> Rotation:
    """Replace the current hash; a hash that is neither current nor just replaced ends the session."""
    statement = select(sessions).where(sessions.c.id == session_id).with_for_update()
    row = conn.execute(statement).first()
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        return Rotation.UNKNOWN
    this = update(sessions).where(sessions.c.id == session_id)
    if presented == row.token_hash:
        conn.execute(
            this.values(token_hash=successor, previous_token_hash=row.token_hash, rotated_at=now, expires_at=expires_at)
        )
        return Rotation.ROTATED
    if presented == row.previous_token_hash and now - row.rotated_at < grace_ms:
        return Rotation.REPEATED
    conn.execute(this.values(revoked_at=now))
    return Rotation.REUSED


def revoke(conn: Connection, session_id: str, now: int) -> None:
    """End a session that is alive."""
    conn.execute(
        update(sessions).where(sessions.c.id == session_id, sessions.c.revoked_at.is_(None)).values(revoked_at=now)
    )


def revoke_all(conn: Connection, user_id: str, now: int) -> list[str]:
    """End every session of a user that is alive."""
    alive = (sessions.c.user_id == user_id, sessions.c.revoked_at.is_(None), sessions.c.expires_at > now)
    ids = list(conn.scalars(select(sessions.c.id).where(*alive).order_by(sessions.c.id)))
    conn.execute(update(sessions).where(*alive).values(revoked_at=now))
    return ids


class DatabaseSessions:
    """The port `Sessions` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, session: Session) -> None:
        await self._database.write(create, session)

    async def get(self, session_id: str) -> Session | None:
        return await self._database.read(get, session_id)

    async def alive(self, session_ids: Sequence[str]) -> set[str]:
        return await self._database.read(alive, session_ids)

    async def rotate(
        self, session_id: str, presented: bytes, successor: bytes, now: int, *, expires_at: int, grace_ms: int
    ) -> Rotation:
        return await self._database.write(
            rotate,
            session_id,
            presented=presented,
            successor=successor,
            now=now,
            expires_at=expires_at,
            grace_ms=grace_ms,
        )

    async def revoke(self, session_id: str, now: int) -> None:
        await self._database.write(revoke, session_id, now)

    async def revoke_all(self, user_id: str, now: int) -> list[str]:
        return await self._database.write(revoke_all, user_id, now)
