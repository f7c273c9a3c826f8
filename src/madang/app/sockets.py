"""The engine with the gateway on top of it, put together.

Owns the engine's options and who is told of what a socket does. Start order, stopped in reverse: presence -> expiry ->
sweep -> engine; the gateway is drained before (see `server`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from madang import telemetry
from madang.api.forwarded import TrustedProxies
from madang.api.origins import Origins
from madang.app.services import Services
from madang.config import Settings
from madang.contract.limits import Limits
from madang.gateway.arrivals import Arrivals
from madang.gateway.attach import Attach
from madang.gateway.authenticate import Authenticate
from madang.gateway.connection import Connections
from madang.gateway.delivery import Delivery
from madang.gateway.dispatch import Dispatch, Handler
from madang.gateway.expiry import Expiry
from madang.gateway.feed import Feed
from madang.gateway.focus import Focus
from madang.gateway.gateway import Gateway
from madang.gateway.handlers.focus import FocusHandlers
from madang.gateway.handlers.message_changes import MessageChangeHandlers
from madang.gateway.handlers.messages import MessageHandlers
from madang.gateway.handlers.presence import PresenceHandlers
from madang.gateway.handlers.session import SessionHandlers
from madang.gateway.handlers.typing_status import TypingHandlers
from madang.gateway.notices import Notices
from madang.gateway.read_steps import StepCounts
from madang.gateway.repair import Repair
from madang.gateway.sweep import Sweep
from madang.gateway.watches import Watches
from madang.services.presence import PresenceService
from madang.services.sync import SyncService
from madang.services.typing_status import TypingService
from madang.socketio import Server, ServerOptions
from madang.telemetry import Metrics

if TYPE_CHECKING:
    from madang.cluster.peers import NodePeers

__all__ = ["SERVICE_RESTART", "engine_server", "open_gateway"]

SERVICE_RESTART: Final = 1012
"""The WebSocket close code after which clients come back by themselves."""
UNAUTHENTICATED_SECONDS: Final = 10.0
PACKETS_PER_SEND: Final = 10
"""Packets an engine may send for each message its user may: typing, read marks and pongs stand beside it."""
LEAST_PACKETS_PER_SECOND: Final = 100
PACKET_SECONDS_AT_ONCE: Final = 10


def engine_server(
    settings: Settings,
    limits: Limits,
    origins: Origins,
    proxies: TrustedProxies,
    admit: Callable[[str], float | None],
    *,
    peers: NodePeers | None,
) -> Server:
    """The Socket.IO server; nobody can connect before its `start`."""

    def may_come(origin: str | None, host: str) -> bool:
        return origin is None or origins.is_own(origin, host) or origins.is_allowed(origin)

    rate = max(LEAST_PACKETS_PER_SECOND, PACKETS_PER_SEND * settings.send_rate)
    return Server(
        ServerOptions(
            path=f"{settings.prefix}/socket.io/",
            ping_interval=settings.ping_interval,
            ping_timeout=settings.ping_timeout,
            connect_timeout=UNAUTHENTICATED_SECONDS,
            max_payload=limits.payload_bytes,
            max_attachments=limits.attachments,
            origins=may_come,
            packet_rate=rate if settings.send_rate else None,
            packet_burst=int(rate * PACKET_SECONDS_AT_ONCE),
            admit=admit,
            node="" if peers is None else peers.name,
            peers=peers,
            client_address=proxies.client_address,
        )
    )


async def open_gateway(
    server: Server, services: Services, origins: Origins, metrics: Metrics, stack: AsyncExitStack
) -> Gateway:
    """Put the gateway on the engine and start both."""
    base = services.foundation
    namespace, store, tasks = server.of("/"), base.store, base.tasks
    presence = await _presence(services, stack)
    connections, arrivals = Connections(), Arrivals()
    metrics.watch(telemetry.ARRIVALS_WAITING, lambda: arrivals.waiting)
    authenticate = Authenticate(services.identities, is_own_page=origins.is_own)
    expiry = Expiry(base.clock)
    delivery = Delivery(namespace, connections)
    repair = Repair(store.log, store.conversations, delivery, store.epoch)
    feed = Feed(delivery=delivery, bus=base.bus, repair=repair, clock=base.clock, tasks=tasks)
    sync = SyncService(store.sync, store.epoch, base.limits)
    attach = Attach(feed, store.log, store.conversations, sync)
    watches = Watches(namespace, base.bus, presence, tasks)
    focus = Focus()
    steps = StepCounts(focus=focus, feed=feed, sync=store.sync, clock=base.clock, tasks=tasks)
    stack.callback(steps.close)
    notices = Notices(
        namespace=namespace,
        connections=connections,
        feed=feed,
        attach=attach,
        watches=watches,
        focus=focus,
        steps=steps,
        tasks=tasks,
    )
    sweep = _sweep(services, connections, feed, attach)
    base.bus.listen(notices.heard, sweep.hurry)
    coming = _coming(services, sync, attach, presence, arrivals=arrivals, authenticate=authenticate, expiry=expiry)
    looking = PresenceHandlers(presence, watches, base.limits).table() | FocusHandlers(focus, steps).table()
    handlers = coming | _talking(services, feed) | looking
    gateway = Gateway(
        connections=connections,
        arrivals=arrivals,
        authenticate=authenticate,
        expiry=expiry,
        presence=presence,
        bus=base.bus,
        endings=(focus.ended, feed.detach_all, watches.ended),
    )
    namespace.use(gateway.admit)
    namespace.on("disconnect", gateway.ended)
    namespace.on_event(Dispatch(handlers, services.access, tasks, metrics.handled))
    for watcher in (expiry, sweep):
        watcher.start()
        stack.callback(watcher.close)
    await server.start()
    stack.push_async_callback(server.close, SERVICE_RESTART)
    return gateway


def _sweep(services: Services, connections: Connections, feed: Feed, attach: Attach) -> Sweep:
    base = services.foundation
    return Sweep(
        connections=connections,
        feed=feed,
        attach=attach,
        log=base.store.log,
        sync=base.store.sync,
        identities=services.identities,
        bus=base.bus,
        tasks=base.tasks,
    )


async def _presence(services: Services, stack: AsyncExitStack) -> PresenceService:
    base = services.foundation
    presence = PresenceService(base.presence, base.store.conversations, base.bus, base.clock, base.tasks)
    stack.push_async_callback(presence.close)
    await presence.start()
    return presence


def _coming(
    services: Services,
    sync: SyncService,
    attach: Attach,
    presence: PresenceService,
    *,
    arrivals: Arrivals,
    authenticate: Authenticate,
    expiry: Expiry,
) -> dict[str, Handler]:
    """How people come, come back and stay."""
    base = services.foundation
    return SessionHandlers(
        attach=attach,
        sync=sync,
        accounts=base.store.accounts,
        presence=presence,
        arrivals=arrivals,
        authenticate=authenticate,
        expiry=expiry,
        limits=base.limits,
    ).table()


def _talking(services: Services, feed: Feed) -> dict[str, Handler]:
    """What people say in conversations: messages, changes of them, marks, typing."""
    base = services.foundation
    return {
        **MessageHandlers(services.messages, base.reading, feed).table(),
        **MessageChangeHandlers(services.message_changes).table(),
        **TypingHandlers(TypingService(base.bus, base.clock, base.limits)).table(),
    }
