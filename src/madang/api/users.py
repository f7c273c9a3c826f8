"""Other people over HTTP, as far as the directory's policy shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from madang.api.security import Policy
from madang.contract.shapes import User
from madang.services.identity import Identity
from madang.services.profiles import ProfileService

__all__ = ["UserController"]


class UserController(Controller):
    """People."""

    path = "/users"
    tags: Sequence[str] | None = ("people",)

    @get("/{user_id:str}", policy=Policy.SIGNED_IN)
    async def one(
        self, user_id: FromPath[str], identity: NamedDependency[Identity], profiles: NamedDependency[ProfileService]
    ) -> User:
        """One person."""
        return await profiles.find(identity.user_id, user_id)

    @get(policy=Policy.SIGNED_IN)
    async def some(
        self,
        identity: NamedDependency[Identity],
        profiles: NamedDependency[ProfileService],
        ids: Annotated[str | None, QueryParameter(description="User ids, joined by commas, at most 100.")] = None,
        text: Annotated[str, QueryParameter(name="query", description="Part of a name or username.")] = "",
        limit: Annotated[int, QueryParameter(description="People of one search, 1 to 50.")] = 20,
    ) -> list[User]:
        """People by id, or else by name: those whose name begins with the query first."""
        if ids is not None:
            return await profiles.find_all(identity.user_id, [part.strip() for part in ids.split(",") if part.strip()])
        return await profiles.search(identity.user_id, text, limit)
