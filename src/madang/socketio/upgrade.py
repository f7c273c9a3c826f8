"""The way of one connection from polling to WebSocket: the probe, the wait, the change of transport.

Owns the candidate until it becomes the main transport or is given up. Must never touch the main transport before the
peer has said that it is ready: until then everything goes on by polling.

While the probe is answered and the upgrade is not complete, a poll that waits is ended every 100 ms with a noop, so
that a peer with a poll in flight can finish it and go over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from madang.socketio.engine import NORMAL
from madang.socketio.frames import PROBE_PONG
from madang.socketio.heartbeat import NO_SLOT, monotonic
from madang.socketio.wire.engineio_session import ProbeVerdict

if TYPE_CHECKING:
    from madang.socketio.engine import Engine
    from madang.socketio.reasons import DisconnectReason
    from madang.socketio.websocket import WebSocketTransport

_RELEASE_EVERY = 0.1


class UpgradeAttempt:
    """What receives the packets of the candidate."""

    __slots__ = ("_candidate", "_deadline", "_engine", "_probed", "slot")

    def __init__(self, engine: Engine, candidate: WebSocketTransport) -> None:
        self._engine: Engine | None = engine
        self._candidate: WebSocketTransport | None = candidate
        self._probed = False
        self.slot = NO_SLOT
        self._deadline = monotonic() + engine.server.options.upgrade_timeout
        engine.server.wheel.set(self, self._deadline)

    def text_received(self, packet: bytes) -> None:
        engine, candidate = self._engine, self._candidate
        if engine is None or candidate is None:
            return
        match engine.session.receive_probe(packet):
            case ProbeVerdict.ANSWER:
                candidate.write_queue([PROBE_PONG])
                self._probed = True
                engine.release_poll()
                self._schedule(engine, monotonic())
            case ProbeVerdict.COMPLETE:
                self._complete(engine, candidate)
            case ProbeVerdict.REFUSED:
                self._give_up()

    def binary_received(self, data: bytes) -> None:
        self._give_up()

    def writable_again(self) -> None:
        """Nothing waits for a candidate."""

    def transport_closed(self, transport: object, reason: DisconnectReason) -> None:
        self._give_up()

    def on_timer(self, now: float) -> None:
        engine = self._engine
        if engine is None:
            return
        if now >= self._deadline:
            self._give_up()
            return
        engine.release_poll()
        self._schedule(engine, now)

    def cancel(self) -> None:
        """Give up because the engine is closed."""
        self._give_up()

    def _schedule(self, engine: Engine, now: float) -> None:
        deadline = min(self._deadline, now + _RELEASE_EVERY) if self._probed else self._deadline
        engine.server.wheel.set(self, deadline)

    def _complete(self, engine: Engine, candidate: WebSocketTransport) -> None:
        engine.server.wheel.cancel(self)
        self._engine = self._candidate = None
        engine.upgrade_attempt = None
        polling = engine.transport
        candidate.receiver = engine
        engine.transport = engine.outbox.transport = candidate
        engine.writable_again()
        if polling is not None:
            polling.close(NORMAL, "")

    def _give_up(self) -> None:
        engine, candidate = self._engine, self._candidate
        if engine is None or candidate is None:
            return
        self._engine = self._candidate = None
        engine.server.wheel.cancel(self)
        engine.upgrade_attempt = None
        engine.session.abandon_upgrade()
        candidate.close(NORMAL, "")
