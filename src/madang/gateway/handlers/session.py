"""Sessions on sockets: `init` starts delivery, `conversation:sync` fills it up, `auth:refresh` keeps it."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from madang import __version__
from madang.clock import to_iso
from madang.contract.client_events import (
    AuthRefresh,
    AuthRefreshAck,
    ConversationSync,
    ConversationSyncAck,
    Init,
    InitAck,
    ServerInfo,
)
from madang.contract.limits import CONTRACT_VERSION, Limits
from madang.errors import ErrorCode, MadangError
from madang.gateway.arrivals import Arrivals
from madang.gateway.attach import Attach
from madang.gateway.authenticate import Authenticate
from madang.gateway.connection import Connection
from madang.gateway.dispatch import Handler, Policy
from madang.gateway.expiry import Expiry
from madang.gateway.reply import Reply
from madang.ports.accounts import Accounts
from madang.ports.sync import ListPage, Missed
from madang.services.presence import PresenceService
from madang.services.sync import Known, SyncService
from madang.socketio import ConnectionPostponed, ConnectionRefused

__all__ = ["SessionHandlers"]


class SessionHandlers:
    """Answers `init`, `conversation:sync` and `auth:refresh`."""

    def __init__(
        self,
        *,
        attach: Attach,
        sync: SyncService,
        accounts: Accounts,
        presence: PresenceService,
        arrivals: Arrivals,
        authenticate: Authenticate,
        expiry: Expiry,
        limits: Limits,
    ) -> None:
        self._attach = attach
        self._sync = sync
        self._accounts = accounts
        self._presence = presence
        self._arrivals = arrivals
        self._authenticate = authenticate
        self._expiry = expiry
        self._limits = limits

    def table(self) -> dict[str, Handler]:
        """Event names and how they are served."""
        return {
            "init": Handler(Policy.SELF, self._init),
            "conversation:sync": Handler(Policy.SYNC, self._changes),
            "auth:refresh": Handler(Policy.SELF, self._refresh),
        }

    async def _init(self, connection: Connection, request: Init, reply: Reply) -> None:
        connection.started = True  # before reading: who is added from now on is attached by that, not by this
        async with self._arrivals.turn():
            if not connection.ended:  # it may have waited long
                await self._show(connection, request, reply)

    async def _show(self, connection: Connection, request: Init, reply: Reply) -> None:
        users = await self._accounts.users([connection.user_id])
        if not users:
            raise MadangError(ErrorCode.TOKEN_INVALID, "the account does not exist")
        await self._presence.arrive(connection.user_id, connection.socket.id)  # the same device twice is one
        if connection.ended:
            self._presence.leave(connection.user_id, connection.socket.id)
        known = self._known(connection, request)
        online = await self._presence.online_around(connection.user_id) if known.first else []

        def answer(page: ListPage) -> None:
            expires_at = connection.identity.expires_at_ms
            reply.done(
                InitAck(
                    server=ServerInfo(version=__version__, contract=CONTRACT_VERSION, limits=self._limits),
                    user=users[0],
                    expires_at=None if expires_at is None else to_iso(expires_at),
                    inbox=page.inbox_version,
                    conversations=page.summaries,
                    removed=page.removed,
                    changes=self._sync.changes(page.missed),
                    online=online,
                    next="more" if page.more else UNSET,
                )
            )

        await self._attach.inbox(connection, known, answer)

    def _known(self, connection: Connection, request: Init) -> Known:
        """What the client said it knows, with this page or with the first."""
        if request.cursor is not UNSET and connection.known is not None:
            return connection.known
        known = {} if request.known is UNSET else request.known
        return self._sync.known(known, None if request.inbox is UNSET else request.inbox)

    async def _changes(self, connection: Connection, request: ConversationSync, reply: Reply) -> None:
        def answer(missed: Missed) -> None:
            reply.done(ConversationSyncAck(**msgspec.structs.asdict(self._sync.one(missed))))

        await self._attach.changes(connection, request, answer)

    async def _refresh(self, connection: Connection, request: AuthRefresh, _reply: Reply) -> msgspec.Struct:
        identity = await self._authenticate.renew(request.token)
        if identity.user_id != connection.user_id:
            raise MadangError(ErrorCode.TOKEN_INVALID, "the token belongs to somebody else")
        connection.identity = identity
        try:
            # the end of a session between the question and the line above was not taken for this socket's
            await self._authenticate.confirm(identity)
        except (ConnectionRefused, ConnectionPostponed):
            connection.socket.close_engine(1012, "the token was revoked")  # the next CONNECT decides
            raise MadangError(ErrorCode.TOKEN_INVALID, "the session has ended") from None
        self._expiry.watch(connection)
        expires_at = identity.expires_at_ms
        return AuthRefreshAck(expires_at=None if expires_at is None else to_iso(expires_at))
