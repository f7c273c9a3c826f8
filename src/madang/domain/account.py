"""What an account may be called and how it may be protected."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from madang.domain.text import clean_line
from madang.errors import ErrorCode, MadangError, invalid

__all__ = ["check_password", "clean_display_name", "clean_username", "derived_username"]

_USERNAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?")
_NOT_IN_USERNAMES: Final = re.compile(r"[^a-z0-9]+")
_COMMON_PASSWORDS: Final = frozenset(
    (
        "password", "password1", "passw0rd", "12345678", "123456789", "1234567890", "11111111", "00000000", "qwertyui",
        "qwerty123", "qwertyuiop", "asdfghjkl", "1q2w3e4r", "1q2w3e4r5t", "abcd1234", "abc12345", "iloveyou", "sunshine",
        "football", "baseball", "superman", "princess", "letmein1", "welcome1", "admin123", "trustno1", "asdf1234",
    )
)  # fmt: skip  # a table of words reads better packed


def clean_username(text: str, limit: int) -> str:
    """The username in lower case: letters a-z, digits, and `. _ -` inside.

    Raises:
        MadangError: `invalid`.
    """
    name = text.strip().lower()
    if len(name) > limit or not _USERNAME.fullmatch(name):
        raise invalid("username", f"use 1 to {limit} of a-z, 0-9, and . _ - between them")
    return name


def derived_username(subject: str, limit: int, attempt: int = 0) -> str:
    """A username for what a host application calls a user; each further `attempt` gives another, if one is taken."""
    stem = _NOT_IN_USERNAMES.sub("-", subject.lower()).strip("-") or "user"
    digest = blake2b(f"{attempt}:{subject}".encode(), digest_size=4).hexdigest()
    ending = f"-{digest}" if attempt else ""
    return stem[: limit - len(ending)].rstrip("-") + ending


def clean_display_name(text: str, limit: int) -> str:
    """The name other people see.

    Raises:
        MadangError: `invalid` or `too_large`.
    """
    return clean_line("name", text, limit)


def check_password(password: str, username: str, *, min_characters: int, max_bytes: int) -> None:
    """Refuse passwords that guessing finds first.

    Raises:
        MadangError: `invalid` if too short, well known or equal to the username, `too_large` if too long.
    """
    if len(password) < min_characters:
        raise invalid("password", f"must have at least {min_characters} characters")
    try:
        size = len(password.encode())
    except UnicodeEncodeError:
        raise invalid("password", "must not contain a lone surrogate") from None
    if size > max_bytes:
        raise MadangError(
            ErrorCode.TOO_LARGE, "password is too long", details={"password": f"at most {max_bytes} bytes"}
        )
    lowered = password.lower()
    if lowered in _COMMON_PASSWORDS or lowered == username or len(set(password)) < 3:
        raise invalid("password", "is too easy to guess")
