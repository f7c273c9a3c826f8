"""What a process costs, by the kernel's word, and servers as processes."""

import mmap
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from bench.errors import BenchError
from bench.processes import Meter, ServerProcess, choose_cores, processor_seconds, resident_bytes

ANSWERS = """
import http.server, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: print("asked", flush=True))
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def burn(seconds: float) -> None:
    """Use so much processor time."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_processor_time_is_user_and_system_time() -> None:
    """The clock read from outside says what the process' own accounting says."""
    burn(0.05)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    assert processor_seconds(os.getpid()) == pytest.approx(usage.ru_utime + usage.ru_stime, abs=0.05)


def test_a_meter_measures_from_its_construction() -> None:
    """What happened before belongs to nobody's run."""
    burn(0.05)
    meter = Meter(os.getpid())
    burn(0.1)
    used = meter.read()
    assert 0.1 <= used.processor < 0.15
    assert used.wall >= used.processor - 0.01


def test_a_meter_adds_up_processes() -> None:
    """Nodes that serve the same people are one cost, whoever of them it falls on."""
    spin = "import time\nuntil = time.process_time() + 0.2\nwhile time.process_time() < until: pass\ninput()"
    with (
        subprocess.Popen([sys.executable, "-c", spin], stdin=subprocess.PIPE) as one,
        subprocess.Popen([sys.executable, "-c", spin], stdin=subprocess.PIPE) as other,
    ):
        meter = Meter(one.pid, other.pid)
        until = time.monotonic() + 20
        while meter.read().processor < 0.35 and time.monotonic() < until:
            time.sleep(0.01)
        used = meter.read()
        for process in (one, other):
            process.communicate(b"\n")
    assert 0.35 <= used.processor < 0.6


@pytest.mark.serial
def test_what_others_use_of_a_core_is_seen() -> None:
    """A neighbour on the core of the server is told from the server itself."""
    cores = choose_cores().server
    spin = "import time\nwhile True: pass"
    with (
        subprocess.Popen([sys.executable, "-c", spin]) as neighbour,
        subprocess.Popen([sys.executable, "-c", spin]) as own,
    ):
        try:
            for process in (neighbour, own):
                os.sched_setaffinity(process.pid, cores)
            meter = Meter(own.pid)
            time.sleep(1)
            used = meter.read()
        finally:
            neighbour.kill()
            own.kill()
    assert used.share + used.taken == pytest.approx(1, abs=0.1)
    assert used.taken > 0.2


def test_memory_is_seen_when_it_is_touched() -> None:
    """The resident set grows by what a process really uses; pages of its own, for a heap may hold room left by others."""
    with mmap.mmap(-1, 20_000_000) as pages:
        before = resident_bytes(os.getpid())
        pages.write(b"x" * 20_000_000)
        assert 15_000_000 < resident_bytes(os.getpid()) - before < 40_000_000


def test_a_server_runs_on_its_cores_and_answers_signals() -> None:
    """The server is pinned from its first thread on, and this process stays where it was."""
    before = os.sched_getaffinity(0)
    cores = choose_cores()
    with ServerProcess([sys.executable, "-c", ANSWERS, "{port}"], cores=cores.server, ready_path="/none") as server:
        assert os.sched_getaffinity(server.pid) == cores.server
        assert server.ask(signal.SIGUSR1) == "asked"
        pid = server.pid
    assert os.sched_getaffinity(0) == before
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_settings_of_this_shell_do_not_reach_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run measures the defaults and what the benchmark sets, not what somebody has exported."""
    monkeypatch.setenv("MADANG_PORT", "1")
    show = "import os; print([n for n in os.environ if n.startswith('MADANG_')]); raise SystemExit"
    with (
        pytest.raises(BenchError, match=r"did not start:\n\['MADANG_LOG'\]"),
        ServerProcess([sys.executable, "-c", show], cores=choose_cores().server, environment={"MADANG_LOG": "json"}),
    ):
        pass


def test_a_server_that_dies_fails_the_run_with_its_last_words() -> None:
    """A figure of a server that is gone would be a figure of nothing."""
    server = ServerProcess([sys.executable, "-c", ANSWERS, "{port}"], cores=choose_cores().server, ready_path="/none")
    server.__enter__()
    os.write(server._output.fileno(), b"last words\n")
    os.kill(server.pid, signal.SIGKILL)
    os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(BenchError, match=r"died; the end of its output:\n(?s:.*)last words"):
        server.__exit__(None, None, None)
