"""Sessions: one per sign-in and device, kept alive by refresh tokens.

Owns their lives: opening, rotating, ending, and telling the sockets of an ended one to go. Must never hand out a token
before what it rests on is stored.

    (none) -> alive [open]      alive -> alive [refresh: rotated or repeated]
    alive -> ended [sign_out, revoke_all, refresh with a token replaced long ago]
    alive -> expired [nobody refreshed it in time]
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from madang.clock import Clock
from madang.contract.server_events import RevokedReason
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.accounts import Account, Accounts
from madang.ports.bus import Bus, SessionsRevoked, user_channel
from madang.ports.sessions import Rotation, Session, Sessions
from madang.ports.tokens import AccessToken, BearerTokens, RefreshToken, RefreshTokens

__all__ = ["SESSION_DAYS", "SessionService", "SignIn"]

SESSION_DAYS: Final = 30
"""A session ends when it has not been refreshed for this long."""
GRACE_MS: Final = 60_000
"""How long a replaced refresh token still gets its successor again, for answers lost on the way and two tabs at once."""

_DAY_MS: Final = 86_400_000


class SignIn(Struct, frozen=True, kw_only=True):
    """A session's present tokens and whose they are. Never log one."""

    account: Account
    session_id: str
    access: AccessToken
    refresh_token: str
    refresh_expires_at: int
    """Milliseconds since 1970."""

    def __repr__(self) -> str:
        return f"SignIn(session_id={self.session_id!r})"  # tokens must not reach a log through a traceback


class SessionService:
    """Opens, refreshes and ends sessions."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        sessions: Sessions,
        bearer_tokens: BearerTokens,
        refresh_tokens: RefreshTokens,
        bus: Bus,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._bearer_tokens = bearer_tokens
        self._refresh_tokens = refresh_tokens
        self._bus = bus
        self._clock = clock

    async def open(self, account: Account) -> SignIn:
        """A new session of somebody whose password or administrator vouched for them."""
        now = self._clock.now()
        token = self._refresh_tokens.first(new_id())
        expires = now + SESSION_DAYS * _DAY_MS
        await self._sessions.create(
            Session(
                id=token.session_id,
                user_id=account.user.id,
                token_hash=token.token_hash,
                created_at=now,
                expires_at=expires,
            )
        )
        return self._signed_in(account, token, now, expires)

    async def refresh(self, text: str) -> SignIn:
        """The next tokens of a session.

        If the answer is lost, asking again with the same token within `GRACE_MS` gives the same refresh token.

        Raises:
            MadangError: `token_invalid` (unknown, ended, expired, or used before: then the session ends),
                `user_disabled`.
        """
        token = self._refresh_tokens.parse(text)
        now = self._clock.now()
        session = await self._sessions.get(token.session_id)
        account = None if session is None else await self._accounts.by_id(session.user_id)
        if account is None:
            raise _ended()
        if account.disabled:
            raise MadangError(ErrorCode.USER_DISABLED, "this account has been disabled")
        successor = self._refresh_tokens.successor(token)
        expires = now + SESSION_DAYS * _DAY_MS
        await self._rotate(account.user.id, token, successor, now, expires)
        return self._signed_in(account, successor, now, expires)

    async def sign_out(self, user_id: str, session_id: str) -> None:
        """End a session; its sockets go and stay away. Ending it twice changes nothing."""
        await self._sessions.revoke(session_id, self._clock.now())
        self._publish(user_id, (session_id,), "logout")

    async def sign_out_with(self, text: str) -> None:
        """End the session of a refresh token; one that is worth nothing any more is ignored."""
        try:
            signed_in = await self.refresh(text)
        except MadangError as error:
            if error.code in (ErrorCode.TOKEN_INVALID, ErrorCode.USER_DISABLED):
                return
            raise
        await self.sign_out(signed_in.account.user.id, signed_in.session_id)

    async def revoke_all(self, user_id: str, reason: RevokedReason) -> None:
        """End every session of somebody; all their sockets go and stay away, those with host tokens too."""
        await self._sessions.revoke_all(user_id, self._clock.now())
        self._publish(user_id, None, reason)

    async def _rotate(
        self, user_id: str, token: RefreshToken, successor: RefreshToken, now: int, expires_at: int
    ) -> None:
        rotation = await self._sessions.rotate(
            token.session_id,
            token.token_hash,
            successor.token_hash,
            now,
            expires_at=expires_at,
            grace_ms=GRACE_MS,
        )
        match rotation:
            case Rotation.ROTATED | Rotation.REPEATED:
                return
            case Rotation.REUSED:
                self._publish(user_id, (token.session_id,), "revoked")
                raise _ended()
            case Rotation.UNKNOWN:
                raise _ended()

    def _signed_in(self, account: Account, token: RefreshToken, now: int, expires_at: int) -> SignIn:
        return SignIn(
            account=account,
            session_id=token.session_id,
            access=self._bearer_tokens.issue(account.user.id, token.session_id, now),
            refresh_token=token.text,
            refresh_expires_at=expires_at,
        )

    def _publish(self, user_id: str, session_ids: tuple[str, ...] | None, reason: RevokedReason) -> None:
        notice = SessionsRevoked(user_id=user_id, session_ids=session_ids, reason=reason)
        self._bus.publish(user_channel(user_id), notice)


def _ended() -> MadangError:
    return MadangError(ErrorCode.TOKEN_INVALID, "the session has ended: sign in again")
