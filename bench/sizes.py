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
    list_users: int
    list_size: int
    """Conversations of each of them."""
    list_pace: float
    """Messages per second."""
    list_inits: float
    """Devices per second that come back."""
    list_seconds: float
    scale_groups: int
    scale: tuple[tuple[int, int], tuple[int, int]]
    """Messages of each group and of the large one: few, and many."""
    scale_samples: int
    pairs: int
    """Runs of each way of storing, in turn."""
    pair_seconds: float
    node_users: int
    """Of the chat on one node and on two."""
    node_pace: float
    """Messages per second."""
    node_ratio: float
    """What a delivery costs on one node, to what it costs on two, at least."""
    way_pace: float
    """Messages per second on the way from one node to the other."""
    way_seconds: float
    way_milliseconds: float | None
    """None: not promised."""
    queue_users: int
    queue_search: float
    """Seconds for which each pace of BullMQ is tried."""
    queue_factor: float
    """How many times as much the queue mode is sent."""
    queue_seconds: float
    queue_lag: float | None
    """Milliseconds between the moment a message was due and its delivery, at most. None: not promised."""
    burst: int
    """Messages in one batch."""
    cost_users: int
    cost_list: int
    """Groups of ten each of them is in."""
    cost_pace: float
    """Messages, marks or signals of typing per second."""
    cost_seconds: float
    """How long each of them goes on, and how long nothing is done to see what that costs."""
    cost_channels: int
    """Channels of the bus; each is published to a few times."""
    fan_out_ratio: float
    memory_ratio: float
    durable_ratio: float
    scale_ratio: float
    """What few messages cost, to what many cost, at least."""
    stall_milliseconds: float | None
    """None: not promised."""
    list_milliseconds: float | None
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
    list_users=100,
    list_size=100,
    list_pace=500.0,
    list_inits=20.0,
    list_seconds=20.0,
    scale_groups=2_000,
    scale=((4, 2_000), (1_000, 1_000_000)),
    scale_samples=200,
    pairs=7,
    pair_seconds=3.0,
    node_users=200,
    node_pace=1_000.0,
    node_ratio=0.8,
    way_pace=500.0,
    way_seconds=10.0,
    way_milliseconds=50.0,
    queue_users=200,
    queue_search=5.0,
    queue_factor=2.0,
    queue_seconds=30.0,
    queue_lag=1_000.0,
    burst=1_000,
    cost_users=1_000,
    cost_list=20,
    cost_pace=400.0,
    cost_seconds=15.0,
    cost_channels=20_000,
    fan_out_ratio=10.0,
    memory_ratio=2.0,
    durable_ratio=8.0,
    scale_ratio=0.5,
    stall_milliseconds=20.0,
    list_milliseconds=20.0,
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
    list_users=20,
    list_size=5,
    list_pace=50.0,
    list_inits=10.0,
    list_seconds=1.0,
    scale_groups=2_000,
    scale=((4, 500), (10, 2_000)),
    scale_samples=10,
    pairs=2,
    pair_seconds=0.4,
    node_users=20,
    node_pace=200.0,
    node_ratio=0.2,
    way_pace=100.0,
    way_seconds=1.0,
    way_milliseconds=None,
    queue_users=20,
    queue_search=1.0,
    queue_factor=0.2,
    queue_seconds=1.0,
    queue_lag=None,
    burst=100,
    cost_users=40,
    cost_list=2,
    cost_pace=40.0,
    cost_seconds=1.0,
    cost_channels=500,
    fan_out_ratio=2.0,
    memory_ratio=1.0,
    durable_ratio=1.0,
    scale_ratio=0.1,
    stall_milliseconds=None,
    list_milliseconds=None,
)
