"""Tokens of this server: what passes for one, and what does not."""

import base64
import json
from typing import Any

import jwt
import pytest

from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.tokens import LocalClaims
from madang.security.keys import derived_key
from madang.security.tokens import ISSUER, OpaqueRefreshTokens, SignedBearerTokens

SECRET = "a secret of at least thirty-two bytes"
KEY = derived_key(SECRET, "access tokens")
NOW = 1_800_000_000_123
MINUTE = 60_000


@pytest.fixture
def tokens() -> SignedBearerTokens:
    """A server without a host application."""
    return SignedBearerTokens(SECRET)


def signed(key: bytes = KEY, algorithm: str = "HS256", **changes: Any) -> str:
    """A token like ours, but for the changes; None leaves a claim out."""
    claims = {
        "iss": ISSUER, "aud": ISSUER, "sub": new_id(), "sid": new_id(), "token_type": "access",
        "iat": NOW // 1000, "exp": NOW // 1000 + 900,
    } | changes  # fmt: skip
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm=algorithm)


async def refusal(tokens: SignedBearerTokens, token: str, now: int = NOW) -> ErrorCode:
    """How the server refuses a token."""
    with pytest.raises(MadangError) as caught:
        await tokens.read(token, now)
    assert len(token) < 20 or token not in caught.value.reason
    return caught.value.code


async def test_what_is_issued_is_read(tokens: SignedBearerTokens) -> None:
    """An issued token gives back its user, its session and its end, 15 minutes ahead."""
    user, session = new_id(), new_id()
    token = tokens.issue(user, session, NOW)
    assert token.expires_at == NOW // 1000 * 1000 + 15 * MINUTE
    claims = await tokens.read(token.text, NOW)
    assert claims == LocalClaims(user_id=user, session_id=session, expires_at=token.expires_at)


async def test_it_ends_to_the_millisecond(tokens: SignedBearerTokens) -> None:
    """One millisecond before its end a token holds, at its end it has expired."""
    token = tokens.issue(new_id(), new_id(), NOW)
    await tokens.read(token.text, token.expires_at - 1)
    assert await refusal(tokens, token.text, token.expires_at) == ErrorCode.TOKEN_EXPIRED


async def test_a_forged_token_is_invalid(tokens: SignedBearerTokens) -> None:
    """Another key, a changed payload and a cut signature are all found out, expired or not."""
    assert await refusal(tokens, signed(key=b"k" * 32)) == ErrorCode.TOKEN_INVALID
    assert await refusal(tokens, signed(key=b"k" * 32, exp=1)) == ErrorCode.TOKEN_INVALID
    header, payload, signature = signed().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps(claims | {"sub": new_id()}).encode()).rstrip(b"=").decode()
    assert await refusal(tokens, f"{header}.{changed}.{signature}") == ErrorCode.TOKEN_INVALID
    assert await refusal(tokens, f"{header}.{payload}.") == ErrorCode.TOKEN_INVALID


async def test_the_algorithm_is_ours_to_choose(tokens: SignedBearerTokens) -> None:
    """`none` and stronger hashes alike are refused: the token does not choose how it is checked."""
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    payload = signed().split(".")[1]
    assert await refusal(tokens, f"{header}.{payload}.") == ErrorCode.TOKEN_INVALID
    assert await refusal(tokens, signed(algorithm="HS512", key=KEY + KEY)) == ErrorCode.TOKEN_INVALID
    assert await refusal(tokens, signed(algorithm="HS384", key=KEY + KEY)) == ErrorCode.TOKEN_INVALID


@pytest.mark.parametrize(
    "changes",
    [
        {"token_type": "refresh"},
        {"token_type": None},
        {"aud": "somebody"},
        {"aud": None},
        {"iss": "somebody"},
        {"iss": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": float("inf")},
        {"exp": 10**30},
        {"iat": "yesterday"},
        {"iat": NOW // 1000 + 3600},
        {"nbf": NOW // 1000 + 3600},
        {"sub": None},
        {"sub": 7},
        {"sid": None},
        {"sid": ["a"]},
    ],
)
async def test_every_claim_must_hold(tokens: SignedBearerTokens, changes: dict[str, Any]) -> None:
    """A genuine signature over a wrong claim opens nothing."""
    await tokens.read(signed(), NOW)
    assert await refusal(tokens, signed(**changes)) == ErrorCode.TOKEN_INVALID


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "..", "\x00", "한", "e30.e30.e30", "x" * 100_000, "e30." * 3])
async def test_what_is_no_token_is_invalid(tokens: SignedBearerTokens, token: str) -> None:
    """Garbage is refused by the same word, and never fails."""
    assert await refusal(tokens, token) == ErrorCode.TOKEN_INVALID


def test_a_short_secret_stops_the_start() -> None:
    """Neither kind of token is made from a secret that could be guessed."""
    with pytest.raises(ValueError, match="32 bytes"):
        SignedBearerTokens("short")
    with pytest.raises(ValueError, match="32 bytes"):
        OpaqueRefreshTokens("short")


def test_a_refresh_token_survives_the_way() -> None:
    """What is handed out is taken apart again, and only the hash would be stored."""
    tokens = OpaqueRefreshTokens(SECRET)
    token = tokens.first(new_id())
    assert tokens.parse(token.text) == token
    assert token.secret not in token.token_hash
    assert token.text not in repr(token)
    assert tokens.first(token.session_id).secret != token.secret


def test_the_successor_is_always_the_same() -> None:
    """Asking twice gives the same successor; another secret of the installation gives another."""
    tokens = OpaqueRefreshTokens(SECRET)
    token = tokens.first(new_id())
    successor = tokens.successor(token)
    assert successor == OpaqueRefreshTokens(SECRET).successor(tokens.parse(token.text))
    assert successor.secret != token.secret
    assert OpaqueRefreshTokens(SECRET + "!").successor(token).secret != successor.secret


SESSION = "01a2054e-5f60-7291-ac5b-191c21d2d8d8"


@pytest.mark.parametrize(
    "text", ["", ".", "x.y", f"{SESSION}.", f"{SESSION}.AAAA", f"{SESSION}.{'é' * 43}", "." + "A" * 43]
)
def test_what_is_no_refresh_token_is_invalid(text: str) -> None:
    """Garbage has the form of no refresh token."""
    with pytest.raises(MadangError) as caught:
        OpaqueRefreshTokens(SECRET).parse(text)
    assert caught.value.code == ErrorCode.TOKEN_INVALID
