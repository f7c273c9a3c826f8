"""The closed table of errors.

Owns every error code a client can meet: its HTTP status and whether sending the same thing again may succeed. Must
never know a transport: the gateway turns an error into an ack, the API turns it into a response.

Invariants:
1. A code is stable for ever; clients translate by it.
2. `reason` is English, for developers, and never contains a secret or the body of a message.
3. What a person may not know and what does not exist get the same answer (`not_a_member` on sockets, `not_found` over
   HTTP), so that ids cannot be probed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["ERRORS", "ErrorCode", "ErrorKind", "MadangError", "invalid", "outcome_unknown"]


class ErrorCode(StrEnum):
    """The word a client compares with."""

    UNAUTHENTICATED = "unauthenticated"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_INVALID = "token_invalid"
    USER_DISABLED = "user_disabled"
    FORBIDDEN = "forbidden"
    NOT_A_MEMBER = "not_a_member"
    NOT_FOUND = "not_found"
    INVALID = "invalid"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    TRY_AGAIN = "try_again"
    STORAGE_FULL = "storage_full"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the table."""

    code: ErrorCode
    http_status: int
    retryable: bool
    """Whether the same request, with the same id, may succeed later."""
    meaning: str


ERRORS: Final[Mapping[ErrorCode, ErrorKind]] = {
    kind.code: kind
    for kind in (
        ErrorKind(ErrorCode.UNAUTHENTICATED, 401, False, "Nobody is signed in."),
        ErrorKind(ErrorCode.TOKEN_EXPIRED, 401, False, "The access token has expired: refresh it, then try again."),
        ErrorKind(ErrorCode.TOKEN_INVALID, 401, False, "The token is forged, malformed, revoked or of the wrong type."),
        ErrorKind(ErrorCode.USER_DISABLED, 403, False, "An administrator has disabled this account."),
        ErrorKind(ErrorCode.FORBIDDEN, 403, False, "You are known, but not allowed to do this."),
        ErrorKind(ErrorCode.NOT_A_MEMBER, 404, False, "No conversation of yours has this id (the answer on sockets)."),
        ErrorKind(
            ErrorCode.NOT_FOUND,
            404,
            False,
            "Nothing you may see has this id; over HTTP also: no such conversation of yours.",
        ),
        ErrorKind(ErrorCode.INVALID, 422, False, "The request breaks a rule; `details` names the fields."),
        ErrorKind(ErrorCode.CONFLICT, 409, False, "It collides with what exists: an id, a username, a key."),
        ErrorKind(ErrorCode.TOO_LARGE, 413, False, "Larger than the limit; limits are in `init` and `/api/config`."),
        ErrorKind(ErrorCode.RATE_LIMITED, 429, True, "Too much in too short a time: wait `retryAfterMs`."),
        ErrorKind(
            ErrorCode.TRY_AGAIN,
            503,
            True,
            "The store is away or silent, so the outcome is unknown, or too much is waiting: send it again, same id.",
        ),
        ErrorKind(ErrorCode.STORAGE_FULL, 507, False, "The disk of the store is full; nothing was acknowledged."),
        ErrorKind(
            ErrorCode.UNAVAILABLE,
            503,
            True,
            "The server is starting or stopping, or has met a defect, which it has logged.",
        ),
    )
}


class MadangError(Exception):
    """The one root of errors that a client is told about.

    Everything else that escapes a handler is a defect: it is logged and answered with `unavailable`.
    """

    def __init__(
        self,
        code: ErrorCode,
        reason: str,
        *,
        details: Mapping[str, str] | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.details = details
        self.retry_after_ms = retry_after_ms

    @property
    def kind(self) -> ErrorKind:
        """The row of the table this error belongs to."""
        return ERRORS[self.code]


def invalid(field: str, reason: str) -> MadangError:
    """One field breaks a rule: the commonest refusal, in the form clients show beside the field."""
    return MadangError(ErrorCode.INVALID, f"{field}: {reason}", details={field: reason})


def outcome_unknown(reason: str) -> MadangError:
    """The store is away, silent or failing, so what was asked may have happened or not: the one answer, to whatever was
    asked.
    """
    return MadangError(ErrorCode.TRY_AGAIN, reason, retry_after_ms=1_000)
