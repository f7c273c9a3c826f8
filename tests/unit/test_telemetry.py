"""The log's form and what never reaches it; the metrics; the probe of the loop."""

import io
import json
import logging
import time
from collections.abc import Iterator

import anyio
import pytest
import structlog

from madang import telemetry
from madang.telemetry import METRICS, LoopLagProbe, Metrics, configure_logging


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Configured logging is the process's own: put back what was there."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_machines_get_one_json_object_per_line() -> None:
    """Madang's lines and those of libraries have the same form."""
    stream = io.StringIO()
    configure_logging("auto", "info", stream)
    structlog.get_logger("madang.test").warning("disk is filling", free_bytes=5)
    logging.getLogger("uvicorn.error").error("of a library")
    ours, theirs = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (ours["event"], ours["level"], ours["logger"], ours["free_bytes"]) == (
        "disk is filling",
        "warning",
        "madang.test",
        5,
    )
    assert (theirs["event"], theirs["level"]) == ("of a library", "error")


def test_people_get_words() -> None:
    """The console form is not JSON."""
    stream = io.StringIO()
    configure_logging("console", "info", stream)
    structlog.get_logger("madang.test").info("ready", port=8420)
    assert "ready" in stream.getvalue()
    assert "port=8420" in stream.getvalue()


def test_less_than_the_level_is_not_written() -> None:
    """`warning` silences `info`."""
    stream = io.StringIO()
    configure_logging("json", "warning", stream)
    structlog.get_logger("madang.test").info("quiet")
    assert stream.getvalue() == ""


def test_libraries_are_heard_when_something_is_wrong() -> None:
    """What they do at each start is not the operator's story."""
    stream = io.StringIO()
    configure_logging("json", "info", stream)
    logging.getLogger("alembic.runtime").info("Context impl")
    logging.getLogger("alembic.runtime").warning("beware")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["beware"]


def test_secrets_and_bodies_never_reach_the_log() -> None:
    """Neither by a field's name nor through a traceback's variables."""
    stream = io.StringIO()
    configure_logging("json", "debug", stream)
    log = structlog.get_logger("madang.test")
    canary = "canary-of-a-secret"
    log.info("signed in", access_token=canary, Authorization=canary, password=canary, content=canary, set_cookie=canary)
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("failed")
    assert canary not in stream.getvalue().replace('canary = "', "")
    assert "ValueError: broken" in stream.getvalue()


def test_importing_configures_nothing() -> None:
    """A program that uses Madang as a library keeps its own logging."""
    before = list(logging.getLogger().handlers)
    __import__("importlib").reload(telemetry)
    assert logging.getLogger().handlers == before


async def test_metrics_are_read_when_asked() -> None:
    """A counter says what its source says at that moment."""
    metrics = Metrics()
    value = 1.0
    metrics.watch(telemetry.FRAMES_SENT, lambda: value)
    metrics.watch(telemetry.SOCKETS, lambda: 7)
    value = 3.0
    text, kind = await metrics.exposition()
    assert b"madang_frames_sent_total 3.0" in text
    assert b"madang_sockets 7.0" in text
    assert b"madang_loop_lag_seconds_bucket" in text
    assert kind.startswith("text/plain")


def test_names_follow_prometheus() -> None:
    """Counters end in `_total`, nothing else does, and names are given once."""
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("madang_")
        assert metric.name.endswith("_total") == (metric.kind == "counter")


async def test_the_probe_sees_a_blocked_loop() -> None:
    """A step that blocks shows as lag."""
    lags: list[float] = []
    probe = LoopLagProbe(lags.append)
    probe.start()
    await anyio.sleep(telemetry.LAG_INTERVAL - 0.05)
    time.sleep(0.2)  # noqa: ASYNC251 - blocking is what is measured
    await anyio.sleep(0.05)
    probe.close()
    assert max(lags) > 0.05
