"""Unread is arithmetic, never a counter that is raised.

    unread = message_count − ordinal at my mark − what I wrote since without reading

so it cannot drift, costs the same however long somebody was away, and two devices cannot disagree.
"""

from __future__ import annotations

__all__ = ["unread_count"]


def unread_count(message_count: int, ordinal_at_mark: int, own_since_read: int) -> int:
    """Messages of others after the mark, system and silent ones left out."""
    return max(0, message_count - ordinal_at_mark - own_since_read)
