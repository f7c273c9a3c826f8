"""Profiles: what people see of each other, and who finds whom.

Owns the directory's policy and telling others of a changed profile. Must never show somebody a person the policy hides:
what you may not know is answered like what does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import structlog
from msgspec import UNSET

from madang.contract.limits import Limits
from madang.contract.rest import UpdateMe
from madang.contract.shapes import User
from madang.domain.account import clean_display_name
from madang.domain.custom import clean_custom
from madang.domain.presence import SMALL_ROOM, VISIBLE_ROOMS
from madang.domain.text import clean_text
from madang.errors import ErrorCode, MadangError, invalid
from madang.ids import parse_id
from madang.ports.accounts import Accounts
from madang.ports.bus import Bus, UserNotice, user_channel
from madang.ports.conversations import Conversations

__all__ = ["DirectoryPolicy", "ProfileService"]

DirectoryPolicy = Literal["open", "shared", "exact", "closed"]
"""Who finds whom: everybody everybody, only those who share a conversation, only who knows the whole username, nobody."""
FOUND: Final = 50
"""People of one search."""

_log = structlog.get_logger(__name__)


class ProfileService:
    """Reads and changes profiles."""

    def __init__(
        self,
        accounts: Accounts,
        conversations: Conversations,
        bus: Bus,
        limits: Limits,
        *,
        directory: DirectoryPolicy,
    ) -> None:
        self._accounts = accounts
        self._conversations = conversations
        self._bus = bus
        self._limits = limits
        self._directory: DirectoryPolicy = directory

    async def me(self, user_id: str) -> User:
        """One's own profile. Raises `MadangError(not_found)` if the account has gone meanwhile."""
        users = await self._accounts.users([user_id])
        if not users:
            raise _not_found()
        return users[0]

    async def update(self, user_id: str, body: UpdateMe) -> User:
        """Change one's own profile; people who see one often are told at once.

        Raises:
            MadangError: `invalid`, `too_large`.
        """
        name = UNSET if body.name is UNSET else clean_display_name(str(body.name), self._limits.name_units)
        custom = UNSET if body.custom is UNSET else clean_custom(dict(body.custom), self._limits.custom_bytes)
        if name is UNSET and custom is UNSET:
            return await self.me(user_id)
        user = await self._accounts.update(user_id, name=name, custom=custom)
        try:
            await self._tell(user)
        except MadangError as error:  # it is stored: messages and lists bring it to everybody later
            _log.info("a changed profile is not told", reason=error.reason)
        return user

    async def find(self, actor_id: str, user_id: str) -> User:
        """One person. Raises `MadangError(not_found)` for who does not exist or may not be seen."""
        found = await self.find_all(actor_id, [user_id])
        if not found:
            raise _not_found()
        return found[0]

    async def find_all(self, actor_id: str, user_ids: Sequence[str]) -> list[User]:
        """Those of these people who exist and may be seen, in the order asked.

        Raises:
            MadangError: `too_large`.
        """
        if len(user_ids) > self._limits.members_per_call:
            raise MadangError(ErrorCode.TOO_LARGE, f"ids: at most {self._limits.members_per_call} in one call")
        wanted = list(dict.fromkeys(known for known in map(parse_id, user_ids) if known is not None))
        users = {user.id: user for user in await self._accounts.users(wanted)} if wanted else {}
        found = [users[user_id] for user_id in wanted if user_id in users]
        if self._directory in ("open", "exact"):
            return found  # who may look up any username learns nothing new from an id nobody can guess
        visible = await self._conversations.sharing(actor_id, [user.id for user in found])
        return [user for user in found if user.id in visible]

    async def search(self, actor_id: str, query: str, limit: int) -> list[User]:
        """People by name or username, as the policy allows. Raises `MadangError(invalid)`, `too_large`."""
        if not 1 <= limit <= FOUND:
            raise invalid("limit", f"must be from 1 to {FOUND}")
        query = clean_text("query", query, self._limits.name_units).strip()
        match self._directory:
            case "open":
                return await self._accounts.search(query, limit)
            case "shared":
                return await self._accounts.search(query, limit, sharing_with=actor_id)
            case "exact":
                return await self._accounts.search(query.lower(), limit, exact=True) if query else []
            case "closed":
                return []

    async def _tell(self, user: User) -> None:
        audience = await self._conversations.presence_audience(user.id, rooms=VISIBLE_ROOMS, room_size=SMALL_ROOM)
        payload = msgspec.json.encode(user)
        for user_id in audience | {user.id}:
            notice = UserNotice(user_id=user_id, event="user:updated", payload=payload)
            self._bus.publish(user_channel(user_id), notice)


def _not_found() -> MadangError:
    return MadangError(ErrorCode.NOT_FOUND, "there is no such person")
