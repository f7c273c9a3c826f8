"""Client addresses: believed from named proxies only, and local only without any proxy."""

from ipaddress import ip_network
from typing import Any

import pytest

from madang.api.client_address import ClientAddresses, is_loopback
from madang.api.forwarded import TrustedProxies

ADDRESSES = ClientAddresses(TrustedProxies((ip_network("10.0.0.0/8"),)))


def scope(peer: str | None, *headers: tuple[str, str]) -> dict[str, Any]:
    """A request from a peer with these header lines, in their order."""
    client = None if peer is None else (peer, 50_000)
    return {"client": client, "headers": [(name.encode(), value.encode()) for name, value in headers]}


def test_a_forged_line_does_not_hide_the_client() -> None:
    """Some proxies add a line of their own below the client's: the client's counts for nothing."""
    lines = (("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.5"))
    assert ADDRESSES.of(scope("10.0.0.1", *lines)) == "203.0.113.5"
    assert ADDRESSES.of(scope("203.0.113.5", *lines)) == "203.0.113.5"
    assert ADDRESSES.of(scope(None)) == ""


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "via"])
def test_behind_a_proxy_nobody_is_local(header: str) -> None:
    """A proxy on this machine makes everybody's requests come from it."""
    assert ADDRESSES.is_local(scope("127.0.0.1"))
    assert ADDRESSES.is_local(scope("::1"))
    assert not ADDRESSES.is_local(scope("127.0.0.1", (header, "127.0.0.1")))
    assert not ADDRESSES.is_local(scope("203.0.113.5"))
    assert not ADDRESSES.is_local(scope(None))


@pytest.mark.parametrize(
    ("address", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("::ffff:127.0.0.1", True),
     ("128.0.0.1", False), ("localhost", False), ("", False), ("127.0.0.1.evil", False)],
)  # fmt: skip  # a table
def test_loopback(address: str, local: bool) -> None:
    """Every spelling of this machine, and nothing that only looks like it."""
    assert is_loopback(address) is local
