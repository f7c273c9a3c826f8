"""Tokens of a host application: its users become ours without signing up.

Owns what is believed of such a token: who it speaks of, and how they are called. Must never let a token choose its own
key or algorithm, and never turn one issuer's subject into another's user: the id is made of both, unless the subject is
a UUID, and the store refuses an id that another issuer has.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import jwt

from madang.contract.limits import LIMITS
from madang.domain.text import utf16_length
from madang.ids import derived_id, parse_id
from madang.ports.accounts import ExternalProfile
from madang.ports.tokens import HostClaims
from madang.security.keys import MIN_SECRET_BYTES
from madang.security.signed_claims import key_id, seconds_claim, signed_claims, token_invalid

__all__ = ["HostKeys", "HostTokens", "SharedSecret"]

CLOCK_LEEWAY_MS: Final = 30_000
"""How far the host application's clock may run ahead."""
UNNAMED_ISSUER: Final = "host"
"""What accounts remember as their issuer where the host application's tokens name none."""
MAX_SUBJECT: Final = 255
MAX_PICTURE: Final = 2_048
_CLAIMS: Final = {"sub": "sub", "name": "name", "picture": "picture"}


class HostKeys(Protocol):
    """Where the keys come from that host tokens are signed with."""

    @property
    def algorithms(self) -> Sequence[str]:
        """What these keys sign with; a token that says anything else is refused."""
        ...

    async def key(self, key_id: str | None) -> bytes | jwt.PyJWK:
        """The key of this name. Raises `MadangError(token_invalid)` if there is none."""
        ...


class SharedSecret:
    """One secret that both sides know (`MADANG_JWT_SECRET`). Raises `ValueError` below 32 bytes."""

    algorithms: Sequence[str] = ("HS256",)

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        if len(self._secret) < MIN_SECRET_BYTES:
            raise ValueError(f"a secret shared with a host application needs at least {MIN_SECRET_BYTES} bytes")

    async def key(self, key_id: str | None) -> bytes:
        """The secret, whatever the token calls it."""
        return self._secret


class HostTokens:
    """Reads tokens of one host application.

    Args:
        issuer: `iss` of its tokens (`MADANG_JWT_ISSUER`); None: not asked, whoever has the key is the host.
        audience: must be among their `aud` (`MADANG_JWT_AUDIENCE`); None: not asked.
        claims: what it calls `sub`, `name` and `picture`, where that differs (`MADANG_JWT_CLAIMS`).

    Raises:
        ValueError: `claims` maps something else.
    """

    def __init__(
        self,
        keys: HostKeys,
        *,
        issuer: str | None,
        audience: str | None,
        claims: Mapping[str, str] | None = None,
    ) -> None:
        unknown = set(claims or {}) - set(_CLAIMS)
        if unknown:
            raise ValueError(f"only {', '.join(_CLAIMS)} can be mapped, not {', '.join(sorted(unknown))}")
        self.issuer = issuer or UNNAMED_ISSUER
        self._checked_issuer = issuer
        self._audience = audience
        self._keys = keys
        self._names = _CLAIMS | dict(claims or {})

    async def read(self, token: str, now: int) -> HostClaims:
        """What a genuine token says. Raises `MadangError`: `token_expired`, `token_invalid`."""
        claims = signed_claims(
            token,
            await self._keys.key(key_id(token)),
            algorithms=self._keys.algorithms,
            issuer=self._checked_issuer,
            audience=self._audience,
            now=now,
            leeway_ms=CLOCK_LEEWAY_MS,
        )
        if claims.get("token_type", "access") != "access":
            raise token_invalid("the token is not an access token")
        subject = self._subject(claims)
        expires = seconds_claim(claims, "exp")
        assert expires is not None  # signed_claims has refused it otherwise
        profile = ExternalProfile(
            id=parse_id(subject) or derived_id(self.issuer, subject),
            issuer=self.issuer,
            subject=subject,
            name=_name(claims.get(self._names["name"])) or _name(subject) or "?",
            avatar_url=_picture(claims.get(self._names["picture"])),
            issued_at=int(seconds_claim(claims, "iat") or 0),
        )
        return HostClaims(profile=profile, expires_at=int(expires * 1_000))

    def _subject(self, claims: dict[str, Any]) -> str:
        value = claims.get(self._names["sub"])
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # many host applications number their users
        if not isinstance(value, str) or not 0 < len(value) <= MAX_SUBJECT or not _is_storable(value):
            raise token_invalid(f"{self._names['sub']} must name the user in 1 to {MAX_SUBJECT} characters")
        return value


def _is_storable(text: str) -> bool:
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _name(value: object) -> str | None:
    """A display name out of a claim: repaired where it breaks our rules, because its owner cannot change it here."""
    if not isinstance(value, str):
        return None
    kept = (
        " " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in value if unicodedata.category(c) != "Cs"
    )
    name = " ".join(unicodedata.normalize("NFC", "".join(kept)).split())[: LIMITS.name_units]
    while utf16_length(name) > LIMITS.name_units:
        name = name[:-1]
    return name.strip() or None


def _picture(value: object) -> str | None:
    """An address a browser may load a picture from; anything else is no picture."""
    if not isinstance(value, str) or len(value) > MAX_PICTURE or not _is_storable(value):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in ("http", "https") and parts.hostname else None
