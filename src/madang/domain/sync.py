"""Coming back: how somebody who knows a log up to a version is brought to its head.

Owns the one decision and its numbers. A version says what is known, the epoch which history it belongs to; whoever knows
another history, or more of this one than there is, knows nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, Protocol

__all__ = ["MOST_MISSED", "VOID", "Status", "starts_membership", "status_of"]

MOST_MISSED: Final = 1_000
"""Versions missed above which the newest page is cheaper for everybody than all the changes."""
VOID: Final = -1
"""The version of what is known of another epoch."""

Status = Literal["delta", "gap", "reset"]


def status_of(known: int | None, head: int) -> Status:
    """What helps somebody who knows a log up to `known` (None: nothing yet) when it stands at `head`.

    `delta`: every change since. `gap`: too much was missed, the newest page instead; what is older may have changed.
    `reset`: what is known is void.
    """
    if known is None:
        return "gap"
    if not 0 <= known <= head:
        return "reset"
    return "delta" if head - known <= MOST_MISSED else "gap"


class _Placed(Protocol):
    @property
    def seq(self) -> int: ...


def starts_membership(missed: Iterable[_Placed], visible_from_seq: int) -> bool:
    """Whether what was missed begins with one's own joining: what is known is then of a membership that is over."""
    return visible_from_seq > 1 and any(message.seq == visible_from_seq for message in missed)
