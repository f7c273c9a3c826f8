"""The other nodes, for the doors of this one: who they are, where they are, and how a request gets to them.

Owns which of it there is: nothing without Redis, Unix sockets only among the workers of one supervisor.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from madang.app.services import Services
from madang.security.keys import derived_key

if TYPE_CHECKING:
    from madang.cluster.peers import NodePeers

__all__ = ["open_peers"]

SECONDS_BEYOND_A_POLL: Final = 10.0
_MARK_BYTES: Final = 8


async def open_peers(services: Services, folder: Path | None, stack: AsyncExitStack) -> NodePeers | None:
    """The peers of this node, which is entered in their directory; None without Redis.

    Args:
        services: opened.
        folder: of the Unix sockets of this machine's workers; None if this process has no siblings.
        stack: closes what is opened here.

    Raises:
        SettingsError: other nodes run with another secret.
    """
    base, settings = services.foundation, services.foundation.settings
    if not settings.redis_url:
        return None
    from madang.cluster.client import connect
    from madang.cluster.directory import Directory
    from madang.cluster.peers import NodePeers
    from madang.cluster.seal import Seals

    client = connect(settings.redis_url)
    stack.push_async_callback(client.aclose)
    seals = Seals(derived_key(base.secret, "requests between nodes"), base.clock)
    name = seals.new_name()
    directory = Directory(
        client,
        installation=base.store.epoch,
        name=name,
        address=settings.advertise,
        mark=derived_key(base.secret, "telling secrets apart")[:_MARK_BYTES].hex(),
        clock=base.clock,
        tasks=base.tasks,
    )
    stack.push_async_callback(directory.close)
    await directory.start()
    return NodePeers(
        name=name,
        seals=seals,
        directory=directory,
        folder=folder,
        answer_seconds=settings.ping_interval + settings.ping_timeout + SECONDS_BEYOND_A_POLL,
        tasks=base.tasks,
    )
