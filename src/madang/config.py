"""The settings: one frozen object, read once.

Owns every setting's name, unit, default and what it accepts (`docs/reference/settings.md` is generated from it), and the
secret made for who sets none. It is the only module that reads the environment. Must never log a value.

Invariants:
1. Flags win over the environment, the environment over the file that `MADANG_CONFIG` names, the file over defaults.
2. All three go through the same parser, so a value means the same wherever it stands. An empty value is an unset one.
3. A variable that begins with `MADANG_` and is no setting stops the start: a typing error must not pass for a default.
4. What this version cannot do yet is refused with a sentence, never ignored.
5. No error and no `repr` shows a secret.
"""

from __future__ import annotations

import math
import os
import secrets
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, get_type_hints
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import fields

__all__ = [
    "SECRET_FILE",
    "Accepts",
    "InUseError",
    "Network",
    "Settings",
    "SettingsError",
    "accepted",
    "load_settings",
    "signing_secret",
    "variable",
]

FILE: Final = "MADANG_CONFIG"
SECRET_FILE: Final = "secret"  # noqa: S105 - the name of a file
MIN_SECRET_BYTES: Final = 32
_NOT_SETTINGS: Final = ("MADANG_TEST_", "MADANG_SKIP_WEB_BUILD")  # of the test suite and of the package's build

Network = IPv4Network | IPv6Network
T = TypeVar("T")


class SettingsError(Exception):
    """A setting, or what it points at, that stops the start. Shown to the operator as one sentence."""

    def __init__(self, setting: str, sentence: str) -> None:
        super().__init__(f"{setting}: {sentence}")
        self.setting = setting
        self.sentence = sentence


class InUseError(SettingsError):
    """What a setting points at is fine, and somebody else has it: a port, a data folder."""


@dataclass(frozen=True, slots=True)
class Accepts:
    """What a setting takes, in words and as a parser that raises `ValueError` for everything else."""

    words: str
    parse: Callable[[str], Any]
    secret: bool = False


def _number(kind: Callable[[str], float], low: float, high: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        parsed = kind(value)
        if not low <= parsed <= high:
            raise ValueError(value)
        return parsed

    return parse


def _one_of(*words: str) -> Accepts:
    def parse(value: str) -> str:
        if value not in words:
            raise ValueError(value)
        return value

    return Accepts(", ".join(words[:-1]) + f" or {words[-1]}", parse)


def _list(item: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    return lambda value: tuple(item(part.strip()) for part in value.split(",") if part.strip())


def _secret(value: str) -> str:
    if len(value.encode()) < MIN_SECRET_BYTES:
        raise ValueError
    return value


def _web_address(value: str) -> str:
    """An http or https address without query, its closing slash removed. The path ends up in pages and cookies."""
    parts = urlsplit(value)
    plain_path = all(letter.isalnum() or letter in "/-._~" for letter in parts.path) and parts.path.isascii()
    dotted = any(step in {".", ".."} for step in parts.path.split("/"))
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain_path or dotted or "//" in parts.path:
        raise ValueError(value)
    if parts.query or parts.fragment or "@" in parts.netloc or parts.port == 0:
        raise ValueError(value)
    return value.rstrip("/")


def _database(value: str) -> str:
    if urlsplit(value).scheme not in {"postgresql", "postgres"}:
        raise ValueError
    return value


def _redis(value: str) -> str:
    parts = urlsplit(value)
    database = parts.path.removeprefix("/")
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname or parts.port == 0:
        raise ValueError
    if parts.query or parts.fragment or not (database.isdecimal() or not database):
        raise ValueError
    return value


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or "/" in host or (":" in host and not host.startswith("[")) or not 0 < int(port) < 65_536:
        raise ValueError(value)
    return value


def _flag(value: str) -> bool:
    if value not in {"0", "1"}:
        raise ValueError(value)
    return value == "1"


def _origin(value: str) -> str:
    address = _web_address(value).lower()
    if urlsplit(address).path:
        raise ValueError(value)
    return address


def _failpoints(value: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    found = {place.strip(): action.strip() for place, _, action in pairs}
    if not all(found.values()):
        raise ValueError(value)
    return found


def _claims(value: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    found = {ours.strip(): theirs.strip() for ours, _, theirs in pairs}
    if not all(found.values()) or not found.keys() <= {"sub", "name", "picture"}:
        raise ValueError(value)
    return found


_SECRET: Final = Accepts(f"at least {MIN_SECRET_BYTES} bytes", _secret, secret=True)


class Settings(Struct, frozen=True, kw_only=True):
    """Everything an operator decides; a change takes a restart."""

    host: Annotated[str, Accepts("an address or a host name", str)] = "127.0.0.1"
    """Where to listen; `0.0.0.0` is every IPv4 address of the machine."""
    port: Annotated[int, Accepts("a whole number from 0 to 65535", _number(int, 0, 65_535))] = 8420
    """Where to listen; 0 takes a free port and prints it."""
    data: Annotated[Path, Accepts("a folder", Path)] = Path("data")
    """Folder of the store and of the secret; made when missing. One server at a time."""
    workers: Annotated[int, Accepts("a whole number from 1", _number(int, 1, 1_024))] = 1
    """Processes that share the port. More than 1 takes `MADANG_DATABASE_URL` and `MADANG_REDIS_URL`."""
    database_url: Annotated[str, Accepts("postgresql://user:password@host:port/database", _database, secret=True)] = ""
    """The store, PostgreSQL 14 or newer; unset: SQLite in the data folder. Takes `madang[postgres]`. One server
    at a time."""
    unsafe_durability: Annotated[bool, Accepts("0 or 1", _flag)] = False
    """1: start also on a PostgreSQL that runs with `fsync`, `synchronous_commit` or `full_page_writes` off, and may lose
    acknowledged messages."""
    redis_url: Annotated[str, Accepts("redis[s]://[[user]:password@]host[:port][/database]", _redis, secret=True)] = ""
    """What joins several nodes on one PostgreSQL: Redis or Valkey 7 or newer; unset: this process is alone. Takes
    `madang[redis]`, `MADANG_DATABASE_URL`, and the same `MADANG_SECRET` on every node."""
    advertise: Annotated[str, Accepts("host:port", _address)] = ""
    """Where other nodes reach this one, past every proxy; they pass on to it what a proxy sent to the wrong one. Unset: they do
    not, and polling takes a proxy with sticky sessions. Takes `MADANG_REDIS_URL`."""
    persistence: Annotated[Literal["direct", "queue"], _one_of("direct", "queue")] = "direct"
    """When a message is acknowledged: once it is stored, or once Redis has it (`queue`), to be stored by workers. `queue` takes
    `MADANG_REDIS_URL`, and keeps what it acknowledged as well as that Redis does: see docs/queue.md."""
    embedded_worker: Annotated[bool, Accepts("0 or 1", _flag)] = True
    """With `queue`, 1: `madang serve` stores what was accepted itself, beside any `madang worker`; 0: only they do."""
    worker_port: Annotated[int | None, Accepts("a whole number from 0 to 65535", _number(int, 0, 65_535))] = None
    """Where `madang worker` answers `/health` and `/metrics`; 0 takes a free port and prints it; unset: nowhere."""
    queue_entries: Annotated[int, Accepts("a whole number from 16", _number(int, 16, 1_000_000_000))] = 160_000
    """With `queue`: how many messages may wait to be stored; further ones are told `try_again`. Each conversation may fill a
    sixteenth of it."""
    queue_bytes: Annotated[int, Accepts("a whole number from 1048576", _number(int, 1_048_576, 10**12))] = 268_435_456
    """With `queue`: how many bytes of them, in the same way."""
    public_url: Annotated[str, Accepts("https://host or https://host/prefix", _web_address)] = ""
    """The address people use. Its path is the prefix of everything: page, `/api`, `/socket.io/`, cookies."""
    secret: Annotated[str, _SECRET] = ""
    """Signs access tokens; unset: made once and kept in the data folder."""
    origins: Annotated[tuple[str, ...], Accepts("a comma list of https://host[:port]", _list(_origin))] = ()
    """Other web sites whose pages may use this server, by bearer token."""
    registration: Annotated[Literal["open", "invite", "closed"], _one_of("open", "invite", "closed")] = "open"
    """Who may make an account; `closed`: only the operator, with `madang user create`. Not yet: `invite`."""
    directory: Annotated[Literal["open", "shared", "exact", "closed"], _one_of("open", "shared", "exact", "closed")] = (
        "open"
    )
    """Who finds whom: everybody; people of shared conversations; by the exact username; nobody."""
    conversations: Annotated[Literal["users", "server"], _one_of("users", "server")] = "users"
    """Who makes conversations: the users, or only the server API."""
    send_rate: Annotated[float, Accepts("a number from 0 to 1000000", _number(float, 0, 1_000_000))] = 10.0
    """Messages per second and user, three times as many at once; 0 is no limit."""
    edit_window: Annotated[float, Accepts("seconds from 0 to 1000000000", _number(float, 0, 1_000_000_000))] = 0.0
    """How long people may edit a message of their own; 0 is no limit."""
    delete_window: Annotated[float, Accepts("seconds from 0 to 1000000000", _number(float, 0, 1_000_000_000))] = 0.0
    """How long people may delete a message of their own; 0 is no limit. Owners and admins of a group always may."""
    connect_rate: Annotated[float, Accepts("a number from 0 to 1000000", _number(float, 0, 1_000_000))] = 500.0
    """Handshakes of sockets per second, ten times as many at once; others wait a moment. 0 is no limit."""
    ping_interval: Annotated[float, Accepts("seconds from 0.1 to 3600", _number(float, 0.1, 3_600))] = 25.0
    """Seconds between heartbeats of a socket; below the idle timeout of every proxy on the way."""
    ping_timeout: Annotated[float, Accepts("seconds from 0.1 to 3600", _number(float, 0.1, 3_600))] = 20.0
    """Seconds in which a heartbeat must be answered."""
    api_key: Annotated[str, _SECRET] = ""
    """Opens `/metrics` to other machines, as a bearer token; unset: this machine only."""
    jwt_secret: Annotated[str, _SECRET] = ""
    """Checks the tokens of a host application (HS256); unset: there is none."""
    jwks_url: Annotated[str, Accepts("https://…", _web_address)] = ""
    """Where the host application publishes its public keys. Not yet."""
    jwt_issuer: Annotated[str, Accepts("a text", str)] = ""
    """What `iss` of a host application's token must be; unset: it is not asked, the secret alone vouches."""
    jwt_audience: Annotated[str, Accepts("a text", str)] = ""
    """What `aud` of a host application's token must be or hold; unset: it is not asked."""
    jwt_claims: Annotated[dict[str, str], Accepts("sub=claim,name=claim,picture=claim, or some of them", _claims)] = {}
    """Which claims of a host application's token hold the user's id, name and picture, where they have other names."""
    trusted_proxies: Annotated[
        tuple[Network, ...], Accepts("a comma list of addresses or networks, such as 10.0.0.0/8", _list(ip_network))
    ] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    """Whose `X-Forwarded-For` is believed."""
    log: Annotated[Literal["auto", "console", "json"], _one_of("auto", "console", "json")] = "auto"
    """Form of the log: for people, for machines, or by whether a terminal reads it."""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], _one_of("debug", "info", "warning", "error")] = (
        "info"
    )
    """The least that is logged."""
    failpoints: Annotated[dict[str, str], Accepts("place=action, several with commas", _failpoints)] = {}
    """For tests of faults: where this server crashes, fails or waits, such as `after_commit=crash:40`. Never set it where
    people talk."""

    @property
    def prefix(self) -> str:
        """Path before everything: empty, or `/chat` without a closing slash."""
        return urlsplit(self.public_url).path

    def __repr__(self) -> str:
        return f"Settings(host={self.host!r}, port={self.port}, data={str(self.data)!r}, …)"


def variable(name: str) -> str:
    """The environment variable of a field."""
    return f"MADANG_{name.upper()}"


@cache
def accepted() -> dict[str, Accepts]:
    """Field name to what it takes, in the order of the settings."""
    hints = get_type_hints(Settings, include_extras=True)
    return {field.name: hints[field.name].__metadata__[0] for field in fields(Settings)}


def load_settings(flags: Mapping[str, str | None], environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Args:
        flags: field name to the text of a command line flag; None if it was not given.
        environment: variables; others than `MADANG_*` are ignored.

    Raises:
        SettingsError: the first wrong one, or one this version cannot do.
    """
    values: dict[str, Any] = {}
    for name, source, value in [
        *_from_file(environment.get(FILE, "")),
        *_from_environment(environment),
        *((name, f"--{name.replace('_', '-')}", value) for name, value in flags.items() if value is not None),
    ]:
        values[name] = _parsed(accepted()[name], source, value)
    settings = Settings(**{name: value for name, value in values.items() if value is not None})
    _refuse_what_comes_later(settings)
    _refuse_contradictions(settings)
    return settings


def _parsed(accepts: Accepts, source: str, value: str) -> Any:
    value = value.strip()
    if not value:
        return None
    with suppress(ValueError, OverflowError):
        parsed = accepts.parse(value)
        if not (isinstance(parsed, float) and math.isnan(parsed)):
            return parsed
    raise SettingsError(source, f"accepts {accepts.words}" + ("." if accepts.secret else f", not {value!r}."))


def _from_environment(environment: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
    names = {variable(name): name for name in accepted()}
    for key, value in environment.items():
        if key in names:
            yield names[key], key, value
        elif key.startswith("MADANG_") and key != FILE and not key.startswith(_NOT_SETTINGS):
            raise SettingsError(key, f"is no setting of Madang.{_suggestion(key, [*names, FILE])}")


def _from_file(name: str) -> Iterable[tuple[str, str, str]]:
    if not name:
        return
    try:
        content = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(FILE, f"accepts the path of a TOML file; {name!r} is none: {error}.") from None
    for key, value in content.items():
        source = f"{key} in {name}"
        if key not in accepted():
            raise SettingsError(source, f"is no setting of Madang.{_suggestion(key, list(accepted()))}")
        yield key, source, _as_text(value)


def _as_text(value: Any) -> str:
    """A value of the file as the environment would write it."""
    match value:
        case list():
            return ",".join(str(item) for item in value)
        case dict():
            return ",".join(f"{ours}={theirs}" for ours, theirs in value.items())
        case _:
            return str(value)


def _suggestion(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, n=1)
    return f" Did you mean {close[0]}?" if close else " The list is in docs/reference/settings.md."


def _refuse_what_comes_later(settings: Settings) -> None:
    later = {
        "jwks_url": (settings.jwks_url, "public keys are not supported yet: MADANG_JWT_SECRET is"),
        "registration": (settings.registration == "invite", "invite is not supported yet: use open or closed"),
    }
    for name, (wanted, sentence) in later.items():
        if wanted:
            raise SettingsError(variable(name), f"{sentence}.")


def _refuse_contradictions(settings: Settings) -> None:
    if settings.redis_url and not settings.database_url:
        raise SettingsError(
            "MADANG_REDIS_URL", "joins nodes that share a PostgreSQL: set MADANG_DATABASE_URL, or unset it to be alone."
        )
    if settings.redis_url and not settings.secret:
        raise SettingsError(
            "MADANG_REDIS_URL",
            "takes MADANG_SECRET too: nodes that sign with different ones refuse each other's tokens.",
        )
    if settings.persistence == "queue" and not settings.redis_url:
        raise SettingsError(
            "MADANG_PERSISTENCE",
            "queue takes MADANG_REDIS_URL, where messages wait, and PostgreSQL: set both, or direct.",
        )
    if settings.workers > 1 and not (settings.database_url and settings.redis_url):
        raise SettingsError(
            "MADANG_WORKERS",
            "above 1 takes PostgreSQL and Redis: set MADANG_DATABASE_URL and MADANG_REDIS_URL, or use 1.",
        )
    if settings.workers > 1 and sys.platform == "win32":
        raise SettingsError("MADANG_WORKERS", "must be 1 on Windows, where processes cannot share a port.")
    if settings.advertise and not settings.redis_url:
        raise SettingsError("MADANG_ADVERTISE", "means nothing without MADANG_REDIS_URL: there are no other nodes.")
    for name in ("jwt_issuer", "jwt_audience", "jwt_claims"):
        if getattr(settings, name) and not settings.jwt_secret:
            raise SettingsError(variable(name), "means nothing without MADANG_JWT_SECRET.")
    if settings.jwt_issuer == "madang":
        raise SettingsError("MADANG_JWT_ISSUER", "must not be madang: that is the issuer of Madang's own tokens.")
    if settings.jwt_secret and settings.jwt_secret == settings.secret:
        raise SettingsError("MADANG_JWT_SECRET", "must not be the same as MADANG_SECRET: who has one would hold both.")


def signing_secret(settings: Settings) -> str:
    """The secret that signs access tokens: the one that is set, else the one in the data folder, made on first use.

    Raises:
        SettingsError: the folder cannot be written, or what is kept there is too short.
    """
    if settings.secret:
        return settings.secret
    kept = settings.data / SECRET_FILE
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            _write_once(kept, secrets.token_urlsafe(48))
        content = kept.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise SettingsError("MADANG_DATA", f"cannot write to {settings.data}: {error.strerror or error}.") from None
    if len(content.encode()) < MIN_SECRET_BYTES:
        raise SettingsError("MADANG_SECRET", f"{kept} is shorter than {MIN_SECRET_BYTES} bytes: restore or remove it.")
    return content


def _write_once(kept: Path, content: str) -> None:
    """Make the file with its content at once, readable by its owner only; never replace one.

    Raises:
        FileExistsError: it is there.
    """
    if kept.exists():
        raise FileExistsError(kept)
    draft = kept.with_name(f"{kept.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(content + "\n")
            file.flush()
            os.fsync(descriptor)
        os.link(draft, kept)
    finally:
        draft.unlink(missing_ok=True)
