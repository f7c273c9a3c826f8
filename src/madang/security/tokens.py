"""Tokens of this server: signed access tokens, opaque refresh tokens.

Owns their form and their lives. An access token is a JWT that says which user and which session; a refresh token is the
session's id and a secret, of which only the hash is ever stored.

Invariants:
1. `token_type` keeps one kind from passing for another.
2. The successor of a refresh token is an HMAC of it: the same whenever it is asked for, and nobody but the server can
   compute it, so a lost answer can be repeated without storing a secret.
3. Access and refresh tokens are protected by different keys of the same secret.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final

import jwt

from madang.ids import parse_id
from madang.ports.tokens import AccessToken, Claims, LocalClaims, RefreshToken
from madang.security.host_tokens import HostTokens
from madang.security.keys import derived_key
from madang.security.signed_claims import claimed_issuer, seconds_claim, signed_claims, token_invalid

__all__ = ["ACCESS_MINUTES", "ISSUER", "OpaqueRefreshTokens", "SignedBearerTokens"]

ACCESS_MINUTES: Final = 15
ISSUER: Final = "madang"
"""`iss` and `aud` of our own access tokens; no host application may call itself so."""
ALGORITHMS: Final = ("HS256",)
SECRET_BYTES: Final = 32


class SignedBearerTokens:
    """The port `BearerTokens`.

    Args:
        secret: `MADANG_SECRET`.
        host: reads tokens of the host application, where one is configured.

    Raises:
        ValueError: the secret is too short, or the host application uses our own issuer.
    """

    def __init__(self, secret: str, *, host: HostTokens | None = None, access_minutes: int = ACCESS_MINUTES) -> None:
        self._key = derived_key(secret, "access tokens")
        self._host = host
        self._life_seconds = access_minutes * 60
        if host is not None and host.issuer == ISSUER:
            raise ValueError(f"the issuer of the host application must not be {ISSUER!r}")

    def issue(self, user_id: str, session_id: str, now: int) -> AccessToken:
        """See the port."""
        issued = now // 1_000
        expires = issued + self._life_seconds
        claims = {
            "iss": ISSUER, "aud": ISSUER, "sub": user_id, "sid": session_id,
            "token_type": "access", "iat": issued, "exp": expires,
        }  # fmt: skip  # who, then what and until when
        return AccessToken(text=jwt.encode(claims, self._key, algorithm=ALGORITHMS[0]), expires_at=expires * 1_000)

    async def read(self, token: str, now: int) -> Claims:
        """See the port."""
        issuer = claimed_issuer(token)
        if issuer == ISSUER:
            return self._own(token, now)
        if self._host is None:
            raise token_invalid("the token is not of this server")
        return await self._host.read(token, now)

    def _own(self, token: str, now: int) -> LocalClaims:
        claims = signed_claims(token, self._key, algorithms=ALGORITHMS, issuer=ISSUER, audience=ISSUER, now=now)
        user_id, session_id, expires = claims.get("sub"), claims.get("sid"), seconds_claim(claims, "exp")
        if claims.get("token_type") != "access" or not isinstance(user_id, str) or not isinstance(session_id, str):
            raise token_invalid("the token is not an access token")
        assert expires is not None  # signed_claims has refused it otherwise
        return LocalClaims(user_id=user_id, session_id=session_id, expires_at=int(expires * 1_000))


class OpaqueRefreshTokens:
    """The port `RefreshTokens`: `<session id>.<secret in base64url>`. Raises `ValueError` for a short secret."""

    def __init__(self, secret: str) -> None:
        self._key = derived_key(secret, "refresh tokens")

    def first(self, session_id: str) -> RefreshToken:
        """See the port."""
        return _refresh_token(session_id, secrets.token_bytes(SECRET_BYTES))

    def successor(self, token: RefreshToken) -> RefreshToken:
        """See the port."""
        message = token.session_id.encode() + token.secret
        return _refresh_token(token.session_id, hmac.new(self._key, message, hashlib.sha256).digest())

    def parse(self, text: str) -> RefreshToken:
        """See the port."""
        session, _, encoded = text.partition(".")
        session_id = parse_id(session)
        try:
            secret = base64.b64decode(encoded + "=", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if session_id is None or len(secret) != SECRET_BYTES:
            raise token_invalid("the refresh token is malformed")
        return _refresh_token(session_id, secret)


def _refresh_token(session_id: str, secret: bytes) -> RefreshToken:
    encoded = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    return RefreshToken(
        session_id=session_id,
        secret=secret,
        token_hash=hashlib.sha256(secret).digest(),
        text=f"{session_id}.{encoded}",
    )
