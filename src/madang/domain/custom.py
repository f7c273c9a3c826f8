"""An application's own fields: JSON of a size and form every store keeps."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from madang.domain.text import clean_text
from madang.errors import ErrorCode, MadangError, invalid

__all__ = ["clean_custom"]

_DEPTH: Final = 8
"""Levels of nesting; every parser on the way can follow."""


def clean_custom(value: dict[str, Any], limit: int) -> dict[str, Any]:
    """The fields with their texts in NFC.

    Raises:
        MadangError: `invalid` for characters no store takes or nested too deep, `too_large` above `limit` bytes of JSON.
    """
    cleaned: dict[str, Any] = _clean(value, limit, _DEPTH)
    if len(msgspec.json.encode(cleaned)) > limit:
        raise MadangError(
            ErrorCode.TOO_LARGE, "custom is too large", details={"custom": f"at most {limit} bytes of JSON"}
        )
    return cleaned


def _clean(value: Any, limit: int, depth: int) -> Any:
    if depth == 0:
        raise invalid("custom", f"must not be nested deeper than {_DEPTH}")
    if isinstance(value, str):
        return clean_text("custom", value, limit)
    if isinstance(value, list):
        return [_clean(item, limit, depth - 1) for item in value]
    if isinstance(value, dict):
        return {clean_text("custom", str(key), limit): _clean(item, limit, depth - 1) for key, item in value.items()}
    return value
