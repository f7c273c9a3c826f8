"""Identity: from a token to a person, for both doors.

Owns the answer to "who is this?" and the lane in which it is asked: when ten thousand sockets come back at once, their
questions wait here and not in front of everybody's messages. Must never answer from the token alone: the session and
the account are looked up each time, so a revocation that got lost on its way holds at the next question.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from msgspec import Struct

from madang.clock import Clock
from madang.contract.server_events import RevokedReason
from madang.errors import ErrorCode, MadangError
from madang.ports.accounts import Account, Accounts, ExternalProfile
from madang.ports.sessions import Sessions
from madang.ports.tokens import BearerTokens, Claims, LocalClaims

__all__ = ["AccountCreated", "Identity", "IdentityService", "announce_account"]

AT_ONCE: Final = 16
"""Questions put to the store at the same time."""
WAITING: Final = 10_000
"""Questions that may wait; a whole node's sockets after a restart."""
KNOWN_PROFILES: Final = 10_000
"""Users of a host application whose newest token is remembered, so that repeating it writes nothing."""
RETRY_AFTER_MS: Final = 2_000

AccountCreated = Callable[[str], Awaitable[None]]
"""Called with the id of a new account's user, once the account is stored."""

_log = structlog.get_logger(__name__)


class Identity(Struct, frozen=True, kw_only=True):
    """Who asks."""

    user_id: str
    session_id: str | None
    """None: the token is the host application's, which keeps its own sessions."""
    expires_at_ms: int | None
    """When the token ends, in milliseconds since 1970; None: it does not."""
    administrator: bool


async def announce_account(created: AccountCreated, user_id: str) -> None:
    """Tell whoever prepares a new account. Its failure is logged and goes no further: the account exists."""
    try:
        await created(user_id)
    except MadangError as error:
        _log.warning("a new account could not be prepared", user_id=user_id, error=error.code, reason=error.reason)


class IdentityService:
    """Authenticates tokens."""

    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        tokens: BearerTokens,
        clock: Clock,
        created: AccountCreated,
        *,
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._tokens = tokens
        self._clock = clock
        self._created = created
        self._places = asyncio.Semaphore(at_once)
        self._places_and_waiting = at_once + waiting
        self._inside = 0
        self._newest: OrderedDict[str, int] = OrderedDict()

    async def authenticate(self, token: str) -> Identity:
        """Who an access token speaks of. Safe to cancel.

        Raises:
            MadangError: `token_expired`, `token_invalid` (forged, revoked, of nobody), `user_disabled`; `try_again` if
                too many ask at once.
        """
        claims = await self._tokens.read(token, self._clock.now())
        async with self._lane():
            return await self._identity(claims)

    async def confirm(self, identity: Identity) -> None:
        """Ask again whether an identity still holds, without its token. Safe to cancel.

        Raises:
            MadangError: as `authenticate`.
        """
        now = self._clock.now()
        if identity.expires_at_ms is not None and identity.expires_at_ms <= now:
            raise MadangError(ErrorCode.TOKEN_EXPIRED, "the access token has expired")
        async with self._lane():
            if identity.session_id is not None:
                await self._session_holds(identity.session_id, identity.user_id)
            _enabled(await self._accounts.by_id(identity.user_id))

    async def ended(self, identities: Sequence[Identity]) -> list[RevokedReason | None]:
        """Of each whether, and why, it holds no longer; many at once, for those whose end may not have been heard."""
        sessions = [one.session_id for one in identities if one.session_id is not None]
        alive = await self._sessions.alive(sessions)
        enabled = await self._accounts.enabled([one.user_id for one in identities])
        return [
            "disabled"
            if one.user_id not in enabled
            else "revoked"
            if one.session_id is not None and one.session_id not in alive
            else None
            for one in identities
        ]

    @asynccontextmanager
    async def _lane(self) -> AsyncIterator[None]:
        if self._inside >= self._places_and_waiting:
            raise MadangError(ErrorCode.TRY_AGAIN, "too many people are coming at once", retry_after_ms=RETRY_AFTER_MS)
        self._inside += 1
        try:
            async with self._places:
                yield
        finally:
            self._inside -= 1

    async def _identity(self, claims: Claims) -> Identity:
        if isinstance(claims, LocalClaims):
            await self._session_holds(claims.session_id, claims.user_id)
            account = _enabled(await self._accounts.by_id(claims.user_id))
            session_id: str | None = claims.session_id
        else:
            account = _enabled(await self._provisioned(claims.profile))
            session_id = None
        return Identity(
            user_id=account.user.id,
            session_id=session_id,
            expires_at_ms=claims.expires_at,
            administrator=account.administrator,
        )

    async def _session_holds(self, session_id: str, user_id: str) -> None:
        session = await self._sessions.get(session_id)
        if session is None or session.user_id != user_id or session.revoked_at is not None:
            raise MadangError(ErrorCode.TOKEN_INVALID, "the session has ended")

    async def _provisioned(self, profile: ExternalProfile) -> Account:
        """The account of a host application's user. Only a token newer than the last one seen here writes."""
        if self._newest.get(profile.id, -1) >= profile.issued_at:
            account = await self._accounts.by_id(profile.id)
            if account is not None and account.issuer == profile.issuer:
                return account
        account, made = await self._accounts.provision(profile, self._clock.now())
        self._newest[profile.id] = profile.issued_at
        self._newest.move_to_end(profile.id)
        if len(self._newest) > KNOWN_PROFILES:
            self._newest.popitem(last=False)
        if made:
            await announce_account(self._created, account.user.id)
        return account


def _enabled(account: Account | None) -> Account:
    if account is None or account.user.deleted_at is not None:
        raise MadangError(ErrorCode.TOKEN_INVALID, "the account does not exist")
    if account.disabled:
        raise MadangError(ErrorCode.USER_DISABLED, "this account has been disabled")
    return account
