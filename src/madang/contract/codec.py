"""Payloads coming in: decoded JSON to contract types.

Owns the conversion of decoded JSON into payload types with an error that names the field. Must never trust: whatever
passes here is of the right shape, not yet allowed.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec

from madang.errors import ErrorCode, MadangError

__all__ = ["decode_payload"]

T = TypeVar("T", bound=msgspec.Struct)

MOST_SAID: Final = 200
"""Characters of a reason."""

_FIELD_OF_PATH: Final = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING: Final = re.compile(r"missing required field `([^`]+)`")


def decode_payload(payload: object, kind: type[T]) -> T:
    """The payload as `kind`.

    Raises:
        MadangError: `invalid`, with the field in `details`.
    """
    if not isinstance(payload, dict):
        raise MadangError(ErrorCode.INVALID, "the payload must be one JSON object")
    try:
        return msgspec.convert(payload, kind)
    except msgspec.ValidationError as error:
        raise _from_validation(error) from None
    except UnicodeEncodeError:  # a lone surrogate where one of a few words is expected
        raise MadangError(ErrorCode.INVALID, "the payload contains a lone surrogate") from None


def _from_validation(error: msgspec.ValidationError) -> MadangError:
    """msgspec's sentence as an error of the table, with the field it speaks of."""
    text = str(error)
    missing = _MISSING.search(text)
    path = _FIELD_OF_PATH.search(text)
    field = ".".join(part for part in (path.group(1) if path else "", missing.group(1) if missing else "") if part)
    reason = _FIELD_OF_PATH.sub("", text)
    if len(reason) > MOST_SAID:  # it repeats what was sent
        reason = f"{reason[:MOST_SAID]}…"
    return MadangError(
        ErrorCode.INVALID, f"{field}: {reason}" if field else reason, details={field: reason} if field else None
    )
