"""The form in which text is compared when people look for something.

Folding must be the same in every store, so it happens here and not in SQL, whose idea of case differs by database and
locale.
"""

from __future__ import annotations

import unicodedata

__all__ = ["fold"]


def fold(text: str) -> str:
    """Text without case, in NFC: equal for what people take to be equal."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
