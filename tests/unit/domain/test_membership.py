"""Who may do what, and who is next."""

from itertools import permutations
from typing import get_args

import pytest

from madang.domain.membership import Action, Role, may, next_owner

ROLES: tuple[Role, ...] = get_args(Role)


@pytest.mark.parametrize("role", ROLES)
def test_everybody_reads_and_sends_everywhere(role: Role) -> None:
    """Members are members."""
    for action in (Action.READ, Action.SEND):
        assert may(role, action, "direct")
        assert may(role, action, "group")


@pytest.mark.parametrize("role", ROLES)
def test_a_direct_conversation_keeps_its_two(role: Role) -> None:
    """Nobody comes, goes or is removed."""
    assert not any(may(role, action, "direct") for action in (Action.ADD_MEMBERS, Action.REMOVE_MEMBER, Action.LEAVE))


def test_only_people_of_a_lower_role_can_be_removed() -> None:
    """An owner removes admins and members, an admin members, nobody their like."""
    allowed = {
        (role, target) for role in ROLES for target in ROLES if may(role, Action.REMOVE_MEMBER, "group", target=target)
    }
    assert allowed == {("owner", "admin"), ("owner", "member"), ("admin", "member")}


def test_the_longest_standing_admin_is_next_then_the_longest_standing_member() -> None:
    """In whatever order they are told; ties by id, so every store decides the same."""
    people: list[tuple[str, Role, int]] = [("a", "member", 1), ("b", "admin", 9), ("c", "admin", 7), ("d", "member", 1)]
    for order in permutations(people):
        assert next_owner(order) == "c"
    assert next_owner([person for person in people if person[1] == "member"]) == "a"


def test_nobody_is_promoted_without_need() -> None:
    """While an owner remains, or when nobody does."""
    assert next_owner([]) is None
    assert next_owner([("a", "owner", 1), ("b", "member", 1)]) is None
