"""The bus of one node: who publishes is the only one to hear.

Owns nothing but the count of subscriptions. Invariant: a message on a channel nobody is subscribed to goes nowhere,
just as on a network, so that a missing subscription fails here too.
"""

from __future__ import annotations

import structlog

from madang.ports.bus import BusMessage, BusStats, Listener, Lost

__all__ = ["MemoryBus"]

_log = structlog.get_logger(__name__)


class MemoryBus:
    """Calls the listener at once."""

    def __init__(self) -> None:
        self._listener: Listener | None = None
        self._channels: dict[str, int] = {}

    def __len__(self) -> int:
        """Channels that are heard."""
        return len(self._channels)

    @property
    def heard(self) -> bool:
        return True

    def stats(self) -> BusStats:
        return BusStats()

    def listen(self, listener: Listener, lost: Lost | None = None) -> None:
        self._listener = listener  # nothing is ever lost here

    def publish(self, channel: str, message: BusMessage) -> None:
        if channel not in self._channels or self._listener is None:
            return
        try:
            self._listener(channel, message)
        except Exception:  # noqa: BLE001  # what the listener cannot take must not keep the publisher from its next message
            _log.exception("a message was not taken", channel=channel)

    async def subscribe(self, channels: list[str]) -> None:
        for channel in channels:
            self._channels[channel] = self._channels.get(channel, 0) + 1

    def unsubscribe(self, channels: list[str]) -> None:
        for channel in channels:
            count = self._channels.get(channel, 0)
            if count > 1:
                self._channels[channel] = count - 1
            else:
                self._channels.pop(channel, None)

    async def start(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        self._channels.clear()
        self._listener = None
