"""What clients saw, written down as it happens, and read again by the checker.

Owns the record and the file it is kept in: one JSON object per line, in the order of this process' clock. A send that was
not answered is `info`, never `fail`: it may be stored or not, and only a final refusal says that it is not. One that is
`accepted` is in a queue; `ok` or `fail` follows it, or neither if that was lost.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import msgspec

__all__ = ["History", "Record", "digest", "now", "read", "said"]

LONG: Final = 200
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing one device did or saw."""

    at: int
    """Nanoseconds of a clock that never goes back."""
    user: str
    device: str
    what: Literal["send", "deliver", "asked", "held", "shown", "read", "mark"]
    """`deliver`: a message reached the device by `path`. `asked`: it asked what it had missed, and is told up to `version`; what
    followed that is told again. `held`: what the device has in the end; `shown`: what its person is
    shown then who asks for everything anew. `read`: its own mark as an answer told it; `mark`: somebody's mark as it was
    told."""
    outcome: Literal["invoke", "ok", "accepted", "fail", "info"] = "ok"
    conversation: str = ""
    id: str = ""
    seq: int = 0
    version: int = 0
    body: str = ""
    path: Literal["", "ack", "live", "reaction", "resume", "page", "summary", "quote"] = ""
    """`reaction`: somebody's reaction to the message, told live."""
    connection: int = 0
    """Which connection of the device, counted from 1."""
    again: bool = False
    """A send that was asked more than once before it was answered."""
    about: str = ""
    """Whose mark."""
    asked: int = 0
    """When a page was asked for that this was on; its answer may come after news that is newer."""
    digest: str = ""
    """Of the whole message as it is held or shown: quote, reactions, edits and all."""


class History:
    """Writes records; use it as a context manager, or keep them in memory by giving no path."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._file: BinaryIO | None = None if path is None else path.open("wb")
        self._kept: list[Record] = []

    def add(self, record: Record) -> None:
        """Write it down."""
        if self._file is None:
            self._kept.append(record)
        else:
            self._file.write(_encode(record) + b"\n")

    def __iter__(self) -> Iterator[Record]:
        """Everything so far, in order."""
        if self._path is None or self._file is None:
            return iter(self._kept)
        self._file.flush()
        return read(self._path)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def read(path: Path) -> Iterator[Record]:
    """The records of a file."""
    decode = _decode(Record).decode
    with path.open("rb") as lines:
        for line in lines:
            yield decode(line)


def digest(message: Mapping[str, Any]) -> str:
    """All there is to see of a message, in few letters; the epoch stands beside it where it came live."""
    whole = msgspec.json.encode({**message, "epoch": ""}, order="sorted")
    return blake2b(whole, digest_size=12).hexdigest()


def said(content: str) -> str:
    """A text as records keep it: a long one by its digest."""
    return content if len(content) <= LONG else blake2b(content.encode(), digest_size=12).hexdigest()


def now() -> int:
    """The clock of records."""
    return time.monotonic_ns()
