"""The English sentence of a system message, for clients that show `content` as it is.

Clients that know the message's `system` field write their own sentence in the reader's language; this one is stored once
and names people as they were called then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from madang.domain.message import SystemKind

__all__ = ["system_text"]

_NAMED: Final = 3
"""People a sentence names; the rest are counted."""


def _listed(names: Sequence[str]) -> str:
    if len(names) > _NAMED:
        rest = len(names) - _NAMED
        return f"{', '.join(names[:_NAMED])} and {rest} {'other' if rest == 1 else 'others'}"
    if len(names) > 1:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return names[0] if names else "nobody"


def system_text(kind: SystemKind, actor: str | None, people: Sequence[str], *, name: str | None = None) -> str:
    """The sentence.

    Args:
        kind: what happened.
        actor: the name of who did it; None if it happened by itself.
        people: the names of those it happened to.
        name: the conversation's new name.
    """
    by = actor or "The server"
    match kind:
        case "created":
            return f"{by} created “{name}”" if name else f"{by} started the conversation"
        case "members_added":
            return f"{by} added {_listed(people)}"
        case "member_left":
            return f"{by} left"
        case "member_removed":
            return f"{by} removed {_listed(people)}"
        case "renamed":
            return f"{by} renamed the conversation to “{name}”" if name else f"{by} removed the conversation's name"
        case "updated":
            return f"{by} changed the conversation"
        case "ended":
            return f"{by} ended the conversation"
        case "role_changed":
            return f"{by} changed the role of {_listed(people)}" if actor else f"{_listed(people)} is the owner now"
