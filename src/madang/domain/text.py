"""What text may be: normal form, length, characters that are refused.

Every string a person writes passes here before anything else looks at it, because PostgreSQL refuses NUL, no UTF-8
encoder takes a lone surrogate, and lengths must mean the same in every client. Lengths are UTF-16 code units after
NFC: what JavaScript, Java and Swift call the length of a string.
"""

from __future__ import annotations

import unicodedata

from madang.errors import ErrorCode, MadangError, invalid

__all__ = ["clean_line", "clean_text", "utf16_length"]


def utf16_length(text: str) -> int:
    """Length in UTF-16 code units."""
    if text.isascii():
        return len(text)
    return len(text) + sum(character > "\uffff" for character in text)


def clean_text(field: str, text: str, limit: int) -> str:
    """The text in NFC.

    Raises:
        MadangError: `invalid` for NUL or a lone surrogate, `too_large` above `limit` UTF-16 units.
    """
    if "\x00" in text:
        raise invalid(field, "must not contain the character U+0000")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise invalid(field, "must not contain a lone surrogate") from None
        text = unicodedata.normalize("NFC", text)
    if utf16_length(text) > limit:
        raise MadangError(
            ErrorCode.TOO_LARGE,
            f"{field} is longer than {limit} UTF-16 units",
            details={field: f"at most {limit} UTF-16 units"},
        )
    return text


def clean_line(field: str, text: str, limit: int) -> str:
    """A name or title: clean text on one line, spaces at the ends removed, not empty.

    Raises:
        MadangError: `invalid` or `too_large`.
    """
    text = clean_text(field, text, limit).strip()
    if not text:
        raise invalid(field, "must not be empty")
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise invalid(field, "must be one line without control characters")
    return text
