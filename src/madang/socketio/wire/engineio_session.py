"""One Engine.IO connection as a state machine: which packet is allowed now, when to ping, when it is dead.

Owns the sid, which transport is the main one, the state of the upgrade and the heartbeat. Must never know a
socket, a clock or a queue. The caller feeds packets and the time, and does what the verdict says.

Transitions:
    OPEN -> OPEN                    [receive: MESSAGE, PONG, IGNORED]
    OPEN -> CLOSED                  [receive: CLOSED_BY_PEER, WRONG_DIRECTION, MALFORMED; timer: TIMED_OUT; close]
    upgrade NONE -> PROBING         [begin_upgrade]
    upgrade PROBING -> PROBING      [receive_probe: ANSWER]
    upgrade PROBING -> DONE         [receive_probe: COMPLETE], the main transport becomes WebSocket
    upgrade PROBING -> NONE         [receive_probe: REFUSED; abandon_upgrade]

The heartbeat has one deadline at a time: the next ping, or the moment at which the pong must have come.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

from madang.socketio.wire.engineio_packet import PROBE_PING, PacketType

# A timer that fires a little late must not move the deadline of the pong; a process that stood still must not cut
# everybody for it.
_FORGIVEN_LATENESS = 0.01

TransportName = Literal["polling", "websocket"]


class Verdict(Enum):
    """What a packet on the main transport means for the connection."""

    MESSAGE = "message"
    IGNORED = "ignored"
    CLOSED_BY_PEER = "closed by peer"
    WRONG_DIRECTION = "wrong heartbeat direction"
    MALFORMED = "malformed"


class ProbeVerdict(Enum):
    """What a packet on the candidate of an upgrade means."""

    ANSWER = "answer the probe"
    COMPLETE = "complete"
    REFUSED = "refused"


class Beat(Enum):
    """What the heartbeat wants at its deadline."""

    SEND_PING = "send ping"
    WAIT = "wait"
    TIMED_OUT = "timed out"


class Upgrade(Enum):
    """How far a connection has come from polling to WebSocket."""

    NONE = "none"
    PROBING = "probing"
    DONE = "done"


class EngineSession:
    """The protocol state of one connection. Times are seconds of one monotonic clock."""

    __slots__ = ("closed", "next_ping", "ping_interval", "ping_timeout", "pong_due", "sid", "transport", "upgrade")

    def __init__(
        self,
        sid: str,
        transport: TransportName,
        *,
        first_ping: float,
        ping_interval: float,
        ping_timeout: float,
    ) -> None:
        self.sid = sid
        self.transport: TransportName = transport
        self.upgrade = Upgrade.NONE
        self.closed = False
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.next_ping = first_ping
        self.pong_due: float | None = None

    def receive(self, packet: bytes) -> Verdict:
        """Judge a text packet that came on the main transport."""
        if not packet:
            return Verdict.MALFORMED
        match packet[0]:
            case PacketType.MESSAGE:
                return Verdict.MESSAGE
            case PacketType.PONG:
                self.pong_due = None  # one that nobody asked for changes nothing: it buys no time
                return Verdict.IGNORED
            case PacketType.CLOSE:
                return Verdict.CLOSED_BY_PEER
            case PacketType.PING:
                return Verdict.WRONG_DIRECTION
            case PacketType.OPEN | PacketType.UPGRADE | PacketType.NOOP:
                return Verdict.IGNORED
            case _:
                return Verdict.MALFORMED

    def timer(self, now: float) -> tuple[Beat, float]:
        """Tell what the heartbeat wants now, and its next deadline."""
        if self.pong_due is not None:
            return (Beat.TIMED_OUT, now) if self.overdue(now) else (Beat.WAIT, self.pong_due)
        if now < self.next_ping:
            return Beat.WAIT, self.next_ping
        sent = max(self.next_ping, now - _FORGIVEN_LATENESS)
        self.pong_due = sent + self.ping_timeout
        self.next_ping = sent + self.ping_interval
        return Beat.SEND_PING, self.pong_due

    def overdue(self, now: float) -> bool:
        """Tell whether the pong should have come by now."""
        return self.pong_due is not None and now >= self.pong_due

    def begin_upgrade(self) -> bool:
        """Try to start the upgrade; False when there is nothing to upgrade or one is under way."""
        if self.closed or self.transport == "websocket" or self.upgrade is not Upgrade.NONE:
            return False
        self.upgrade = Upgrade.PROBING
        return True

    def receive_probe(self, packet: bytes) -> ProbeVerdict:
        """Judge a text packet that came on the candidate."""
        if packet == PROBE_PING:
            return ProbeVerdict.ANSWER
        if packet[:1] == b"5":
            self.upgrade = Upgrade.DONE
            self.transport = "websocket"
            return ProbeVerdict.COMPLETE
        self.upgrade = Upgrade.NONE
        return ProbeVerdict.REFUSED

    def abandon_upgrade(self) -> None:
        """Forget a candidate that vanished or took too long."""
        if self.upgrade is Upgrade.PROBING:
            self.upgrade = Upgrade.NONE

    def close(self) -> bool:
        """Mark the connection closed; False when it was already."""
        was_open = not self.closed
        self.closed = True
        return was_open
