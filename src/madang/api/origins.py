"""Origins: which page a browser's request comes from, and what that page may do.

Owns the comparison of `Origin` headers. Must never let a part of a name stand for the whole: origins are equal or they
are not.

Invariants:
1. Our own page may use cookies; pages of `MADANG_ORIGINS` may use tokens; no other page may do anything.
2. `null` (a sandboxed frame, a file) is nobody's origin.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

__all__ = ["Origins"]

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def _canonical(origin: str) -> str:
    """An origin with its default port left out, in lower case."""
    lowered = origin.lower()
    return lowered.removesuffix(_DEFAULT_PORTS.get(lowered.partition(":")[0], " "))


class Origins:
    """What is known of origins.

    Args:
        public_url: the address people use (`MADANG_PUBLIC_URL`); empty: whatever `Host` says.
        allowed: origins of other pages that may come with a token.

    Raises:
        ValueError: an allowed origin is not exactly one origin.
    """

    def __init__(self, public_url: str, allowed: Iterable[str]) -> None:
        parts = urlsplit(public_url)
        self.public_host = parts.netloc.lower()
        self._public = _canonical(f"{parts.scheme}://{parts.netloc}") if public_url else ""
        self.allowed = tuple(_canonical(origin) for origin in allowed)
        for origin in self.allowed:
            parts = urlsplit(origin)
            if "*" in origin or parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
                raise ValueError(f"{origin!r} is not one exact origin such as https://example.com")

    def is_own(self, origin: str, host: str) -> bool:
        """Whether a page of this origin is our own.

        Args:
            origin: the header `Origin`.
            host: the header `Host`. A browser sets both itself, so they agree exactly for our own pages; the scheme is
                not compared, because a proxy that ends TLS hides it.
        """
        origin = _canonical(origin)
        if self._public and origin == self._public:
            return True
        scheme, _, authority = origin.partition("://")
        return (
            scheme in _DEFAULT_PORTS
            and authority != ""
            and authority == _canonical(f"{scheme}://{host}")[len(scheme) + 3 :]
        )

    def is_allowed(self, origin: str) -> bool:
        """Whether pages of this origin may come with a token."""
        return _canonical(origin) in self.allowed
