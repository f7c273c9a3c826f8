"""Accounts in memory: the port `Accounts`, as the store on a database keeps it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from madang.contract.limits import LIMITS
from madang.contract.shapes import User
from madang.domain.account import derived_username
from madang.domain.search_text import fold
from madang.errors import ErrorCode, MadangError
from madang.memory.rows import Rows, UserRow
from madang.ports.accounts import Account, ExternalProfile, NewAccount

__all__ = ["MemoryAccounts"]


def _account(row: UserRow) -> Account:
    return Account(
        user=row.user(),
        password_hash=row.password_hash,
        administrator=row.administrator,
        disabled=row.disabled,
        issuer=row.issuer,
    )


class MemoryAccounts:
    """People in a dictionary."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def create(self, account: NewAccount, now: int) -> Account:
        if self._rows.named(account.username) is not None:
            raise MadangError(ErrorCode.CONFLICT, "this username is taken", details={"username": "is taken"})
        row = UserRow(account.id, account.username, account.name, account.password_hash)
        row.administrator = not self._rows.users
        self._rows.users[row.id] = row
        return _account(row)

    async def provision(self, profile: ExternalProfile, now: int) -> tuple[Account, bool]:
        row = self._rows.users.get(profile.id)
        if row is not None and row.issuer != profile.issuer:
            raise MadangError(ErrorCode.TOKEN_INVALID, "this user belongs to another issuer")
        made = row is None
        if row is None:
            row = UserRow(profile.id, self._free_username(profile.subject), profile.name, None, issuer=profile.issuer)
            self._rows.users[row.id] = row
        if made or profile.issued_at > row.profile_issued_at:
            row.name, row.avatar_url, row.profile_issued_at = profile.name, profile.avatar_url, profile.issued_at
        return _account(row), made

    def _free_username(self, subject: str) -> str:
        attempt = 0
        while self._rows.named(username := derived_username(subject, LIMITS.username_units, attempt)) is not None:
            attempt += 1
        return username

    async def by_id(self, user_id: str) -> Account | None:
        row = self._rows.users.get(user_id)
        return None if row is None else _account(row)

    async def by_username(self, username: str) -> Account | None:
        row = self._rows.named(username)
        return None if row is None else _account(row)

    async def exists_any(self) -> bool:
        return bool(self._rows.users)

    async def users(self, user_ids: Sequence[str]) -> list[User]:
        return [self._rows.users[user_id].user() for user_id in dict.fromkeys(user_ids) if user_id in self._rows.users]

    async def enabled(self, user_ids: Sequence[str]) -> set[str]:
        users = self._rows.users
        return {user_id for user_id in user_ids if user_id in users and users[user_id].enabled}

    async def search(
        self, query: str, limit: int, *, exact: bool = False, sharing_with: str | None = None
    ) -> list[User]:
        wanted = fold(query)
        found = [
            row
            for row in self._rows.users.values()
            if row.enabled
            and (row.username == wanted if exact else wanted in row.username or wanted in fold(row.name))
            and (sharing_with is None or self._share(row.id, sharing_with))
        ]
        found.sort(key=lambda row: (not _begins(row, wanted), fold(row.name), row.id))
        return [row.user() for row in found[:limit]]

    def _share(self, first: str, second: str) -> bool:
        return first != second and any(conversation.member(second) for conversation, _ in self._rows.of(first))

    async def update(
        self, user_id: str, *, name: str | UnsetType = UNSET, custom: dict[str, object] | UnsetType = UNSET
    ) -> User:
        row = self._rows.users.get(user_id)
        if row is None:
            raise MadangError(ErrorCode.NOT_FOUND, "there is no such user")
        if name is not UNSET:
            row.name = name
        if custom is not UNSET:
            row.custom = custom
        return row.user()

    async def set_password_hash(self, user_id: str, password_hash: str) -> None:
        if user_id in self._rows.users:
            self._rows.users[user_id].password_hash = password_hash

    async def set_disabled(self, user_id: str, disabled: bool) -> None:
        if user_id in self._rows.users:
            self._rows.users[user_id].disabled = disabled


def _begins(row: UserRow, wanted: str) -> bool:
    return row.username.startswith(wanted) or fold(row.name).startswith(wanted)
