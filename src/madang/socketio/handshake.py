"""The request that opens or serves an engine, read from either door, and what is kept of it for the application.

Owns which headers survive: a few short ones, shared between connections that sent equal values, because a thousand
browsers send the same user agent. Must never keep the whole request.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KEPT = {
    name.encode(): name
    for name in (
        "origin",
        "host",
        "cookie",
        "user-agent",
        "accept-language",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-real-ip",
    )
}
_PROTOCOL_QUERY = frozenset({"EIO", "transport", "sid", "t", "b64"})
_MAX_QUERY_FIELDS = 32
_MAX_SHARED, _LONGEST_SHARED = 4096, 256
_EMPTY: Mapping[str, str] = MappingProxyType({})
_shared: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What an application may know of a peer: how it came, and what it said in CONNECT."""

    address: str
    """The client's IP address, or "" when there is none."""
    headers: Mapping[str, str]
    """origin, host, cookie, user-agent, accept-language, x-forwarded-* and x-real-ip; only those that came."""
    query: Mapping[str, str]
    """The query string without the fields of the protocol."""
    secure: bool
    """Whether TLS ends in this process."""
    auth: dict[str, Any] = field(default_factory=dict)
    """The payload of CONNECT, as it came: judge its types."""
    issued: float = field(default_factory=time.time)
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request to the engine, by polling or by upgrade."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    address: str
    secure: bool
    upgrade: bool = False

    @property
    def origin(self) -> str | None:
        """The Origin header, None when absent."""
        return self.headers.get("origin")

    @property
    def host(self) -> str:
        """The Host header, empty when absent."""
        return self.headers.get("host", "")

    def handshake(self, auth: dict[str, Any] | None = None) -> Handshake:
        """Make what the application gets to see."""
        rest = {name: value for name, value in self.query.items() if name not in _PROTOCOL_QUERY}
        return Handshake(
            address=self.address,
            headers=self.headers,
            query=rest or _EMPTY,
            secure=self.secure,
            auth=auth if auth is not None else {},
        )


def keep_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Keep the few headers that matter; names must be in lower case."""
    return {
        _KEPT[name]: value.decode("latin-1") if name == b"cookie" else _share(value.decode("latin-1"))
        for name, value in headers
        if name in _KEPT
    }


def parse_query(raw: bytes) -> dict[str, str] | None:
    """Parse a query string; None when it has absurdly many fields."""
    try:
        return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS))
    except ValueError:
        return None


def has_invalid_characters(value: str) -> bool:
    """Tell whether a header value holds what no header may: control characters other than a tab."""
    return any((character < " " and character != "\t") or character == "\x7f" for character in value)


def _share(value: str) -> str:
    # Cookies are left out above: they differ for everybody, and a secret has no business in a table.
    if len(value) > _LONGEST_SHARED:
        return value
    if len(_shared) >= _MAX_SHARED:
        _shared.clear()
    return _shared.setdefault(value, value)
