"""A worker in a process of its own: it stores what nodes have accepted, and serves nobody.

Start order, stopped in reverse:
    services (store, bus, queue) -> worker -> health and metrics, if they have a port -> announced

A planned stop stores what was taken, tells of it, and gives the shards to others.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from typing import Final

import structlog

from madang import telemetry
from madang.api.app import create_operations
from madang.api.forwarded import TrustedProxies
from madang.api.http_server import HttpServer, bind
from madang.app.process import either, settle_down, stop_signals
from madang.app.queue import watch_queue
from madang.app.services import Foundation, Services, open_services
from madang.config import Settings, SettingsError
from madang.errors import ErrorCode, MadangError, outcome_unknown
from madang.ports.queue import MessageQueue
from madang.services.queue_worker import QueueWorker
from madang.telemetry import LoopLagProbe, Metrics

__all__ = ["start_worker", "work"]

STOP_SECONDS: Final = 15.0
"""For storing what was taken and closing everything, before the process ends as it is."""
PAUSE_SECONDS: Final = 2.0
"""Between two attempts to start again."""
STORE_ANSWER_SECONDS: Final = 2.0
"""After this the store counts as not answering."""

_log = structlog.get_logger(__name__)


def start_worker(base: Foundation, queue: MessageQueue, stack: AsyncExitStack) -> QueueWorker:
    """A worker in this process, at work."""
    worker = QueueWorker(queue, base.log, base.bus, base.clock, base.tasks, lanes=base.store.lanes)
    stack.push_async_callback(worker.close)
    worker.start()
    return worker


async def work(settings: Settings, announce: Callable[[int | None], None]) -> None:
    """Run a worker until the process is told to stop (SIGTERM, SIGINT).

    Args:
        settings: the operator's.
        announce: called once, at work, with the port of `/health` and `/metrics` if there is one.

    Raises:
        SettingsError: messages are not queued by these settings, or something they name cannot be used.
    """
    if settings.persistence != "queue":
        raise SettingsError(
            "MADANG_PERSISTENCE", "is direct: then nothing waits for a worker. Set it to queue, as on the nodes."
        )
    with ExitStack() as stack:
        stopping, _ = stop_signals(STOP_SECONDS, stack)
        listening = [] if settings.worker_port is None else bind(settings.host, settings.worker_port)
        for listener in listening:
            stack.callback(listener.close)
        await _live(settings, listening, stopping, announce)
        while not stopping.is_set():
            try:
                await _live(settings, listening, stopping, lambda _: _log.info("at work again"))
            except (SettingsError, MadangError) as error:
                _log.error("cannot start again", reason=str(error))
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE_SECONDS):
                        await stopping.wait()


async def _live(
    settings: Settings,
    listening: Sequence[socket.socket],
    stopping: asyncio.Event,
    announce: Callable[[int | None], None],
) -> None:
    """One life: until it is told to stop, or the store has another history, as with a server."""
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_services(settings))
        base = services.foundation
        assert base.queue is not None  # by the setting
        worker = start_worker(base, base.queue, stack)
        metrics = _metrics(base, stack)
        watch_queue(metrics, base.queue, worker)
        if listening:
            http = HttpServer(
                _operations(settings, services, metrics, worker), "none", [listener.dup() for listener in listening]
            )
            stack.push_async_callback(http.close)
            await http.start()
        settle_down()
        announce(listening[0].getsockname()[1] if listening else None)
        await either(stopping.wait(), base.store.moved())


def _metrics(base: Foundation, stack: AsyncExitStack) -> Metrics:
    metrics = Metrics()
    metrics.watch(telemetry.TASK_FAILURES, lambda: base.tasks.failures)
    metrics.watch(telemetry.BUS_HEARD, lambda: base.bus.heard)
    metrics.watch(telemetry.BUS_PUBLISHED, lambda: base.bus.stats().published)
    probe = LoopLagProbe(metrics.loop_lag.observe)
    probe.start()
    stack.callback(probe.close)
    return metrics


def _operations(settings: Settings, services: Services, metrics: Metrics, worker: QueueWorker) -> object:
    async def readiness() -> None:
        """Raises `MadangError` while nothing is stored here: no store, no bus, or no shard, as with a queue that is away."""
        if not services.foundation.bus.heard or not worker.attending:
            raise MadangError(ErrorCode.UNAVAILABLE, "Redis does not answer")
        try:
            async with asyncio.timeout(STORE_ANSWER_SECONDS):
                await services.foundation.store.ping()
        except TimeoutError:
            raise outcome_unknown("the store does not answer") from None

    return create_operations(
        services.identities,
        settings.api_key,
        proxies=TrustedProxies(settings.trusted_proxies),
        exposition=metrics.exposition,
        readiness=readiness,
    )
