"""A running server, from the first socket bound to the last file closed.

Start order, stopped in reverse:
    sockets bound -> services (data folder, store, …) -> engine and gateway -> HTTP -> ready

A planned stop drains first, each step for a few seconds at most, whatever became of the one before:
    not ready, no new connections -> what was submitted is committed, or accepted, and answered, more is refused as
    `unavailable` -> what the embedded worker has taken is stored, the rest is left to others
    -> sockets are told, then closed in slices, so that they come back by themselves
and then closes everything. Whatever still hangs STOP_SECONDS after the beginning is left as it is: the process ends.

When the store turns out to have another history, the server drains and starts again in the same process: numbers of the old
history are in every part of it, and those who come back are told to forget theirs.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

from madang import telemetry
from madang.api.app import ApiOptions, ApiServices, create_api
from madang.api.forwarded import TrustedProxies
from madang.api.http_server import HttpServer, bind, bind_beside
from madang.api.mount import Mount
from madang.api.origins import Origins
from madang.api.static import WEB_ROOT, StaticFiles
from madang.app.peers import open_peers
from madang.app.process import either, settle_down, stop_signals
from madang.app.queue import watch_queue
from madang.app.services import Services, open_services
from madang.app.siblings import Worker, WorkerMetrics
from madang.app.sockets import SERVICE_RESTART, engine_server, open_gateway
from madang.app.worker import start_worker
from madang.config import Settings, SettingsError
from madang.errors import ErrorCode, MadangError, outcome_unknown
from madang.gateway.admission import Admission
from madang.gateway.gateway import Gateway
from madang.ports.bus import Bus
from madang.ports.store import Store
from madang.services.queue_worker import QueueWorker
from madang.socketio import Server
from madang.telemetry import LoopLagProbe, Metrics

if TYPE_CHECKING:
    from madang.cluster.peers import NodePeers

__all__ = ["STOP_SECONDS", "Started", "serve"]

STOP_SECONDS: Final = 15.0
"""In which the process ends when it is told to, whatever hangs."""
COMMIT_SECONDS: Final = 4.0
"""How long a drain waits for what was submitted."""
CLOSE_SECONDS: Final = 5.0
"""How long a drain may take to send everybody away."""
STORE_ANSWER_SECONDS: Final = 2.0
"""After this the store counts as not answering."""
PAUSE_SECONDS: Final = 2.0
"""Between two attempts to start again."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What there is to say of a server that has just started."""

    port: int
    first_account: bool
    """Nobody has an account yet: whoever makes the first one is the administrator."""
    web_client: bool
    """Whether there is a page to open."""


class _Readiness:
    """Whether this server should get any traffic."""

    def __init__(self, admission: Admission) -> None:
        self.store: Store | None = None
        self.bus: Bus | None = None
        self._admission = admission

    async def check(self) -> None:
        """Raises `MadangError` while it should not: `unavailable`, or as the store does."""
        if self._admission.draining or self.store is None or self.bus is None:
            raise MadangError(ErrorCode.UNAVAILABLE, "the server is starting or stopping")
        if not self.bus.heard:
            raise MadangError(ErrorCode.UNAVAILABLE, "other nodes do not hear this one")
        try:
            async with asyncio.timeout(STORE_ANSWER_SECONDS):
                await self.store.ping()
        except TimeoutError:
            raise outcome_unknown("the store does not answer") from None


async def serve(settings: Settings, announce: Callable[[Started], None], worker: Worker | None = None) -> None:
    """Run a server until the process is told to stop (SIGTERM, SIGINT), then drain and close it.

    Args:
        settings: the operator's.
        announce: called once, when people can connect.
        worker: which of several it is; None: the only one.

    Raises:
        SettingsError: something the settings name cannot be used: the port, the host, the data folder.
    """
    with ExitStack() as stack:
        stopping, stop = stop_signals(STOP_SECONDS, stack)
        if worker is not None:
            worker.stop_with_supervisor(stop)
        listening = bind(settings.host, settings.port, shared=worker is not None)
        for listener in listening:
            stack.callback(listener.close)
        await _live(settings, listening, stopping, announce, worker)
        while not stopping.is_set():
            try:
                await _live(settings, listening, stopping, lambda _: _log.info("ready again"), worker)
            except (SettingsError, MadangError) as error:
                _log.error("cannot start again", reason=str(error))
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE_SECONDS):
                        await stopping.wait()


async def _live(
    settings: Settings,
    listening: Sequence[socket.socket],
    stopping: asyncio.Event,
    announce: Callable[[Started], None],
    worker: Worker | None,
) -> None:
    """One life: until it is told to stop, or the store has another history, of which nothing here may know the old one.
    People who connect between two lives wait: the sockets go on listening.
    """
    async with AsyncExitStack() as stack:
        port: int = listening[0].getsockname()[1]
        services = await stack.enter_async_context(open_services(settings))
        admission = Admission(services.foundation.clock, settings.connect_rate)
        ready = _Readiness(admission)
        origins, proxies = Origins(settings.public_url, settings.origins), TrustedProxies(settings.trusted_proxies)
        peers = await open_peers(services, None if worker is None else worker.folder, stack)
        engine = engine_server(settings, services.foundation.limits, origins, proxies, admission.ask, peers=peers)
        metrics = _metrics(services, engine, peers, stack)
        gateway = await open_gateway(engine, services, origins, metrics, stack)
        storing = _embedded_worker(services, metrics, stack)
        exposition = metrics.exposition if worker is None else await WorkerMetrics.open(worker, metrics, stack)
        api = create_api(
            _api_services(services),
            ApiOptions(
                prefix=settings.prefix,
                public_url=settings.public_url,
                origins=settings.origins,
                api_key=settings.api_key,
            ),
            services.foundation.limits,
            services.foundation.clock,
            proxies=proxies,
            exposition=exposition,
            readiness=ready.check,
        )
        static = StaticFiles(WEB_ROOT, settings.prefix)
        http = HttpServer(
            Mount(settings.prefix, engine=engine, api=api, static=static),
            engine.websocket_protocol,
            [listener.dup() for listener in listening],
            None if worker is None or peers is None else bind_beside(peers.socket_of(worker.folder, peers.name)),
        )
        stack.push_async_callback(http.close)
        await http.start()
        ready.store, ready.bus = services.foundation.store, services.foundation.bus
        settle_down()
        first_account = await services.accounts.first_account()
        announce(Started(port=port, first_account=first_account, web_client=static.built))
        await either(stopping.wait(), services.foundation.store.moved())
        admission.draining = True
        if stopping.is_set():
            http.stop_accepting()
            for listener in listening:
                listener.close()
        await _drain(gateway, engine, services, storing)


def _embedded_worker(services: Services, metrics: Metrics, stack: AsyncExitStack) -> QueueWorker | None:
    """What stores accepted messages in this process, at work; None if others do, or none are accepted before."""
    base = services.foundation
    if base.queue is None:
        return None
    storing = start_worker(base, base.queue, stack) if base.settings.embedded_worker else None
    watch_queue(metrics, base.queue, storing)
    return storing


def _api_services(services: Services) -> ApiServices:
    return ApiServices(
        identities=services.identities,
        sessions=services.sessions,
        accounts=services.accounts,
        profiles=services.profiles,
        conversations=services.conversations,
        messages=services.messages,
        message_changes=services.message_changes,
        message_people=services.message_people,
        member_settings=services.member_settings,
        reading=services.foundation.reading,
    )


def _metrics(services: Services, engine: Server, peers: NodePeers | None, stack: AsyncExitStack) -> Metrics:
    base, metrics = services.foundation, Metrics()
    metrics.watch(telemetry.ENGINES, lambda: engine.stats().engines)
    metrics.watch(telemetry.ENGINES_OPENED, lambda: engine.stats().engines_opened)
    metrics.watch(telemetry.SOCKETS, lambda: engine.stats().sockets)
    metrics.watch(telemetry.PACKETS_RECEIVED, lambda: engine.stats().packets_in)
    metrics.watch(telemetry.FRAMES_SENT, lambda: engine.stats().frames_out)
    metrics.watch(telemetry.BYTES_SENT, lambda: engine.stats().bytes_out)
    metrics.watch(telemetry.SLOW_CLOSES, lambda: engine.stats().slow_closes)
    metrics.watch(telemetry.VOLATILE_DROPS, lambda: engine.stats().dropped_volatile)
    metrics.watch(telemetry.COMMIT_QUEUE, base.committer.waiting)
    metrics.watch(telemetry.TASK_FAILURES, lambda: base.tasks.failures)
    metrics.watch(telemetry.BUS_HEARD, lambda: base.bus.heard)
    metrics.watch(telemetry.BUS_PUBLISHED, lambda: base.bus.stats().published)
    metrics.watch(telemetry.BUS_RECEIVED_BYTES, lambda: base.bus.stats().received_bytes)
    metrics.watch(telemetry.BUS_RECONNECTS, lambda: base.bus.stats().reconnects)
    metrics.watch(telemetry.BUS_PROBES_LOST, lambda: base.bus.stats().probes_lost)
    metrics.watch(telemetry.PASSED_ON, lambda: 0 if peers is None else peers.passed_on)
    metrics.watch(telemetry.TUNNELS, lambda: 0 if peers is None else peers.tunnels)
    probe = LoopLagProbe(metrics.loop_lag.observe)
    probe.start()
    stack.callback(probe.close)
    return metrics


async def _drain(gateway: Gateway, engine: Server, services: Services, storing: QueueWorker | None) -> None:
    _log.info("stopping", sockets=engine.stats().sockets)
    await _at_most(COMMIT_SECONDS, _finish(services, storing), "what was submitted is not stored")
    await _at_most(CLOSE_SECONDS, gateway.drain(), "not everybody has been sent away")
    await engine.close(SERVICE_RESTART)


async def _finish(services: Services, storing: QueueWorker | None) -> None:
    if services.foundation.enqueuer is not None:
        await services.foundation.enqueuer.close()
    await services.foundation.committer.close()
    if storing is not None:
        await storing.close()
    await services.foundation.reading.close()


async def _at_most(seconds: float, step: Coroutine[Any, Any, None], otherwise: str) -> None:
    """Do a step of the drain; one that takes too long is given up, so that the next ones have their time."""
    try:
        async with asyncio.timeout(seconds):
            await step
    except TimeoutError:
        _log.warning("stopping takes too long: going on", left=otherwise, seconds=seconds)
