"""Tokens: the port that issues them and reads who they speak of.

Vocabulary: an *access token* is shown with every request and lives minutes; a *refresh token* is shown only to get the
next pair, once. Wall time is milliseconds since 1970 UTC.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from madang.ports.accounts import ExternalProfile

__all__ = ["AccessToken", "BearerTokens", "Claims", "HostClaims", "LocalClaims", "RefreshToken", "RefreshTokens"]


class AccessToken(Struct, frozen=True, kw_only=True):
    """A token to hand out; whoever has it is the user until it expires."""

    text: str
    expires_at: int


class LocalClaims(Struct, frozen=True, kw_only=True):
    """What a token of this server says: its user and the session it came from."""

    user_id: str
    session_id: str
    expires_at: int


class HostClaims(Struct, frozen=True, kw_only=True):
    """What a token of the host application says."""

    profile: ExternalProfile
    expires_at: int


Claims = LocalClaims | HostClaims


class BearerTokens(Protocol):
    """Access tokens of this server, and those of the host application where one is configured."""

    def issue(self, user_id: str, session_id: str, now: int) -> AccessToken:
        """A new access token of this server."""
        ...

    async def read(self, token: str, now: int) -> Claims:
        """What a genuine, unexpired access token says. Whether its session and account still hold is not asked here.

        Raises:
            MadangError: `token_expired` for a genuine one whose time is over, `token_invalid` for anything else.
        """
        ...


class RefreshToken(Struct, frozen=True, kw_only=True):
    """A refresh token taken apart."""

    session_id: str
    secret: bytes
    token_hash: bytes
    """SHA-256 of the secret: the only thing that is stored."""
    text: str

    def __repr__(self) -> str:
        return f"RefreshToken(session_id={self.session_id!r})"  # a secret must not reach a log through a traceback


class RefreshTokens(Protocol):
    """Makes refresh tokens. The successor of a token is always the same, so a lost answer can be given again."""

    def first(self, session_id: str) -> RefreshToken:
        """A token nobody can guess, for a new session."""
        ...

    def successor(self, token: RefreshToken) -> RefreshToken:
        """The token that replaces this one; only the server can compute it."""
        ...

    def parse(self, text: str) -> RefreshToken:
        """The token a client shows. Raises `MadangError(token_invalid)` if it has not the form of one."""
        ...
