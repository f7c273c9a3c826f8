"""What a conversation is: a log with counters.

Invariants of the counters, held by every store:
1. `seq` numbers messages 1, 2, 3… without holes; order and paging use nothing else.
2. `version` numbers changes 1, 2, 3…; one change is one version is one event, always about one message.
3. `message_count` counts messages that count as unread: not system, not silent. A message's `ordinal` is the count
   with itself included.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["ConversationType", "direct_key"]

ConversationType = Literal["direct", "group"]


def direct_key(first: str, second: str) -> str:
    """The name of the one direct conversation of a pair; the same for both orders, and for oneself alone."""
    low, high = sorted((first, second))
    return f"{low}:{high}"
