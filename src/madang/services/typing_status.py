"""Typing: who is writing right now. Told to others, never stored, lost without harm.

Must never be called before membership has been checked: callers pass through `Access`, or know from the room.
"""

from __future__ import annotations

from typing import Final

import msgspec

from madang.clock import Clock
from madang.contract.limits import Limits
from madang.contract.server_events import Typing
from madang.ports.bus import Bus, RoomNotice, conversation_channel

__all__ = ["TypingService"]

REMEMBERED: Final = 10_000
"""Recent starts kept for throttling before the old ones are forgotten."""

_encode = msgspec.json.Encoder().encode


class TypingService:
    """Tells a conversation that somebody types, at most once in `typing_seconds` each."""

    def __init__(self, bus: Bus, clock: Clock, limits: Limits) -> None:
        self._bus = bus
        self._clock = clock
        self._seconds = limits.typing_seconds
        self._started: dict[tuple[str, str], float] = {}

    def start(self, user_id: str, conversation_id: str) -> None:
        """They type; more often than the limit is dropped."""
        now = self._clock.monotonic()
        place = (conversation_id, user_id)
        if now - self._started.get(place, -self._seconds) < self._seconds:
            return
        if len(self._started) >= REMEMBERED:
            self._started = {key: at for key, at in self._started.items() if now - at < self._seconds}
        self._started[place] = now
        self._tell("typing:start", user_id, conversation_id)

    def stop(self, user_id: str, conversation_id: str) -> None:
        """They have stopped; told only if a start was, so that stops cannot be used to flood."""
        if self._started.pop((conversation_id, user_id), None) is not None:
            self._tell("typing:stop", user_id, conversation_id)

    def _tell(self, event: str, user_id: str, conversation_id: str) -> None:
        self._bus.publish(
            conversation_channel(conversation_id),
            RoomNotice(
                conversation_id=conversation_id,
                event=event,
                payload=_encode(Typing(user_id=user_id, conversation_id=conversation_id)),
                except_user=user_id,
                volatile=True,
            ),
        )
