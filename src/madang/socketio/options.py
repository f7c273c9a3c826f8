"""Settings of a server: times in seconds, sizes in bytes.

Owns the defaults (those of the Node server where it has one) and checks the values once. Must never be changed after
a server was made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from madang.socketio.peers import Peers
from madang.socketio.wire.engineio_session import TransportName

OriginPolicy = Callable[[str | None, str], bool]
"""Given the Origin header (None when absent) and the Host header, says whether the request may go on."""


def same_origin(origin: str | None, host: str) -> bool:
    """Allow what no browser sent, and pages of the host itself."""
    return origin is None or origin.lower() in (f"https://{host.lower()}", f"http://{host.lower()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Settings of a server.

    Raises:
        ValueError: a time or a size that cannot work.

    """

    path: str = "/socket.io/"
    """Where the server is mounted, prefix included, with a slash at both ends."""
    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    upgrade_timeout: float = 10.0
    connect_timeout: float = 45.0
    """How long an engine may live while its peer is in no namespace: not yet, or no more."""
    max_payload: int = 1_000_000
    """The largest polling body and the largest WebSocket message; a larger one closes the engine."""
    max_attachments: int = 10
    max_packets_per_body: int = 4096
    origins: OriginPolicy | Literal["*"] = same_origin
    """Which Origins may talk to this server, on both transports; ``"*"`` is any, with an open CORS answer."""
    transports: tuple[TransportName, ...] = ("polling", "websocket")
    node: str = ""
    """Put before every engine sid, so that a request can be passed on to the node that owns it."""
    peers: Peers | None = None
    """Who else has engines behind this address. None: whatever is not here is nowhere, and polling takes sticky sessions."""
    slow_bytes: int = 1024 * 1024
    """Above this a reader that takes nothing for ``slow_seconds`` is cut."""
    slow_seconds: float = 5.0
    hard_bytes: int = 8 * 1024 * 1024
    """Above this a reader is cut whatever it takes."""
    volatile_bytes: int = 64 * 1024
    """Above this volatile packets are dropped."""
    send_buffer: int | None = 256 * 1024
    """What the kernel may buffer for one WebSocket; None leaves it to the kernel, which hides megabytes."""
    turn_budget: float = 0.005
    """How long one turn of the loop may spend on writing."""
    packet_rate: float | None = None
    """Packets per second that one engine may send in the long run; more closes it. None: no limit."""
    packet_burst: int = 100
    """How many it may send at once on top of that."""
    admit: Callable[[str], float | None] | None = None
    """Asked with the address before anything else of a handshake: None lets it in, seconds to wait answer 503."""
    client_address: Callable[[str, Mapping[str, str]], str] | None = None
    """Given the peer's address and the kept headers, the address of the client: for servers behind a proxy.

    Give uvicorn ``proxy_headers=False`` with it: uvicorn's own rule knows polling only, and would come first there."""

    def __post_init__(self) -> None:
        """Check what would otherwise fail late."""
        if not (self.path.startswith("/") and self.path.endswith("/")):
            raise ValueError(f"path {self.path!r} must begin and end with a slash")
        for name in ("ping_interval", "ping_timeout", "upgrade_timeout", "connect_timeout", "slow_seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0 seconds")
        for name in ("max_payload", "max_packets_per_body", "packet_burst", "slow_bytes", "turn_budget"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0")
        if self.hard_bytes < self.slow_bytes:
            raise ValueError("hard_bytes must not be below slow_bytes")
        if not self.transports:
            raise ValueError("at least one transport is needed")
        if self.packet_rate is not None and self.packet_rate <= 0:
            raise ValueError("packet_rate must be above 0, or None")
