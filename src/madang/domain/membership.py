"""Who may do what in a conversation.

Owns the roles and the one table of permissions. Must never look anything up: callers bring the facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Literal

from madang.domain.conversation import ConversationType

__all__ = ["MEANINGS", "PERMISSIONS", "Action", "Role", "may", "next_owner"]

Role = Literal["owner", "admin", "member"]


class Action(StrEnum):
    """What a member may ask for; `MEANINGS` says what each is."""

    READ = "read"
    SEND = "send"
    REACT = "react"
    EDIT_OWN = "edit_own"
    DELETE_OWN = "delete_own"
    DELETE_ANY = "delete_any"
    ADD_MEMBERS = "add_members"
    REMOVE_MEMBER = "remove_member"
    LEAVE = "leave"
    UPDATE = "update"
    CHANGE_ROLE = "change_role"
    TRANSFER = "transfer"
    END = "end"


MEANINGS: Final[dict[Action, str]] = {
    Action.READ: "See messages, members and who has read, from where one joined.",
    Action.SEND: "Write messages.",
    Action.REACT: "React to messages, and take one's own reactions back.",
    Action.EDIT_OWN: "Change the content of one's own messages, within the operator's window.",
    Action.DELETE_OWN: "Delete one's own messages, within the operator's window.",
    Action.DELETE_ANY: "Delete anybody's messages, at any age.",
    Action.ADD_MEMBERS: "Add people.",
    Action.REMOVE_MEMBER: "Remove people of a lower role.",
    Action.LEAVE: "Leave; the last owner passes the role on to the longest-standing admin, else member.",
    Action.UPDATE: "Change name, picture and own fields.",
    Action.CHANGE_ROLE: "Make members admins, and admins members.",
    Action.TRANSFER: "Make somebody else the owner, and oneself an admin.",
    Action.END: "End the conversation for everybody.",
}
_EVERYBODY: Final = frozenset[Role](("owner", "admin", "member"))
_LEADERS: Final = frozenset[Role](("owner", "admin"))
_OWNER: Final = frozenset[Role](("owner",))
_TALK: Final = {
    Action.READ: _EVERYBODY,
    Action.SEND: _EVERYBODY,
    Action.REACT: _EVERYBODY,
    Action.EDIT_OWN: _EVERYBODY,
    Action.DELETE_OWN: _EVERYBODY,
}
PERMISSIONS: Final[dict[ConversationType, dict[Action, frozenset[Role]]]] = {
    "direct": _TALK,
    "group": {
        **_TALK,
        Action.DELETE_ANY: _LEADERS,
        Action.ADD_MEMBERS: _EVERYBODY,
        Action.REMOVE_MEMBER: _LEADERS,
        Action.LEAVE: _EVERYBODY,
        Action.UPDATE: _LEADERS,
        Action.CHANGE_ROLE: _OWNER,
        Action.TRANSFER: _OWNER,
        Action.END: _OWNER,
    },
}
"""The one table: which roles may do what. What is missing nobody may."""
_RANK: Final[dict[Role, int]] = {"owner": 2, "admin": 1, "member": 0}


def may(role: Role, action: Action, kind: ConversationType, *, target: Role | None = None) -> bool:
    """Whether a member of this role may act so; against `target`, only people of a lower role."""
    if role not in PERMISSIONS[kind].get(action, frozenset()):
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
