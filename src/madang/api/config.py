"""What a client may know before anybody signs in."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Controller, get
from litestar.di import NamedDependency

from madang import __version__
from madang.api.security import Policy
from madang.contract.limits import CONTRACT_VERSION, Limits
from madang.contract.rest import PublicConfig
from madang.services.accounts import AccountService

__all__ = ["ConfigController"]


class ConfigController(Controller):
    """The server's public face."""

    path = "/config"
    tags: Sequence[str] | None = ("operations",)

    @get(policy=Policy.PUBLIC)
    async def config(self, accounts: NamedDependency[AccountService], limits: NamedDependency[Limits]) -> PublicConfig:
        """Limits and features of this server."""
        return PublicConfig(
            version=__version__,
            contract=CONTRACT_VERSION,
            limits=limits,
            registration=accounts.registration,
            first_account=await accounts.first_account(),
        )
