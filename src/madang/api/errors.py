"""Errors as responses: the closed table over HTTP.

Owns the body `{ok: false, error, reason, details?, retryAfterMs?}` and its status, for every refusal there is: ours, and
those of the framework (unknown address, wrong method, malformed body). Must never show an unexpected error's text.
"""

from __future__ import annotations

import math
from typing import Any, Final

import structlog
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap
from msgspec import UNSET

from madang.contract.limits import LIMITS
from madang.contract.rest import ApiError
from madang.errors import ERRORS, ErrorCode, MadangError

__all__ = ["EXCEPTION_HANDLERS", "error_response"]

_log = structlog.get_logger(__name__)
_GONE: Final = "client disconnected prematurely"
"""How the framework says that a connection ended before the whole body was there: with a 500, and no class of its own."""


def error_response(error: MadangError) -> Response[ApiError]:
    """A refusal. `not_a_member` is the word of sockets for what HTTP calls `not_found`."""
    code = ErrorCode.NOT_FOUND if error.code is ErrorCode.NOT_A_MEMBER else error.code
    headers: dict[str, str] = {}
    if error.retry_after_ms is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_ms / 1_000))
    kind = ERRORS[code]
    if kind.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = ApiError(
        error=code,
        reason=error.reason,
        details=UNSET if error.details is None else dict(error.details),
        retry_after_ms=UNSET if error.retry_after_ms is None else error.retry_after_ms,
    )
    return Response(body, status_code=kind.http_status, headers=headers, media_type=MediaType.JSON)


def _ours(_: Request[Any, Any, Any], error: MadangError) -> Response[ApiError]:
    return error_response(error)


def _validation(_: Request[Any, Any, Any], error: ValidationException) -> Response[ApiError]:
    """A parameter of the address that has the wrong type, or a body that is missing."""
    problems = [problem for problem in error.extra or () if isinstance(problem, dict)]
    details = {str(problem.get("key", "")): str(problem.get("message", "")) for problem in problems}
    if "data" in details:
        return error_response(MadangError(ErrorCode.INVALID, "the body must be one JSON object"))
    reason = "; ".join(f"{field}: {why}" for field, why in details.items()) or "the request breaks a rule"
    return error_response(MadangError(ErrorCode.INVALID, reason, details=details or None))


def _framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[ApiError]:
    status = error.status_code
    if status >= 500 and error.detail != _GONE:
        return _defect(request, error)
    if status in (404, 405):
        refusal = MadangError(ErrorCode.NOT_FOUND, f"there is no call {request.method} at this address")
    elif status == 413:
        refusal = MadangError(ErrorCode.TOO_LARGE, f"a body may have {LIMITS.payload_bytes} bytes")
    else:
        refusal = MadangError(ErrorCode.INVALID, error.detail or "the request is malformed")
    return error_response(refusal)


def _defect(request: Request[Any, Any, Any], error: Exception) -> Response[ApiError]:
    # The route, never the address itself: it may hold what people typed.
    _log.error("a request failed", method=request.method, route=str(request.scope.get("route_handler")), exc_info=error)
    return error_response(MadangError(ErrorCode.UNAVAILABLE, "the server failed; it has been logged"))


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    MadangError: _ours,
    ValidationException: _validation,
    HTTPException: _framework,
    Exception: _defect,
}
