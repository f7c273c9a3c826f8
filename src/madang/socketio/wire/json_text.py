"""JSON as Socket.IO needs it: fast for what is usual, correct for what only the JSON grammar allows.

Owns the choice between msgspec and the standard library. msgspec refuses some texts that the grammar allows (escapes
of lone surrogates, numbers beyond a double) and some strings (lone surrogates); JavaScript sends and takes both, so
they must neither close a connection nor raise in a sender. Must never accept what is no JSON (NaN, Infinity).
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import msgspec

from madang.socketio.wire.engineio_packet import ParseError

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def decode_json(data: bytes) -> Any:
    """Decode one JSON text.

    Raises:
        ParseError: it is not JSON, not UTF-8, or nested too deeply.

    """
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _decode_leniently(data)


def encode_json(value: Any) -> bytes:
    """Encode a value; lone surrogates leave as escapes.

    Raises:
        TypeError: a value in it has no JSON form.

    """
    try:
        return _encode(value)
    except UnicodeEncodeError:
        plain = _finite(msgspec.to_builtins(value))
        return json.dumps(plain, separators=(",", ":"), allow_nan=False).encode("ascii")


def _finite(value: Any) -> Any:
    """Write infinities and NaN as null, as msgspec and JavaScript do."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _decode_leniently(data: bytes) -> Any:
    try:
        return json.loads(data.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # JSONDecodeError, UnicodeDecodeError and over-long integers
        raise ParseError("malformed JSON") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
