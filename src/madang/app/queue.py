"""The queue of accepted messages, as a process of Madang has it: opened and measured.

Owns what the log says of it at the start. Only a process with `MADANG_PERSISTENCE=queue` has one.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from hashlib import blake2b

import structlog

from madang import telemetry
from madang.config import Settings
from madang.ports.queue import MessageQueue
from madang.services.queue_worker import QueueWorker
from madang.tasks import TaskSupervisor
from madang.telemetry import Metrics

__all__ = ["open_queue", "watch_queue"]

_log = structlog.get_logger(__name__)


async def open_queue(settings: Settings, tasks: TaskSupervisor, stack: AsyncExitStack) -> MessageQueue:
    """The queue of these settings, connected; the log says what an ack of `accepted` is worth.

    Raises:
        SettingsError: it cannot be used.
    """
    from madang.cluster.queue import RedisQueue  # here, because the bus has said by now if its package is missing

    queue = RedisQueue(
        settings.redis_url,
        installation=_installation(settings.secret),
        tasks=tasks,
        entries=settings.queue_entries,
        size=settings.queue_bytes,
    )
    stack.push_async_callback(queue.close)
    await queue.start()
    _log.info("messages are acknowledged before they are stored", promise=queue.promise)
    return queue


def _installation(secret: str) -> str:
    """The name of the queue: the same on all nodes, and in every epoch of the store, because what was accepted before a
    restore is to be stored after it.
    """
    return blake2b(secret.encode(), digest_size=8, person=b"madang queue").hexdigest()


def watch_queue(metrics: Metrics, queue: MessageQueue, worker: QueueWorker | None) -> None:
    """Have metrics read from the queue, and from the worker if there is one."""
    metrics.watch(telemetry.QUEUE_ENTRIES, lambda: queue.stats().entries)
    metrics.watch(telemetry.QUEUE_BYTES, lambda: queue.stats().size)
    metrics.watch(telemetry.QUEUE_OLDEST, lambda: queue.stats().oldest_seconds)
    metrics.watch(telemetry.QUEUE_DEAD_LETTERS, lambda: queue.stats().dead_letters)
    if worker is not None:
        metrics.watch(telemetry.QUEUE_SHARDS, lambda: worker.stats().shards)
        metrics.watch(telemetry.QUEUE_STORED, lambda: worker.stats().stored)
        metrics.watch(telemetry.QUEUE_REJECTED, lambda: worker.stats().rejected)
