"""Paging: cursors and `Link` headers.

Owns the form of a cursor, which clients hand back unread. Must never put more into it than a place in a list: whoever
makes one up sees nothing they could not see otherwise.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import msgspec

from madang.clock import from_iso
from madang.contract.shapes import Summary
from madang.errors import invalid
from madang.ids import parse_id

__all__ = ["Links", "inbox_cursor", "inbox_place", "link_header"]

Links = Mapping[str, Mapping[str, str | int]]
"""Relation of a neighbouring page to the query parameters that ask for it."""


def inbox_cursor(last: Summary) -> str:
    """Where the page that ends with this conversation ends: `(last_message_at in ms, id)`."""
    place = (from_iso(last.last_message_at or last.created_at), last.id)
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def inbox_place(cursor: str) -> tuple[int, str]:
    """The place a cursor names. Raises `MadangError(invalid)` for one this server did not make."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        moment, conversation = msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=tuple[int, str])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise invalid("cursor", "must be one this server gave") from None
    conversation_id = parse_id(conversation)
    if conversation_id is None or not 0 <= moment < 2**53:
        raise invalid("cursor", "must be one this server gave")
    return moment, conversation_id


def link_header(path: str, links: Links) -> dict[str, str]:
    """The header `Link` (RFC 8288): relative to the host. Empty without links. The path comes decoded."""
    parts = [f'<{quote(path)}?{urlencode(query)}>; rel="{relation}"' for relation, query in links.items()]
    return {"Link": ", ".join(parts)} if parts else {}
