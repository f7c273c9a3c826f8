"""Client addresses of requests: who is counted, and who is on this machine.

Owns the way from a request to `TrustedProxies`. Must never take a local peer for a local client when a proxy says it
stands between: then everybody's requests come from this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final

from madang.api.forwarded import TrustedProxies

__all__ = ["ClientAddresses", "is_loopback"]

_FORWARDED_FOR: Final = b"x-forwarded-for"
_SIGNS_OF_A_PROXY: Final = frozenset((_FORWARDED_FOR, b"forwarded", b"x-real-ip", b"via"))


def is_loopback(address: str) -> bool:
    """Whether an address, with or without brackets, is this machine's own."""
    try:
        parsed = ip_address(address.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)


class ClientAddresses:
    """Finds the address of a request's client."""

    def __init__(self, proxies: TrustedProxies) -> None:
        self._proxies = proxies

    def of(self, scope: Mapping[str, Any]) -> str:
        """The nearest address that is not a trusted proxy's; empty if the server could not tell."""
        client = scope.get("client")
        # A proxy may add a line of its own below the one it was sent: all lines count, in their order.
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name == _FORWARDED_FOR]
        return self._proxies.client_address(str(client[0]) if client else "", {"x-forwarded-for": ",".join(lines)})

    def is_local(self, scope: Mapping[str, Any]) -> bool:
        """Whether the client is on this machine, no proxy between."""
        client = scope.get("client")
        if not client or any(name in _SIGNS_OF_A_PROXY for name, _ in scope["headers"]):
            return False
        return is_loopback(str(client[0]))
