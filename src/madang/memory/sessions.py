"""Sessions in memory: the port `Sessions`, as the store on a database keeps it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from madang.memory.rows import Rows, SessionRow
from madang.ports.sessions import Rotation, Session

__all__ = ["MemorySessions"]


class MemorySessions:
    """Sign-ins in a dictionary."""

    def __init__(self, rows: Rows) -> None:
        self._sessions = rows.sessions

    async def create(self, session: Session) -> None:
        self._sessions[session.id] = SessionRow(session)

    async def get(self, session_id: str) -> Session | None:
        row = self._sessions.get(session_id)
        return None if row is None else row.session

    async def alive(self, session_ids: Sequence[str]) -> set[str]:
        rows = [self._sessions[session_id].session for session_id in session_ids if session_id in self._sessions]
        return {session.id for session in rows if session.revoked_at is None}

    async def rotate(
        self, session_id: str, presented: bytes, successor: bytes, now: int, *, expires_at: int, grace_ms: int
    ) -> Rotation:
        row = self._sessions.get(session_id)
        if row is None or row.session.revoked_at is not None or row.session.expires_at <= now:
            return Rotation.UNKNOWN
        if presented == row.session.token_hash:
            row.previous_token_hash, row.rotated_at = presented, now
            row.session = replace(row.session, token_hash=successor, expires_at=expires_at)
            return Rotation.ROTATED
        if presented == row.previous_token_hash and now - row.rotated_at < grace_ms:
            return Rotation.REPEATED
        await self.revoke(session_id, now)
        return Rotation.REUSED

    async def revoke(self, session_id: str, now: int) -> None:
        row = self._sessions.get(session_id)
        if row is not None and row.session.revoked_at is None:
            row.session = replace(row.session, revoked_at=now)

    async def revoke_all(self, user_id: str, now: int) -> list[str]:
        alive = sorted(
            row.session.id
            for row in self._sessions.values()
            if row.session.user_id == user_id and row.session.revoked_at is None and row.session.expires_at > now
        )
        for session_id in alive:
            await self.revoke(session_id, now)
        return alive
