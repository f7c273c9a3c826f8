"""Ids: UUIDs as canonical lower-case text.

Owns making and checking ids. Ids are `str` throughout Python because they are dictionary keys on every hot path and
text on the wire; only PostgreSQL keeps them as 16 bytes. An id orders nothing: `seq` does.
"""

from __future__ import annotations

import re
import sys
import uuid
from typing import Final

if sys.version_info >= (3, 14):
    from uuid import uuid7
else:
    from uuid_utils import uuid7

__all__ = ["derived_id", "new_id", "parse_id"]

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def new_id() -> str:
    """A fresh UUIDv7."""
    return str(uuid7())


def parse_id(text: str) -> str | None:
    """The canonical form of a UUID a client sent, or None if it is not one."""
    if _UUID.fullmatch(text):
        return text
    lowered = text.lower()
    return lowered if _UUID.fullmatch(lowered) else None


def derived_id(namespace: str, name: str) -> str:
    """The same UUIDv5 for the same pair, always: how a host application's user keeps one id here."""
    return str(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, namespace), name))
