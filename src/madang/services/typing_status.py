"""Typing: who is writing right now. Told to others, never stored, lost without harm.

Must never be called before membership has been checked: callers pass through `Access`, or know from the room.
"""

from __future__ import annotations

from typing import Final

import msgspec

from madang.clock import Clock
from madang.contract.limits import Limits
from madang.contract.server_events import Typing
from madang.domain.rate import TokenBuckets
from madang.ports.bus import Bus, RoomNotice, conversation_channel

__all__ = ["TypingService"]

REMEMBERED: Final = 10_000
"""People said to be typing, above which those are looked for who have never said that they stopped."""

_encode = msgspec.json.Encoder().encode


class TypingService:
    """Tells a conversation that somebody types, at most once in `typing_seconds` each."""

    def __init__(self, bus: Bus, clock: Clock, limits: Limits) -> None:
        self._bus = bus
        self._clock = clock
        self._starts = TokenBuckets(1 / limits.typing_seconds, 1)
        self._forgotten_after = limits.typing_timeout_ms / 1_000
        self._forget_above = REMEMBERED
        self._typing: dict[tuple[str, str], float] = {}

    def __len__(self) -> int:
        """People said to be typing."""
        return len(self._typing)

    def start(self, user_id: str, conversation_id: str) -> None:
        """They type; more often than the limit is dropped, also with stops between."""
        now = self._clock.monotonic()
        place = (conversation_id, user_id)
        if self._starts.take(place, now):
            return
        if len(self._typing) >= self._forget_above:
            self._forget(now)
        self._typing[place] = now
        self._tell("typing:start", user_id, conversation_id)

    def stop(self, user_id: str, conversation_id: str) -> None:
        """They have stopped; told only if a start was, so that stops cannot be used to flood."""
        if self._typing.pop((conversation_id, user_id), None) is not None:
            self._tell("typing:stop", user_id, conversation_id)

    def _forget(self, now: float) -> None:
        """Receivers have dropped these by now."""
        self._typing = {place: at for place, at in self._typing.items() if now - at < self._forgotten_after}
        self._forget_above = max(REMEMBERED, 2 * len(self._typing))

    def _tell(self, event: str, user_id: str, conversation_id: str) -> None:
        self._bus.publish(
            conversation_channel(conversation_id),
            RoomNotice(
                conversation_id=conversation_id,
                event=event,
                payload=_encode(Typing(user_id=user_id, conversation_id=conversation_id)),
                except_user=user_id,
                volatile=True,
                narrow=True,
            ),
        )
