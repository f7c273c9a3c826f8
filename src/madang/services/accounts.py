"""Accounts: signing up, signing in, and what an operator does to them.

Owns who may make an account, the limit on attempts, and the rule that a changed password ends every session. Must never
tell by its answer or its delay whether a name exists to somebody who tries to sign in.
"""

from __future__ import annotations

import ipaddress
from typing import Literal

import structlog

from madang.clock import Clock
from madang.contract.limits import Limits
from madang.contract.rest import Credentials, Registration
from madang.domain.account import check_password, clean_display_name, clean_username
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.accounts import Account, Accounts, NewAccount
from madang.ports.passwords import PasswordCheck, Passwords
from madang.ports.ratelimit import RateLimit
from madang.services.identity import AccountCreated, announce_account
from madang.services.sessions import SessionService, SignIn

__all__ = ["AccountService", "RegistrationPolicy"]

RegistrationPolicy = Literal["open", "invite", "closed"]

_log = structlog.get_logger(__name__)


class AccountService:
    """Makes accounts and lets their owners in.

    Args:
        created: prepares a new account (its notes to self).
        registration: `open` lets everybody sign up; `invite` and `closed` leave it to the operator.
    """

    def __init__(
        self,
        *,
        accounts: Accounts,
        passwords: Passwords,
        sessions: SessionService,
        rate_limit: RateLimit,
        clock: Clock,
        limits: Limits,
        created: AccountCreated,
        registration: RegistrationPolicy,
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._sessions = sessions
        self._rate_limit = rate_limit
        self._clock = clock
        self._limits = limits
        self._created = created
        self.registration: RegistrationPolicy = registration

    async def register(self, body: Registration, address: str) -> SignIn:
        """Sign up and in. The first account of an empty server is its administrator.

        Raises:
            MadangError: `forbidden` unless registration is open, `rate_limited`, `conflict` for a taken username,
                `invalid` and `too_large` for what breaks a rule.
        """
        await self._limit(address)
        if self.registration != "open":
            raise MadangError(ErrorCode.FORBIDDEN, "accounts are made by the operator of this server")
        return await self._sessions.open(await self.create(body.username, body.password, body.name))

    async def create(self, username: str, password: str, name: str) -> Account:
        """Make an account, whatever the registration policy says: the operator's own way.

        Raises:
            MadangError: `conflict`, `invalid`, `too_large`, `rate_limited` if too many passwords are being hashed.
        """
        username = clean_username(username, self._limits.username_units)
        name = clean_display_name(name, self._limits.name_units)
        self._check_password(password, username)
        if await self._accounts.by_username(username) is not None:
            raise MadangError(ErrorCode.CONFLICT, "this username is taken", details={"username": "is taken"})
        account = await self._accounts.create(
            NewAccount(id=new_id(), username=username, name=name, password_hash=await self._passwords.hash(password)),
            self._clock.now(),
        )
        _log.info("account created", user_id=account.user.id, administrator=account.administrator)
        await announce_account(self._created, account.user.id)
        return account

    async def sign_in(self, body: Credentials, address: str) -> SignIn:
        """Open a session with a username and its password.

        Raises:
            MadangError: `unauthenticated` for a wrong pair, `user_disabled` only after the right one, `rate_limited`.
        """
        await self._limit(address)
        account = await self._by_any_username(body.username)
        encoded = account.password_hash if account is not None else None
        check = await self._passwords.verify(self._plausible(body.password), encoded)
        if account is None or check is PasswordCheck.WRONG:
            raise MadangError(ErrorCode.UNAUTHENTICATED, "the username or the password is wrong")
        if account.disabled:
            raise MadangError(ErrorCode.USER_DISABLED, "this account has been disabled")
        if check is PasswordCheck.OUTDATED:
            await self._rehash(account, body.password)
        signed_in = await self._sessions.open(account)
        await self._still_holds(signed_in, body.password)
        return signed_in

    async def named(self, username: str) -> Account:
        """The account of a username. Raises `MadangError(not_found)`."""
        account = await self._by_any_username(username)
        if account is None:
            raise MadangError(ErrorCode.NOT_FOUND, "there is no account of this name")
        return account

    async def set_password(self, username: str, password: str) -> None:
        """Give somebody a new password; every session of theirs ends.

        Raises:
            MadangError: `not_found`, `forbidden` for the host application's users, `invalid`, `too_large`.
        """
        account = await self.named(username)
        if account.issuer is not None:
            raise MadangError(ErrorCode.FORBIDDEN, "this account signs in through the host application")
        self._check_password(password, account.user.username)
        await self._accounts.set_password_hash(account.user.id, await self._passwords.hash(password))
        await self._sessions.revoke_all(account.user.id, "password_changed")
        _log.info("password changed", user_id=account.user.id)

    async def set_disabled(self, username: str, *, disabled: bool) -> None:
        """Lock somebody out, or let them back in. Raises `MadangError(not_found)`."""
        account = await self.named(username)
        await self._accounts.set_disabled(account.user.id, disabled)
        if disabled:
            await self._sessions.revoke_all(account.user.id, "disabled")
        _log.info("account disabled" if disabled else "account enabled", user_id=account.user.id)

    async def first_account(self) -> bool:
        """Whether nobody has an account yet."""
        return not await self._accounts.exists_any()

    async def _limit(self, address: str) -> None:
        wait = await self._rate_limit.hit("login", _subject(address), limit=self._limits.logins_per_minute, seconds=60)
        if wait:
            raise MadangError(
                ErrorCode.RATE_LIMITED, "too many attempts from this address", retry_after_ms=int(wait * 1_000) + 1
            )

    async def _by_any_username(self, username: str) -> Account | None:
        try:
            clean = clean_username(username, self._limits.username_units)
        except MadangError:
            return None  # a name nobody can have is answered like a name nobody has
        return await self._accounts.by_username(clean)

    async def _still_holds(self, signed_in: SignIn, password: str) -> None:
        """End a session that was opened while its account was disabled or given another password: the end of all
        sessions, which comes with both, may have been just before it.
        """
        before = signed_in.account
        current = await self._accounts.by_id(before.user.id)
        if current is not None and not current.disabled:
            if current.password_hash == before.password_hash:
                return
            if await self._passwords.verify(password, current.password_hash) is not PasswordCheck.WRONG:
                return
        await self._sessions.sign_out(before.user.id, signed_in.session_id)
        raise MadangError(ErrorCode.UNAUTHENTICATED, "the account has changed meanwhile: sign in again")

    async def _rehash(self, account: Account, password: str) -> None:
        """Store the password under today's parameters, unless it has been changed since it was checked."""
        encoded = await self._passwords.hash(password)
        current = await self._accounts.by_id(account.user.id)
        if current is not None and current.password_hash == account.password_hash:
            await self._accounts.set_password_hash(account.user.id, encoded)

    def _check_password(self, password: str, username: str) -> None:
        check_password(
            password,
            username,
            min_characters=self._limits.password_min_characters,
            max_bytes=self._limits.password_max_bytes,
        )

    def _plausible(self, password: str) -> str:
        """The password, or one that is certainly wrong if nobody can have this one: it takes the same time."""
        try:
            return password if len(password.encode()) <= self._limits.password_max_bytes else ""
        except UnicodeEncodeError:
            return ""


def _subject(address: str) -> str:
    """What is counted as one address: an IPv4 address, or the /64 that one IPv6 subscriber has all of."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
