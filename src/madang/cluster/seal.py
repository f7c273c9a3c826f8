"""What nodes prove to each other, with the secret they share: that a name is a node's, and that a request comes from one.

Owns the two forms. A seal is over method, target and body, holds for `WINDOW_SECONDS`, and is taken once by each node; so a
request that somebody recorded is worth nothing when it is sent again. Must never be what protects an engine: that is the secret
part of its sid, which a request carries with a seal and without.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections import deque
from typing import Final

from madang.clock import Clock
from madang.socketio import PASSED_ON, PassedRequest

__all__ = ["NAME_CHARACTERS", "Seals"]

WINDOW_SECONDS: Final = 30
"""How far the clocks of two machines may be apart, the way of the request included."""
NAME_CHARACTERS: Final = 16
_HALF: Final = 6


class Seals:
    """Makes and judges names and seals.

    Args:
        key: the same on every node of the installation, and used for nothing else.
    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock
        self._taken: set[str] = set()
        self._taken_at: deque[tuple[int, str]] = deque()

    def new_name(self) -> str:
        """A name for a node that starts: half of it is chance, the other half shows that it is a name."""
        chance = secrets.token_bytes(_HALF)
        return base64.urlsafe_b64encode(chance + self._mac(b"name", chance)[:_HALF]).decode()

    def name_in(self, sid: str) -> str | None:
        """The name that a sid begins with; None if it begins with none."""
        try:
            raw = base64.urlsafe_b64decode(sid[:NAME_CHARACTERS].encode("ascii"))
        except ValueError:
            return None
        genuine = len(raw) == 2 * _HALF and hmac.compare_digest(raw[_HALF:], self._mac(b"name", raw[:_HALF])[:_HALF])
        return sid[:NAME_CHARACTERS] if genuine else None

    def seal(self, request: PassedRequest) -> bytes:
        """The value of the header `PASSED_ON` for a request."""
        stamp = f"{self._clock.now()}.{secrets.token_hex(8)}"
        return f"{stamp}.{self._over(stamp, request)}".encode()

    def holds(self, request: PassedRequest) -> bool:
        """Whether a request was sealed by a node, not long ago, and is here for the first time."""
        stamp, _, mac = request.header(PASSED_ON).decode("latin-1").rpartition(".")
        sealed_at, now = stamp.partition(".")[0], self._clock.now()
        if not hmac.compare_digest(mac.encode(), self._over(stamp, request).encode()):
            return False
        if abs(now - int(sealed_at)) > WINDOW_SECONDS * 1_000 or stamp in self._taken:
            return False
        while self._taken_at and self._taken_at[0][0] < now - 2 * WINDOW_SECONDS * 1_000:
            self._taken.discard(self._taken_at.popleft()[1])
        self._taken.add(stamp)
        self._taken_at.append((now, stamp))
        return True

    def _over(self, stamp: str, request: PassedRequest) -> str:
        body = hashlib.sha256(request.body).digest()
        return self._mac(b"request", request.method.encode(), request.target, body, stamp.encode("latin-1")).hex()

    def _mac(self, *parts: bytes) -> bytes:
        framed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.new(self._key, framed, hashlib.sha256).digest()
