"""Who may do what in a conversation.

Owns the roles and the one table of permissions. Must never look anything up: callers bring the facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Literal

from madang.domain.conversation import ConversationType

__all__ = ["Action", "Role", "may", "next_owner"]

Role = Literal["owner", "admin", "member"]


class Action(StrEnum):
    """What a member may ask for."""

    READ = "read"
    SEND = "send"
    ADD_MEMBERS = "add_members"
    REMOVE_MEMBER = "remove_member"
    LEAVE = "leave"


_EVERYBODY: Final = frozenset[Role](("owner", "admin", "member"))
_PERMISSIONS: Final[dict[ConversationType, dict[Action, frozenset[Role]]]] = {
    "direct": {Action.READ: _EVERYBODY, Action.SEND: _EVERYBODY},
    "group": {
        Action.READ: _EVERYBODY,
        Action.SEND: _EVERYBODY,
        Action.ADD_MEMBERS: _EVERYBODY,
        Action.REMOVE_MEMBER: frozenset(("owner", "admin")),
        Action.LEAVE: _EVERYBODY,
    },
}
_RANK: Final[dict[Role, int]] = {"owner": 2, "admin": 1, "member": 0}


def may(role: Role, action: Action, kind: ConversationType, *, target: Role | None = None) -> bool:
    """Whether a member of this role may act so; against `target`, only people of a lower role."""
    if role not in _PERMISSIONS[kind].get(action, frozenset()):
        return False
    return target is None or _RANK[role] > _RANK[target]


def next_owner(remaining: Sequence[tuple[str, Role, int]]) -> str | None:
    """Who owns a group when its last owner leaves: the longest-standing admin, else the longest-standing member.

    Args:
        remaining: user id, role and the seq of joining of everybody else.

    Returns:
        The user to promote, or None if an owner remains or nobody does.
    """
    if not remaining or any(role == "owner" for _, role, _ in remaining):
        return None
    return min(remaining, key=lambda member: (-_RANK[member[1]], member[2], member[0]))[0]
