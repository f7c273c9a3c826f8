"""Claims out of a signed token, or a refusal.

Owns everything a JWT can be wrong in. Must never choose an algorithm by what the token says, and never look at a claim
before the signature holds.

Invariants:
1. The algorithms are fixed by the caller; `none` is none of them.
2. Expiry is always checked; issuer and audience are whenever the caller names them.
3. A token that is forged *and* expired is `token_invalid`: only a genuine one is told that it is too old.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import jwt
from jwt.types import Options

from madang.errors import ErrorCode, MadangError

__all__ = ["claimed_issuer", "key_id", "seconds_claim", "signed_claims", "token_invalid"]

MAX_TOKEN_CHARACTERS: Final = 8_192
_CHECKED_HERE: Final[Options] = {
    # Times are compared with the clock that is handed in; the id of a user may be a number in host applications.
    "verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_sub": False, "verify_jti": False,
    "verify_signature": True,
}  # fmt: skip  # one line for what we do, one for what PyJWT does
_UNVERIFIED: Final[Options] = {"verify_signature": False}


def token_invalid(reason: str) -> MadangError:
    """The refusal of a token; the reason is for developers and never quotes it."""
    return MadangError(ErrorCode.TOKEN_INVALID, reason)


def claimed_issuer(token: str) -> object:
    """Who a token says it is from, unverified: good for choosing who verifies it, for nothing else.

    Raises:
        MadangError: `token_invalid` if it is no token at all.
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise token_invalid("the token is too long")
    try:
        return jwt.decode(token, options=_UNVERIFIED).get("iss")
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise token_invalid("the token is malformed") from None


def key_id(token: str) -> str | None:
    """Which key the token says it is signed with. Raises `MadangError(token_invalid)`."""
    try:
        name = jwt.get_unverified_header(token).get("kid")
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise token_invalid("the token is malformed") from None
    return name if isinstance(name, str) else None


def signed_claims(
    token: str,
    key: bytes | jwt.PyJWK,
    *,
    algorithms: Sequence[str],
    issuer: str | None,
    audience: str | None,
    now: int,
    leeway_ms: int = 0,
) -> dict[str, Any]:
    """The claims of a genuine token that is valid now.

    Args:
        token: what the client showed.
        key: what a genuine one is signed with.
        algorithms: all that are accepted, whatever the token says.
        issuer: what `iss` must be; None: whatever it is.
        audience: what must be among `aud`; None: whatever it is.
        now: wall time in milliseconds.
        leeway_ms: how far the other side's clock may be ahead of ours; an expiry is never stretched.

    Raises:
        MadangError: `token_expired` or `token_invalid`.
    """
    named = [name for name, wanted in (("iss", issuer), ("aud", audience)) if wanted is not None]
    options: Options = {
        **_CHECKED_HERE,
        "verify_iss": issuer is not None,
        "verify_aud": audience is not None,
        "require": ["exp", *named],
    }
    try:
        claims = jwt.decode(token, key, algorithms=list(algorithms), audience=audience, issuer=issuer, options=options)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise token_invalid(f"the token does not hold: {type(error).__name__}") from None
    expires = seconds_claim(claims, "exp")
    if expires is None:
        raise token_invalid("exp must be a time in seconds")
    for name in ("nbf", "iat"):
        begins = seconds_claim(claims, name)
        if begins is None and name in claims:
            raise token_invalid(f"{name} must be a time in seconds")
        if begins is not None and begins * 1_000 > now + leeway_ms:
            raise token_invalid(f"{name} lies in the future")
    if expires * 1_000 <= now:
        raise MadangError(ErrorCode.TOKEN_EXPIRED, "the access token has expired")
    return claims


def seconds_claim(claims: dict[str, Any], name: str) -> float | None:
    """A time claim in seconds since 1970, or None if there is none that makes sense."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value < 2**40 else None
