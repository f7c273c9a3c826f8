"""Who may do what: the table, read as a whole."""

import pytest

from madang.domain.membership import PERMISSIONS, Action, Role, may, next_owner


def allowed(role: Role, kind: str) -> set[str]:
    """What a role may ask for."""
    return {action for action in Action if may(role, action, kind)}  # type: ignore[arg-type]  # one of two words


TALK = {"read", "send", "react", "edit_own", "delete_own"}


def test_everybody_is_equal_in_a_direct_conversation() -> None:
    """Talking, and nothing about the conversation itself."""
    for role in ("owner", "admin", "member"):
        assert allowed(role, "direct") == TALK


def test_roles_of_a_group() -> None:
    """Each role may what the one below may, and something more."""
    member = TALK | {"add_members", "leave"}
    admin = member | {"delete_any", "remove_member", "update"}
    assert allowed("member", "group") == member
    assert allowed("admin", "group") == admin
    assert allowed("owner", "group") == admin | {"change_role", "transfer", "end"}


def test_every_action_is_somebodys() -> None:
    """A word nobody may use is a mistake in the table."""
    assert set(PERMISSIONS["group"]) == set(Action)


@pytest.mark.parametrize("action", [Action.REMOVE_MEMBER, Action.CHANGE_ROLE, Action.TRANSFER])
def test_nobody_acts_against_their_equal(action: Action) -> None:
    """Nor against oneself, nor against who ranks higher."""
    ranks: list[Role] = ["member", "admin", "owner"]
    for place, role in enumerate(ranks):
        for target in ranks[place:]:
            assert not may(role, action, "group", target=target)


def test_the_heir_is_the_longest_standing_of_the_highest_rank() -> None:
    """Ties by id; nobody while an owner remains, or if nobody does."""
    assert next_owner([("b", "member", 1), ("c", "admin", 9), ("a", "admin", 9)]) == "a"
    assert next_owner([("b", "member", 2), ("c", "member", 1)]) == "c"
    assert next_owner([("b", "member", 2), ("c", "owner", 3)]) is None
    assert next_owner([]) is None
