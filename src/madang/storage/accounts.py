"""Accounts: the rows of people, and how they are found.

Owns who becomes administrator, which username a host application's user gets, and what finds whom.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import UNSET, UnsetType
from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, insert, or_, select, update

from madang.clock import to_iso
from madang.contract.limits import LIMITS
from madang.contract.shapes import User
from madang.domain.account import derived_username
from madang.domain.search_text import fold
from madang.errors import ErrorCode, MadangError
from madang.ports.accounts import Account, ExternalProfile, NewAccount
from madang.storage.column_types import among
from madang.storage.database import Database, one_at_a_time
from madang.storage.tables import members, users

USER_COLUMNS: Final = (
    users.c.id,
    users.c.username,
    users.c.name,
    users.c.avatar_url,
    users.c.bot,
    users.c.custom,
    users.c.deleted_at,
)
_ACCOUNT_COLUMNS: Final = (
    *USER_COLUMNS,
    users.c.password_hash,
    users.c.administrator,
    users.c.disabled,
    users.c.issuer,
)


def to_user(row: Sequence[Any]) -> User:
    """The first columns of a row, in the order of `USER_COLUMNS`, as everybody may see them."""
    user_id, username, name, avatar_url, bot, custom, deleted_at = row[:7]
    return User(
        id=user_id,
        username=username,
        name=name,
        avatar_url=avatar_url,
        bot=bool(bot),
        custom=custom or {},
        deleted_at=None if deleted_at is None else to_iso(deleted_at),
    )


def _to_account(row: Sequence[Any]) -> Account:
    password_hash, administrator, disabled, issuer = row[7:]
    return Account(
        user=to_user(row),
        password_hash=password_hash,
        administrator=administrator,
        disabled=disabled,
        issuer=issuer,
    )


def enabled() -> ColumnElement[bool]:
    """Whether a user may be added, found, and written to."""
    return and_(users.c.disabled.is_(False), users.c.deleted_at.is_(None))


def _one(conn: Connection, condition: ColumnElement[bool]) -> Account | None:
    row = conn.execute(select(*_ACCOUNT_COLUMNS).where(condition)).first()
    return None if row is None else _to_account(row)


def by_id(conn: Connection, user_id: str) -> Account | None:
    """The account with this id."""
    return _one(conn, users.c.id == user_id)


def by_username(conn: Connection, username: str) -> Account | None:
    """The account with this username, which is lower case."""
    return _one(conn, users.c.username == username)


def exists_any(conn: Connection) -> bool:
    """Whether there is a row."""
    return conn.execute(select(users.c.id).limit(1)).first() is not None


def users_by_id(conn: Connection, user_ids: Sequence[str]) -> dict[str, User]:
    """The users who exist among these."""
    if not user_ids:
        return {}
    rows = conn.execute(select(*USER_COLUMNS).where(among(users.c.id, user_ids))).all()
    return {row[0]: to_user(row) for row in rows}


def enabled_among(conn: Connection, user_ids: Sequence[str]) -> set[str]:
    """Those of these who are neither deleted nor disabled."""
    return set(conn.scalars(select(users.c.id).where(among(users.c.id, user_ids), enabled())))


def create(conn: Connection, account: NewAccount, now: int) -> Account:
    """Insert a local account; the first of all is the administrator."""
    one_at_a_time(conn, "accounts")
    if by_username(conn, account.username) is not None:
        raise MadangError(ErrorCode.CONFLICT, "this username is taken", details={"username": "is taken"})
    conn.execute(
        insert(users).values(
            id=account.id,
            username=account.username,
            name=account.name,
            name_folded=fold(account.name),
            password_hash=account.password_hash,
            administrator=not exists_any(conn),
            created_at=now,
        )
    )
    created = by_id(conn, account.id)
    assert created is not None
    return created


def provision(conn: Connection, profile: ExternalProfile, now: int) -> tuple[Account, bool]:
    """Insert or bring up to date the account of a host application's user."""
    present = (
        select(users.c.issuer, users.c.profile_issued_at)
        .where(users.c.id == profile.id)
        .with_for_update(key_share=True)
    )
    row = conn.execute(present).first()
    if row is None:
        one_at_a_time(conn, "accounts")
        row = conn.execute(present).first()
    if row is not None and row.issuer != profile.issuer:
        raise MadangError(ErrorCode.TOKEN_INVALID, "this user belongs to another issuer")
    said = {
        "name": profile.name,
        "name_folded": fold(profile.name),
        "avatar_url": profile.avatar_url,
        "profile_issued_at": profile.issued_at,
    }
    if row is None:
        conn.execute(
            insert(users).values(
                id=profile.id,
                username=_free_username(conn, profile.subject),
                issuer=profile.issuer,
                subject=profile.subject,
                created_at=now,
                **said,
            )
        )
    elif profile.issued_at > row.profile_issued_at:
        conn.execute(update(users).where(users.c.id == profile.id).values(**said))
    account = by_id(conn, profile.id)
    assert account is not None
    return account, row is None


def _free_username(conn: Connection, subject: str) -> str:
    attempt = 0
    while by_username(conn, username := derived_username(subject, LIMITS.username_units, attempt)) is not None:
        attempt += 1
    return username


def search(conn: Connection, query: str, limit: int, *, exact: bool, sharing_with: str | None) -> list[User]:
    """Enabled users by username or name; `users.name_folded` is the name as `fold` leaves it."""
    wanted = fold(query)
    statement = select(*USER_COLUMNS).where(enabled())
    if exact:
        statement = statement.where(users.c.username == wanted)
    elif wanted:
        statement = statement.where(matches(wanted))
    if sharing_with is not None:
        statement = _sharing(statement, sharing_with)
    prefix = or_(
        users.c.username.startswith(wanted, autoescape=True), users.c.name_folded.startswith(wanted, autoescape=True)
    )
    order = (case((prefix, 0), else_=1), users.c.name_folded, users.c.id)
    return [to_user(row) for row in conn.execute(statement.order_by(*order).limit(limit))]


def matches(folded: str) -> ColumnElement[bool]:
    """Whether a user's name or username contains text that `fold` has been through."""
    return or_(
        users.c.username.contains(folded, autoescape=True), users.c.name_folded.contains(folded, autoescape=True)
    )


def _sharing(statement: Select[Any], user_id: str) -> Select[Any]:
    theirs, mine = members.alias(), members.alias()
    shared = exists().where(
        theirs.c.user_id == users.c.id,
        theirs.c.left_at.is_(None),
        mine.c.conversation_id == theirs.c.conversation_id,
        mine.c.user_id == user_id,
        mine.c.left_at.is_(None),
    )
    return statement.where(users.c.id != user_id, shared)


def change_profile(
    conn: Connection, user_id: str, name: str | UnsetType, custom: dict[str, object] | UnsetType
) -> User:
    """Set what is given."""
    values: dict[str, object] = {}
    if name is not UNSET:
        values |= {"name": name, "name_folded": fold(name)}
    if custom is not UNSET:
        values["custom"] = custom or None
    if values:
        conn.execute(update(users).where(users.c.id == user_id).values(**values))
    found = users_by_id(conn, [user_id])
    if not found:
        raise MadangError(ErrorCode.NOT_FOUND, "there is no such user")
    return found[user_id]


def set_columns(conn: Connection, user_id: str, values: dict[str, object]) -> None:
    """Set columns of one account; an unknown id changes nothing."""
    conn.execute(update(users).where(users.c.id == user_id).values(**values))


class DatabaseAccounts:
    """The port `Accounts` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, account: NewAccount, now: int) -> Account:
        return await self._database.write(create, account, now)

    async def provision(self, profile: ExternalProfile, now: int) -> tuple[Account, bool]:
        return await self._database.write(provision, profile, now)

    async def by_id(self, user_id: str) -> Account | None:
        return await self._database.read(by_id, user_id)

    async def by_username(self, username: str) -> Account | None:
        return await self._database.read(by_username, username)

    async def exists_any(self) -> bool:
        return await self._database.read(exists_any)

    async def users(self, user_ids: Sequence[str]) -> list[User]:
        return list((await self._database.read(users_by_id, user_ids)).values())

    async def enabled(self, user_ids: Sequence[str]) -> set[str]:
        return await self._database.read(enabled_among, user_ids)

    async def search(
        self, query: str, limit: int, *, exact: bool = False, sharing_with: str | None = None
    ) -> list[User]:
        return await self._database.read(search, query, limit, exact=exact, sharing_with=sharing_with)

    async def update(
        self, user_id: str, *, name: str | UnsetType = UNSET, custom: dict[str, object] | UnsetType = UNSET
    ) -> User:
        return await self._database.write(change_profile, user_id, name, custom)

    async def set_password_hash(self, user_id: str, password_hash: str) -> None:
        await self._database.write(set_columns, user_id, {"password_hash": password_hash})

    async def set_disabled(self, user_id: str, disabled: bool) -> None:
        await self._database.write(set_columns, user_id, {"disabled": disabled})
