"""One's own account over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Controller, get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody

from madang.api.security import Policy
from madang.contract.rest import UpdateMe
from madang.contract.shapes import User
from madang.services.identity import Identity
from madang.services.profiles import ProfileService

__all__ = ["MeController"]


class MeController(Controller):
    """The signed-in person."""

    path = "/me"
    tags: Sequence[str] | None = ("people",)

    @get(policy=Policy.SIGNED_IN)
    async def me(self, identity: NamedDependency[Identity], profiles: NamedDependency[ProfileService]) -> User:
        """One's own profile."""
        return await profiles.me(identity.user_id)

    @patch(policy=Policy.SIGNED_IN)
    async def update(
        self, data: JSONBody[UpdateMe], identity: NamedDependency[Identity], profiles: NamedDependency[ProfileService]
    ) -> User:
        """Change one's own profile; fields that are left out stay."""
        return await profiles.update(identity.user_id, data)
