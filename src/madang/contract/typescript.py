"""The contract as TypeScript: types, event maps for socket.io-client, error codes and limits.

Owns how a Python annotation is spelled in TypeScript. Everything is `readonly`; a field the other side may leave out is
`?`; `null` stands only where it stands on the wire. The output depends on the contract alone.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterable
from typing import Any, Final, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct, UnsetType

from madang.contract.client_events import CLIENT_EVENTS, ClientEvent, OkAck
from madang.contract.limits import CONTRACT_VERSION, LIMITS
from madang.contract.registry import ALIASES, direct_types, field_docs, requests, structs
from madang.contract.server_events import SERVER_EVENTS, ServerEvent
from madang.contract.shapes import Shape
from madang.errors import ERRORS

__all__ = ["typescript"]

_HEADER: Final = """\
/**
 * Madang's contract: every event and payload, the error codes, the limits.
 *
 * Generated from `madang.contract` by `python -m madang.contract.export`; changes by hand are lost.
 * Fields and events may be added by a newer server; unknown ones are ignored.
 */
"""

_SCALARS: Final[dict[Any, str]] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
    Any: "unknown",
    object: "unknown",
}


def typescript() -> str:
    """The whole file."""
    blocks = [
        _HEADER,
        f"export const CONTRACT_VERSION = {CONTRACT_VERSION};\n",
        *(f"export type {name} = {_union(get_args(alias))};\n" for name, alias in ALIASES.items()),
        *(_interface(struct) for struct in structs()),
        _errors(),
        _limits(),
        _ACK,
        _client_events(CLIENT_EVENTS.values()),
        _server_events(SERVER_EVENTS.values()),
    ]
    return "\n".join(blocks)


def _interface(struct: type[Struct]) -> str:
    base = struct.__bases__[0]
    extends = "" if base is Shape else f" extends {base.__name__}"
    docs = field_docs(struct)
    sent_by_clients = struct in requests()
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    lines: list[str] = []
    for name, hint in direct_types(struct).items():
        field = fields[name]
        has_default = field.default is not NODEFAULT or field.default_factory is not NODEFAULT
        optional = UnsetType in get_args(hint) or (sent_by_clients and has_default)
        lines += _comment(docs.get(name, ""), "  ")
        lines.append(f"  readonly {field.encode_name}{'?' if optional else ''}: {_spell(hint)};")
    head = [*_comment(struct.__doc__ or "", ""), f"export interface {struct.__name__}{extends} {{"]
    return "\n".join([*head, *lines, "}"]) + "\n"


def _comment(text: str, indent: str) -> list[str]:
    sentences = " ".join(text.split())
    return [f"{indent}/** {sentences} */"] if sentences else []


def _spell(hint: Any) -> str:
    """One annotation in TypeScript."""
    for name, alias in ALIASES.items():
        if hint == alias:
            return name
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, parts = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return " | ".join(_spell(part) for part in parts if part is not UnsetType)
    if origin is Literal:
        return _union(parts)
    if origin is list:
        item = _spell(parts[0])
        return f"readonly ({item})[]" if " " in item else f"readonly {item}[]"
    if origin is tuple:
        return f"readonly [{', '.join(_spell(part) for part in parts)}]"
    if origin is dict:
        return f"Readonly<Record<string, {_spell(parts[1])}>>"
    if isinstance(hint, type) and issubclass(hint, Struct):
        return hint.__name__
    raise TypeError(f"the contract has no TypeScript form for {hint!r}")


def _union(words: Iterable[Any]) -> str:
    return " | ".join(json.dumps(word) for word in words)


def _errors() -> str:
    rows = [
        f"  /** {kind.meaning} */\n  {kind.code.value}: {{ httpStatus: {kind.http_status}, "
        f"retryable: {json.dumps(kind.retryable)} }},"
        for kind in ERRORS.values()
    ]
    head = "/** The closed table of errors. `retryable`: the same request with the same id may succeed later. */"
    code = "export type ErrorCode = keyof typeof ERRORS;\n"
    return "\n".join([head, "export const ERRORS = {", *rows, "} as const;", "", code])


def _limits() -> str:
    values = msgspec.to_builtins(LIMITS)
    rows = [f"  {name}: {json.dumps(value)}," for name, value in values.items()]
    head = "/** The limits of a server that was not told otherwise; those in force come with `init`. */"
    return "\n".join([head, "export const LIMITS: Limits = {", *rows, "};"]) + "\n"


_ACK: Final = """\
/** The answer to an event: what it asked for, or why not. `ok` tells which. */
export type Ack<Answer extends OkAck> = (answer: Answer | AckFailure) => void;
"""


def _client_events(events: Iterable[ClientEvent]) -> str:
    """An ack that says no more than "done" may be left out; the others are what the event is for."""
    lines = ["/** What a client may send; for the second type parameter of socket.io-client's `Socket`. */"]
    lines.append("export interface ClientToServerEvents {")
    for event in events:
        name = "ack?" if event.acks == (OkAck,) else "ack"
        ack = f"{name}: Ack<{' | '.join(each.__name__ for each in event.acks)}>"
        lines += _comment(event.meaning, "  ")
        lines.append(f"  {json.dumps(event.name)}: (payload: {event.payload.__name__}, {ack}) => void;")
    return "\n".join([*lines, "}"]) + "\n"


def _server_events(events: Iterable[ServerEvent]) -> str:
    lines = ["/** What the server may send; for the first type parameter of socket.io-client's `Socket`. */"]
    lines.append("export interface ServerToClientEvents {")
    for event in events:
        arguments = ", ".join(f"{_argument(part)}: {_spell(part)}" for part in event.payload)
        lines += _comment(f"To: {event.to}", "  ")
        lines.append(f"  {json.dumps(event.name)}: ({arguments}) => void;")
    return "\n".join([*lines, "}"]) + "\n"


def _argument(part: type) -> str:
    """The only argument of an event that is no object is the user it speaks of."""
    return "userId" if part is str else part.__name__[0].lower() + part.__name__[1:]
