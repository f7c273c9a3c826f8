"""People: the port for accounts and how they are found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import UNSET, Struct, UnsetType

from madang.contract.shapes import User

__all__ = ["Account", "Accounts", "ExternalProfile", "NewAccount"]


class Account(Struct, frozen=True, kw_only=True):
    """A user with what only the server may know."""

    user: User
    password_hash: str | None
    """None: signs in through a host application only."""
    administrator: bool
    disabled: bool
    issuer: str | None
    """Who vouches for this account; None for local ones. A token of another issuer never becomes this user."""


class NewAccount(Struct, frozen=True, kw_only=True):
    """A local account to be made; the username is clean and lower case."""

    id: str
    username: str
    name: str
    password_hash: str


class ExternalProfile(Struct, frozen=True, kw_only=True):
    """What a host application's token says of a user."""

    id: str
    issuer: str
    subject: str
    name: str
    avatar_url: str | None
    issued_at: int
    """Seconds since 1970; an older token never overwrites what a newer one said."""


class Accounts(Protocol):
    """Reads and writes accounts. Each call is one transaction."""

    async def create(self, account: NewAccount, now: int) -> Account:
        """Make a local account; the first account of all is the administrator, decided in the same transaction.

        Raises:
            MadangError: `conflict` if the username is taken.
        """
        ...

    async def provision(self, profile: ExternalProfile, now: int) -> tuple[Account, bool]:
        """The account of a host application's user, made on first sight, its name and picture brought up to date.

        The username is derived from the subject and made unique. Returns whether it was made now.

        Raises:
            MadangError: `token_invalid` if the id belongs to an account of another issuer, or a local one.
        """
        ...

    async def by_id(self, user_id: str) -> Account | None: ...

    async def by_username(self, username: str) -> Account | None: ...

    async def exists_any(self) -> bool:
        """Whether anybody has an account."""
        ...

    async def users(self, user_ids: Sequence[str]) -> list[User]:
        """The users who exist among these, in no order."""
        ...

    async def enabled(self, user_ids: Sequence[str]) -> set[str]:
        """Those of these who exist, are not deleted and not disabled."""
        ...

    async def search(
        self, query: str, limit: int, *, exact: bool = False, sharing_with: str | None = None
    ) -> list[User]:
        """Enabled users whose username or name contains `query` (case-insensitively, by whole text in NFC; prefix
        matches first, then by name), or whose username equals it when `exact`; only people who share a conversation
        with `sharing_with` when given. An empty query finds the first by name.
        """
        ...

    async def update(
        self, user_id: str, *, name: str | UnsetType = UNSET, custom: dict[str, object] | UnsetType = UNSET
    ) -> User:
        """Change a profile. Raises `MadangError(not_found)`."""
        ...

    async def set_password_hash(self, user_id: str, password_hash: str) -> None: ...

    async def set_disabled(self, user_id: str, disabled: bool) -> None: ...
