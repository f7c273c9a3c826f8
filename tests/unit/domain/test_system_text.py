"""The English sentences of system messages."""

from typing import get_args

import pytest

from madang.domain.message import SystemKind
from madang.domain.system_text import system_text


@pytest.mark.parametrize("kind", get_args(SystemKind))
def test_every_kind_has_a_sentence(kind: SystemKind) -> None:
    """With and without an actor, people and a name."""
    for actor in ("Mina", None):
        for people in ([], ["Joon"]):
            for name in (None, "점심"):
                assert system_text(kind, actor, people, name=name)


def test_many_people_are_counted() -> None:
    """A sentence names three at most."""
    assert system_text("members_added", "A", ["B"]) == "A added B"
    assert system_text("members_added", "A", ["B", "C"]) == "A added B and C"
    assert system_text("members_added", "A", ["B", "C", "D"]) == "A added B, C and D"
    assert system_text("members_added", "A", ["B", "C", "D", "E"]) == "A added B, C, D and 1 other"
    assert system_text("members_added", "A", list("BCDEF")) == "A added B, C, D and 2 others"


def test_a_role_that_is_inherited_has_no_actor() -> None:
    """The last owner left; nobody changed anything."""
    assert system_text("role_changed", None, ["Joon"]) == "Joon is the owner now"
