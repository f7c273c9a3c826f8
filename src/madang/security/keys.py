"""Keys: one secret of the installation, one key for each purpose.

Owns the derivation. A key leaked or confused in one place is then worth nothing in another.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

__all__ = ["MIN_SECRET_BYTES", "derived_key"]

MIN_SECRET_BYTES: Final = 32
"""What HS256 needs to be as strong as its hash (RFC 7518, section 3.2)."""


def derived_key(secret: str, purpose: str) -> bytes:
    """32 bytes that only this secret and this purpose give.

    Raises:
        ValueError: the secret is too short to protect anything.
    """
    material = secret.encode()
    if len(material) < MIN_SECRET_BYTES:
        raise ValueError(f"a secret needs at least {MIN_SECRET_BYTES} bytes")
    return hmac.new(material, purpose.encode(), hashlib.sha256).digest()
