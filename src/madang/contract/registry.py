"""The contract read as data: every type that crosses the wire, in order, with its documentation.

Owns the walk over the events and the HTTP bodies that the writers (`typescript`, `asyncapi`) share, so that no writer
keeps a list of its own. Must never decide what a type means: that stands in the modules it reads.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any, Final, get_args, get_type_hints

from msgspec import Struct

from madang.contract import rest, shapes
from madang.contract.client_events import CLIENT_EVENTS, AckFailure
from madang.contract.limits import Limits
from madang.contract.server_events import SERVER_EVENTS, RemovedReason, RevokedReason
from madang.domain.conversation import ConversationType
from madang.domain.membership import Role
from madang.domain.message import MessageType, SystemKind

__all__ = ["ALIASES", "direct_types", "field_docs", "requests", "structs", "type_of_fields"]

ALIASES: Final[dict[str, Any]] = {
    "ConversationType": ConversationType,
    "MessageType": MessageType,
    "RemovedReason": RemovedReason,
    "RevokedReason": RevokedReason,
    "Role": Role,
    "SystemKind": SystemKind,
}
"""Unions of words that have a name; everywhere else a union stands where it is used."""

_REQUEST_BODIES: Final[tuple[type[Struct], ...]] = (
    rest.AddMembers,
    rest.ChangeRole,
    rest.CreateConversation,
    rest.Credentials,
    rest.EditBody,
    rest.MemberSettings,
    rest.ReadBody,
    rest.RefreshBody,
    rest.Registration,
    rest.SendBody,
    rest.UpdateConversation,
    rest.UpdateMe,
)


def requests() -> frozenset[type[Struct]]:
    """What clients send: there a field with a default may be left out; what the server sends is always whole."""
    return frozenset([*_REQUEST_BODIES, *(event.payload for event in CLIENT_EVENTS.values())])


def structs() -> list[type[Struct]]:
    """Every type of the wire, each after those it refers to."""
    roots: list[Any] = [getattr(shapes, name) for name in shapes.__all__ if name != "Shape"]
    roots += [AckFailure, Limits]
    roots += [part for event in CLIENT_EVENTS.values() for part in (event.payload, *event.acks)]
    roots += [part for event in SERVER_EVENTS.values() for part in event.payload]
    roots += [getattr(rest, name) for name in rest.__all__]
    found: dict[type[Struct], None] = {}
    for root in roots:
        _collect(root, found)
    return list(found)


def _collect(hint: Any, found: dict[type[Struct], None]) -> None:
    if isinstance(hint, type) and issubclass(hint, Struct):
        if hint is shapes.Shape or hint in found:
            return
        _collect(hint.__bases__[0], found)
        for part in type_of_fields(hint).values():
            _collect(part, found)
        found[hint] = None
        return
    for part in get_args(hint):
        _collect(part, found)


@cache
def type_of_fields(struct: type[Struct]) -> dict[str, Any]:
    """Python field name to its resolved annotation, inherited fields included."""
    return get_type_hints(struct)


def direct_types(struct: type[Struct]) -> dict[str, Any]:
    """The same without inherited fields."""
    return {name: hint for name, hint in type_of_fields(struct).items() if name in struct.__annotations__}


@cache
def field_docs(struct: type[Struct]) -> dict[str, str]:
    """Field name to the string that stands below it in the source."""
    body = next(_class_bodies(struct))
    docs: dict[str, str] = {}
    for field, below in pairwise(body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                docs[name] = inspect.cleandoc(text)
            case _:
                pass
    return docs


def _class_bodies(struct: type[Struct]) -> Iterator[list[ast.stmt]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(struct)))
    return (node.body for node in tree.body if isinstance(node, ast.ClassDef))
