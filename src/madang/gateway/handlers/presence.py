"""Presence on sockets: whose coming and going a socket wants to hear of."""

from __future__ import annotations

import msgspec

from madang.contract.client_events import PresenceWatch, PresenceWatchAck
from madang.contract.limits import Limits
from madang.errors import ErrorCode, MadangError, invalid
from madang.gateway.connection import Connection
from madang.gateway.dispatch import Handler, Policy
from madang.gateway.reply import Reply
from madang.gateway.watches import Watches
from madang.ids import parse_id
from madang.services.presence import PresenceService

__all__ = ["PresenceHandlers"]


class PresenceHandlers:
    """Answers `presence:watch`."""

    def __init__(self, presence: PresenceService, watches: Watches, limits: Limits) -> None:
        self._presence = presence
        self._watches = watches
        self._limits = limits

    def table(self) -> dict[str, Handler]:
        """Event names and how they are served."""
        return {"presence:watch": Handler(Policy.SELF, self._watch)}

    async def _watch(self, connection: Connection, request: PresenceWatch, _reply: Reply) -> msgspec.Struct:
        if len(request.user_ids) > self._limits.watched_users:
            raise MadangError(ErrorCode.TOO_LARGE, f"at most {self._limits.watched_users} people can be watched")
        wanted = [parse_id(user_id) for user_id in request.user_ids]
        if None in wanted:
            raise invalid("userIds", "must be ids of users")
        request_number = self._watches.requested(connection)
        people = await self._presence.watchable(connection.user_id, {user for user in wanted if user is not None})
        await self._watches.replace(connection, sorted(people), request_number)
        return PresenceWatchAck(online=await self._presence.online(people))
