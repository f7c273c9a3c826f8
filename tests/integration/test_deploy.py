"""What is in deploy/ fits Madang: its settings, its command line, its routes, and the time it takes to stop.

Owns reading those files as the programs they are for read them. That nginx serves nodes is tested by nginx itself, in
tests/integration/nodes/test_nginx.py.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler

from madang.api.health import HealthController
from madang.app.server import STOP_SECONDS
from madang.app.supervisor import KILL_SECONDS
from madang.app.worker import STOP_SECONDS as WORKER_STOP_SECONDS
from madang.cli import main
from madang.config import Settings, accepted, load_settings, variable
from madang.contract.limits import LIMITS
from madang.storage.postgres_connections import LANES, READS, SPARE, WRITES

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
NODES = ("node1", "node2", "node3")
LONGEST_STOP = max(STOP_SECONDS, KILL_SECONDS, WORKER_STOP_SECONDS)
SECRETS = {"MADANG_SECRET": "s" * 32, "POSTGRES_PASSWORD": "p" * 32}


def text(path: str) -> str:
    """A file of deploy/."""
    return (DEPLOY / path).read_text(encoding="utf-8")


@cache
def compose() -> dict[str, Any]:
    """The compose file with what it says of several services put in."""
    return msgspec.yaml.decode(text("compose/compose.yaml"), type=dict[str, Any])


def filled_in(value: str, environment: dict[str, str]) -> str:
    """A value of the compose file with its variables, as compose puts them in."""

    def put(match: re.Match[str]) -> str:
        given = environment.get(match["name"], "")
        assert given or match["otherwise"] is not None, f"{match['name']} has to be set"
        return given or match["otherwise"] or ""

    return re.sub(r"\$\{(?P<name>\w+)(?::-(?P<otherwise>[^}]*)|:\?[^}]*)\}", put, value)


def assignments(content: str) -> dict[str, str]:
    """Lines `NAME=value`, those that are commented out as well."""
    return dict(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=(.*)$", content, re.MULTILINE))


def unit(path: Path) -> dict[str, list[str]]:
    """The settings of a unit, each with all its values."""
    found = dict[str, list[str]]()
    for name, value in re.findall(r"^(\w+)=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def directives(path: str, name: str) -> list[str]:
    """The values of a directive in a file of nginx."""
    return re.findall(rf"^\s*{name}\s+([^;{{\n]+);", text(path), re.MULTILINE)


def seconds(value: str) -> float:
    """A duration as nginx, compose and systemd write it."""
    return float(value.removesuffix("s"))


def parsed(words: Sequence[str]) -> str:
    """The command that the real command line takes words for; an unknown flag raises."""
    name, *rest = words
    main.commands[name].make_context(name, rest)
    return name


def test_every_setting_exists() -> None:
    """A setting that was renamed stops a server that still has the old name, so deploy/ must not have it."""
    known = {variable(name) for name in accepted()} | {"MADANG_CONFIG"}
    named = {
        name
        for path in DEPLOY.rglob("*")
        if path.is_file()
        for name in re.findall(r"\bMADANG_[A-Z_]+\b", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 10
    assert named <= known


@pytest.mark.parametrize("queue", [False, True])
@pytest.mark.parametrize("service", [*NODES, "worker"])
def test_the_settings_of_the_compose_file_start_a_server(service: str, *, queue: bool) -> None:
    """As .env.example has them, filled in, with what is commented out and without, they contradict nothing."""
    example = assignments(text("compose/.env.example"))
    extra = {"COMPOSE_PROFILES", "MADANG_PERSISTENCE", "MADANG_EMBEDDED_WORKER", "VALKEY_APPENDONLY"}
    given = {name: value for name, value in example.items() if queue or name not in extra} | SECRETS
    environment = {
        name: filled_in(value, given) for name, value in compose()["services"][service]["environment"].items()
    }
    settings = load_settings({}, environment)
    assert settings.persistence == ("queue" if queue else "direct")
    assert settings.embedded_worker is not queue
    assert bool(settings.advertise) is (service != "worker")


def test_what_compose_asks_for_is_in_its_example() -> None:
    """Every variable somebody can set is where they look for it, and nothing else is."""
    content = text("compose/compose.yaml")
    assert set(re.findall(r"\$\{(\w+)", content)) == set(assignments(text("compose/.env.example"))) - {
        "COMPOSE_PROFILES"
    }


def test_nodes_are_where_the_proxy_and_the_others_look_for_them() -> None:
    """The addresses of the nodes, those they give to each other, and those of the proxy's upstream are the same."""
    services = compose()["services"]
    addresses = [services[node]["networks"]["madang"]["ipv4_address"] for node in NODES]
    places = [f"{address}:{Settings().port}" for address in addresses]
    assert [services[node]["environment"]["MADANG_ADVERTISE"] for node in NODES] == places
    assert [server.split()[0] for server in directives("compose/nginx.conf", "server")] == places
    proxy = services["proxy"]["networks"]["madang"]["ipv4_address"]
    assert {services[node]["environment"]["MADANG_TRUSTED_PROXIES"] for node in NODES} == {proxy}


def test_commands_are_those_of_the_command_line() -> None:
    """The image, the compose file and the units start `madang` with words it knows."""
    image = {
        name: msgspec.json.decode(words)
        for name, words in re.findall(r"^(ENTRYPOINT|CMD) (.*)$", text("compose/Dockerfile"), re.MULTILINE)
    }
    assert image["ENTRYPOINT"] == ["madang"]
    assert parsed(image["CMD"]) == "serve"
    assert parsed(compose()["services"]["worker"]["command"]) == "worker"
    started = [unit(path)["ExecStart"][0].replace("%i", "8420").split() for path in UNITS]
    assert {program for program, *_ in started} == {"/opt/madang/bin/madang"}
    assert [parsed(words) for _, *words in started] == ["worker", "serve", "serve"]


def test_every_health_route_exists() -> None:
    """A probe of a route that is not there would never be ready."""
    handlers = [one for one in vars(HealthController).values() if isinstance(one, HTTPRouteHandler)]
    routes = {path for handler in handlers for path in handler.paths}
    asked = {
        path
        for file in DEPLOY.rglob("*")
        if file.is_file()
        for path in re.findall(r"/(?:health/\w+|metrics)\b", file.read_text(encoding="utf-8"))
    }
    assert {"/health/ready", "/metrics"} <= asked <= routes


def test_nobody_is_killed_while_stopping() -> None:
    """Whoever stops Madang waits longer than the longest time that stopping takes."""
    services = compose()["services"]
    waits = [seconds(services[name]["stop_grace_period"]) for name in (*NODES, "worker")]
    waits += [seconds(unit(path)["TimeoutStopSec"][0]) for path in UNITS]
    assert min(waits) > LONGEST_STOP
    assert {unit(path)["KillSignal"][0] for path in UNITS} == {"SIGTERM"}


def test_nginx_waits_longer_than_a_quiet_socket_is_silent() -> None:
    """A WebSocket on which nobody says anything has a heartbeat in each interval, and a poll ends with one."""
    silent = Settings().ping_interval + Settings().ping_timeout
    for directive in ("proxy_read_timeout", "proxy_send_timeout"):
        (wait,) = directives("nginx/madang-locations.conf", directive)
        assert seconds(wait) > silent


def test_nginx_takes_what_madang_takes() -> None:
    """A body that Madang accepts gets there, one much larger does not."""
    (size,) = directives("nginx/madang-locations.conf", "client_max_body_size")
    assert LIMITS.payload_bytes <= int(size.removesuffix("m")) * 2**20 < 2 * LIMITS.payload_bytes


def test_postgresql_has_connections_for_all() -> None:
    """Three nodes and a worker use all their pools at once, beside somebody who looks."""
    (most,) = re.findall(r"max_connections=(\d+)", compose()["services"]["postgres"]["command"])
    assert int(most) > (len(NODES) + 1) * (LANES + READS + WRITES + SPARE + 2)


def test_the_image_is_locked_by_hash() -> None:
    """The locks it installs exist, and what is left out of its context is not among what it copies."""
    locks = re.findall(r"--require-hashes -r (\S+)", text("compose/Dockerfile"))
    assert locks == ["requirements/server.txt", "requirements/build.txt"]
    assert all((ROOT / lock).is_file() for lock in locks)
    kept = re.findall(r"^!(\S+)$", text("compose/Dockerfile.dockerignore"), re.MULTILINE)
    assert all((ROOT / path).exists() for path in kept)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_units_are_hardened(path: Path) -> None:
    """Madang needs its folder and the network, so it gets nothing else."""
    found = unit(path)
    expected = {
        "DynamicUser": "yes",
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "Restart": "on-failure",
    }
    assert {name: found[name][0] for name in expected} == expected
    assert found["StateDirectory"][0] in found["Environment"][0]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """No misspelt section or setting, with a program that exists."""
    for path in UNITS:
        content = path.read_text(encoding="utf-8").replace("/opt/madang/bin/madang", sys.executable)
        (tmp_path / path.name.replace("@", "@8420")).write_text(content)
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, tmp_path.iterdir())], capture_output=True, text=True, check=False
    )
    if "Failed to" in done.stderr and "manager" in done.stderr:
        pytest.skip(f"systemd-analyze does not work here: {done.stderr.strip()}")
    assert (done.returncode, done.stderr) == (0, "")
