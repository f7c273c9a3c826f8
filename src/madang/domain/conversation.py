"""What a conversation is: a log with counters.

Invariants of the counters, held by every store:
1. `seq` numbers messages 1, 2, 3… without holes; order and paging use nothing else.
2. `version` numbers changes 1, 2, 3…; one change is one version is one event, always about one message.
3. `message_count` counts messages that count as unread: not system, not silent. A message's `ordinal` is the count
   with itself included.
"""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import urlsplit

from madang.domain.text import clean_line
from madang.errors import invalid

__all__ = ["LARGE_ROOM", "ConversationType", "clean_picture", "direct_key", "group_key"]

ConversationType = Literal["direct", "group"]


LARGE_ROOM: Final = 100
"""Members above which nobody is told of each one's mark, and who types is told only to those who look: one message in a room
of a thousand would otherwise make a million events."""
ADDRESS_UNITS: Final = 2_000
"""UTF-16 code units of a picture's address."""


def clean_picture(address: str) -> str:
    """The address of a conversation's picture: http, https, or a path on this server. Nothing a page would run.

    Raises:
        MadangError: `invalid` or `too_large`.
    """
    address = clean_line("avatarUrl", address, ADDRESS_UNITS)
    try:
        parts = urlsplit(address)
    except ValueError:
        raise invalid("avatarUrl", "must be an http or https address, or a path from /") from None
    is_path = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    if " " in address or "\\" in address or not (is_path or (parts.scheme in {"http", "https"} and parts.netloc)):
        raise invalid("avatarUrl", "must be an http or https address, or a path from /")
    return address


def group_key(key: str) -> str:
    """What makes a group with a key exist once; never equal to that of a pair."""
    return f"key:{key}"


def direct_key(first: str, second: str) -> str:
    """The name of the one direct conversation of a pair; the same for both orders, and for oneself alone."""
    low, high = sorted((first, second))
    return f"{low}:{high}"
