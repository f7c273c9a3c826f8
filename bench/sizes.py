"""How large a run is.

Owns the numbers of the full benchmark and of the quick one. The quick one shows that everything runs and counts exactly;
its figures are no result, so its promises are generous.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Numbers of sockets, seconds, and what is promised."""

    members: int
    """Of the one large room."""
    senders: int
    windows: tuple[int, ...]
    """Messages each sender keeps under way, one run for each."""
    warm_up: float
    seconds: float
    """How long each measured run sends."""
    pace: float
    """Messages per second of the steady load."""
    idle: int
    """Sockets that do nothing."""
    settle: float
    """Seconds before memory is read."""
    group_senders: int
    group_size: int
    group_window: int
    burst: int
    """Messages in one batch."""
    fan_out_ratio: float
    memory_ratio: float
    stall_milliseconds: float | None
    """None: not promised."""


FULL: Final = Sizes(
    members=1_000,
    senders=10,
    windows=(1, 8),
    warm_up=0.5,
    seconds=5.0,
    pace=10.0,
    idle=5_000,
    settle=3.0,
    group_senders=100,
    group_size=10,
    group_window=4,
    burst=1_000,
    fan_out_ratio=10.0,
    memory_ratio=2.0,
    stall_milliseconds=20.0,
)

QUICK: Final = Sizes(
    members=100,
    senders=5,
    windows=(8,),
    warm_up=0.2,
    seconds=0.7,
    pace=20.0,
    idle=200,
    settle=0.3,
    group_senders=20,
    group_size=10,
    group_window=2,
    burst=100,
    fan_out_ratio=2.0,
    memory_ratio=1.0,
    stall_milliseconds=None,
)
