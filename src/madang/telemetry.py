"""What operators see: the log and the metrics.

Owns the form of the log, the table of metrics and the probe of the event loop. Nothing happens on import: a program calls
`configure_logging` once, a library user keeps their own logging. Must never write a secret or the body of a message.

Invariants:
1. Values of fields named like secrets never reach the log, and tracebacks carry no local variables.
2. A metric has no label with a user, a conversation or anything else clients choose, so their number is bounded.
3. Metrics cost nothing until they are read: counters live where the work is done and are fetched at each scrape. Histograms
   are of what happens rarely, or takes a task and the store, and never of sending a message.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TextIO

import structlog
from prometheus_client import CollectorRegistry, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric as MetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["METRICS", "LoopLagProbe", "Metric", "Metrics", "configure_logging", "merged"]

_SECRET_FIELD: Final = re.compile("password|secret|token|authorization|cookie|api_?key|^(content|body|payload)$")
LAG_INTERVAL: Final = 0.25
"""Seconds between two measurements of the loop."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as the reference lists it; the unit is the end of the name, counters end in `_total`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str


ENGINES: Final = Metric("madang_engines", "gauge", "Engine.IO connections open now.")
ENGINES_OPENED: Final = Metric("madang_engines_opened_total", "counter", "Engine.IO connections opened.")
SOCKETS: Final = Metric("madang_sockets", "gauge", "Socket.IO sockets connected now.")
PACKETS_RECEIVED: Final = Metric("madang_packets_received_total", "counter", "Packets received from clients.")
FRAMES_SENT: Final = Metric(
    "madang_frames_sent_total", "counter", "Objects written to clients; the joined frames of a batch count once."
)
BYTES_SENT: Final = Metric("madang_sent_bytes_total", "counter", "Bytes sent to clients.")
SLOW_CLOSES: Final = Metric("madang_slow_closes_total", "counter", "Connections cut because they did not read.")
VOLATILE_DROPS: Final = Metric("madang_volatile_drops_total", "counter", "Volatile events not sent to full sockets.")
COMMIT_QUEUE: Final = Metric("madang_commit_queue_entries", "gauge", "Changes waiting to be committed.")
TASK_FAILURES: Final = Metric("madang_task_failures_total", "counter", "Background tasks that ended with an error.")
BUS_HEARD: Final = Metric(
    "madang_bus_heard", "gauge", "1 while other nodes hear this one and are heard; always 1 without Redis."
)
BUS_PUBLISHED: Final = Metric("madang_bus_published_total", "counter", "Messages handed to Redis for other nodes.")
BUS_RECEIVED_BYTES: Final = Metric("madang_bus_received_bytes_total", "counter", "Bytes of messages got from Redis.")
BUS_RECONNECTS: Final = Metric(
    "madang_bus_reconnects_total", "counter", "How often other nodes were heard again after they had not been."
)
BUS_PROBES_LOST: Final = Metric(
    "madang_bus_probes_lost_total", "counter", "How often this node did not hear itself through Redis."
)
QUEUE_ENTRIES: Final = Metric(
    "madang_queue_entries", "gauge", "Accepted messages that are not stored yet, of all nodes; 0 without a queue."
)
QUEUE_BYTES: Final = Metric("madang_queue_bytes", "gauge", "Bytes of them.")
QUEUE_OLDEST: Final = Metric("madang_queue_oldest_seconds", "gauge", "How long the oldest of them has waited.")
QUEUE_DEAD_LETTERS: Final = Metric(
    "madang_queue_dead_letters", "gauge", "Accepted messages that could not be stored, kept with the reason."
)
QUEUE_SHARDS: Final = Metric(
    "madang_queue_shards", "gauge", "Shards of the queue, of 16, whose messages this process stores."
)
QUEUE_STORED: Final = Metric("madang_queue_stored_total", "counter", "Accepted messages that this process has stored.")
QUEUE_REJECTED: Final = Metric(
    "madang_queue_rejected_total", "counter", "Accepted messages that this process has found impossible to store."
)
ARRIVALS_WAITING: Final = Metric(
    "madang_arrivals_waiting", "gauge", "Sockets that wait for their turn to be let in or shown their list, now."
)
PASSED_ON: Final = Metric(
    "madang_passed_on_total", "counter", "Requests passed on to the worker or node that has the connection."
)
TUNNELS: Final = Metric(
    "madang_tunnels", "gauge", "WebSockets carried to another worker or node that has the connection, now."
)
LOOP_LAG: Final = Metric(
    "madang_loop_lag_seconds", "histogram", f"How late the event loop was, measured every {LAG_INTERVAL} s."
)
HANDLING: Final = Metric(
    "madang_event_seconds",
    "histogram",
    "From the receipt of an event to its answer, by `event`: of those that wait for something, so not of sending.",
)

METRICS: Final = (
    ENGINES,
    ENGINES_OPENED,
    SOCKETS,
    PACKETS_RECEIVED,
    FRAMES_SENT,
    BYTES_SENT,
    SLOW_CLOSES,
    VOLATILE_DROPS,
    COMMIT_QUEUE,
    TASK_FAILURES,
    BUS_HEARD,
    BUS_PUBLISHED,
    BUS_RECEIVED_BYTES,
    BUS_RECONNECTS,
    BUS_PROBES_LOST,
    QUEUE_ENTRIES,
    QUEUE_BYTES,
    QUEUE_OLDEST,
    QUEUE_DEAD_LETTERS,
    QUEUE_SHARDS,
    QUEUE_STORED,
    QUEUE_REJECTED,
    ARRIVALS_WAITING,
    PASSED_ON,
    TUNNELS,
    LOOP_LAG,
    HANDLING,
)
"""Madang's own; `process_*` and `python_info` of the Prometheus client stand beside them."""


class Metrics(Collector):
    """The metrics of one server, each read when somebody asks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._watched: dict[Metric, Callable[[], float]] = {}
        self.loop_lag = Histogram(
            LOOP_LAG.name,
            LOOP_LAG.meaning,
            registry=self.registry,
            buckets=(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
        )
        self._handling = Histogram(
            HANDLING.name,
            HANDLING.meaning,
            ("event",),
            registry=self.registry,
            buckets=(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
        )
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.registry.register(self)

    def watch(self, metric: Metric, read: Callable[[], float]) -> None:
        """Where a counter or gauge of the table is read from; `read` must be quick and not raise."""
        self._watched[metric] = read

    def handled(self, event: str, seconds: float) -> None:
        """An event of the contract was answered after so long."""
        self._handling.labels(event).observe(seconds)

    def collect(self) -> Iterator[MetricFamily]:
        for metric, read in self._watched.items():
            family = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            yield family(metric.name, metric.meaning, value=read())

    def describe(self) -> Iterable[MetricFamily]:
        return ()  # otherwise registering would collect, before anything is watched

    async def exposition(self) -> tuple[bytes, str]:
        """The text Prometheus reads, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class _Pages(Collector):
    def __init__(self, pages: Mapping[str, bytes]) -> None:
        self._pages = pages

    def collect(self) -> Iterator[MetricFamily]:
        families: dict[str, MetricFamily] = {}
        for worker, page in self._pages.items():
            for found in text_string_to_metric_families(page.decode()):
                family = families.setdefault(found.name, MetricFamily(found.name, found.documentation, found.type))
                family.samples += [each._replace(labels=each.labels | {"worker": worker}) for each in found.samples]
        yield from families.values()


def merged(pages: Mapping[str, bytes]) -> bytes:
    """One text of several for Prometheus, each sample with the name of its page as the label `worker`."""
    registry = CollectorRegistry()
    registry.register(_Pages(pages))
    return generate_latest(registry)


class LoopLagProbe:
    """Notes how late the loop runs its timers; a step that blocks for 50 ms shows as a lag of up to 50 ms."""

    def __init__(self, observe: Callable[[float], None]) -> None:
        self._observe = observe
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin on the running loop; `close` ends it."""
        loop = asyncio.get_running_loop()
        due = loop.time() + LAG_INTERVAL

        def measure() -> None:
            nonlocal due
            now = loop.time()
            self._observe(max(0.0, now - due))
            due = now + LAG_INTERVAL
            self._timer = loop.call_at(due, measure)

        self._timer = loop.call_at(due, measure)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def configure_logging(form: Literal["auto", "console", "json"], level: str, stream: TextIO | None = None) -> None:
    """Send Madang's log and that of its libraries to `stream`, one line each.

    Args:
        form: `auto` is for people if a terminal reads the stream, else JSON.
        level: the least that is logged.
        stream: where to; None is standard error, because standard output belongs to what commands answer.
    """
    stream = stream or sys.stderr
    for_people = form == "console" or (form == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if for_people else "iso", utc=not for_people),
        _without_secrets,
    ]
    render: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)]
        if for_people
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(
        max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()])
    )  # libraries tell their whole life
    logging.getLogger("madang").setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key in event:
        if _SECRET_FIELD.search(key.lower()):
            event[key] = "…"
    return event
