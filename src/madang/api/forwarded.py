"""Who really asks, when a proxy stands in between.

Owns which forwarding headers are believed: only those of a proxy the operator has named, because anybody can write them.
Limits on sign-ins count by the address found here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from ipaddress import ip_address

from madang.config import Network

__all__ = ["TrustedProxies"]


class TrustedProxies:
    """Reads `X-Forwarded-For` as written by the proxies of these networks."""

    def __init__(self, networks: Collection[Network]) -> None:
        self._networks = tuple(networks)
        self._is_trusted = lru_cache(maxsize=1_024)(self._look_up)

    def client_address(self, peer: str, headers: Mapping[str, str]) -> str:
        """The nearest address to us that is no proxy of ours; the peer's own if it is none."""
        address = peer
        for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
            if not self._is_trusted(address) or not (hop := _without_port(hop.strip())):
                break
            address = hop
        return address

    def _look_up(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)  # a socket of both families shows 127.0.0.1 as ::ffff:127.0.0.1
        return any((mapped or parsed) in network for network in self._networks)


def _without_port(hop: str) -> str:
    """The address of `1.2.3.4:5` and `[::1]:5`; empty for what is no address, which nobody could act on."""
    bare = hop[1:].partition("]")[0] if hop.startswith("[") else hop
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        return str(ip_address(bare))
    except ValueError:
        return ""
