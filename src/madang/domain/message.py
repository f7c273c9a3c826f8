"""What a message may be, and what makes two of them the same.

Invariants:
1. Content is cleaned before it is hashed, so two clients that differ only in normal form send the same body.
2. `body_hash` covers everything the sender chose, and nothing the server adds; it is written once and never changes,
   not even when the message is edited.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Literal

import msgspec

from madang.domain.text import clean_text
from madang.errors import invalid

__all__ = ["MessageType", "SystemKind", "body_hash", "check_content", "excerpt"]

MessageType = Literal["text", "image", "video", "file", "system"]
QUOTE_CHARACTERS: Final = 200
SystemKind = Literal[
    "created", "members_added", "member_left", "member_removed", "renamed", "updated", "role_changed", "ended"
]


def check_content(content: str, *, attachments: int, limit: int) -> str:
    """The content as it will be stored.

    Raises:
        MadangError: `invalid` if empty without attachments or with forbidden characters, `too_large` if too long.
    """
    content = clean_text("content", content, limit)
    if not attachments and not content.strip():
        raise invalid("content", "must not be empty without attachments")
    return content


def body_hash(
    *,
    kind: str,
    content: str,
    reply_to_id: str | None,
    attachments: Sequence[str],
    mentions: Sequence[str] | Literal["all"],
    silent: bool,
) -> bytes:
    """16 bytes that two sends share exactly when they ask for the same message."""
    if kind == "text" and not (reply_to_id or attachments or mentions or silent):
        return blake2b(content.encode(), digest_size=16).digest()
    body = msgspec.json.encode((kind, content, reply_to_id, attachments, mentions, silent))
    return blake2b(body, digest_size=16, person=b"full body").digest()


def excerpt(content: str) -> str:
    """What a reply quotes of a message: enough to know it again, so that fifty replies to a long one stay small."""
    return content if len(content) <= QUOTE_CHARACTERS else content[: QUOTE_CHARACTERS - 1] + "…"
