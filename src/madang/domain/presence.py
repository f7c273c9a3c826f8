"""Online is a fact about devices: somebody is online while at least one of theirs is connected.

Owns the waiting times. A page that reloads or a train that passes a tunnel must not flash "offline" to everybody, so
going offline waits for `OFFLINE_GRACE`; changes within `COALESCE` leave in one go.
"""

from __future__ import annotations

from typing import Final

__all__ = ["COALESCE", "OFFLINE_GRACE", "SMALL_ROOM", "VISIBLE_ROOMS"]

OFFLINE_GRACE: Final = 5.0
"""Seconds between the last device leaving and `user:offline`."""
COALESCE: Final = 1.0
"""Seconds over which presence changes are gathered."""
SMALL_ROOM: Final = 50
"""Members up to which a group tells its members of each other's presence."""
VISIBLE_ROOMS: Final = 20
"""How many of somebody's newest rooms tell of their presence."""
