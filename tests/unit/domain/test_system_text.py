"""The English sentences of system messages."""

from typing import get_args

import pytest

from madang.domain.message import SystemKind
from madang.domain.system_text import system_text


@pytest.mark.parametrize(
    ("kind", "actor", "people", "name", "sentence"),
    [
        ("created", "Ann", ["Bob"], None, "Ann started the conversation"),
        ("created", "Ann", ["Bob"], "Trip", "Ann created “Trip”"),
        ("members_added", "Ann", ["Bob"], None, "Ann added Bob"),
        ("members_added", "Ann", ["Bob", "Cem"], None, "Ann added Bob and Cem"),
        ("members_added", "Ann", ["Bob", "Cem", "Dan"], None, "Ann added Bob, Cem and Dan"),
        ("members_added", "Ann", ["Bob", "Cem", "Dan", "Eve"], None, "Ann added Bob, Cem, Dan and 1 other"),
        ("members_added", "Ann", [str(n) for n in range(100)], None, "Ann added 0, 1, 2 and 97 others"),
        ("member_left", "Ann", ["Ann"], None, "Ann left"),
        ("member_removed", "Ann", ["Bob"], None, "Ann removed Bob"),
        ("renamed", "Ann", [], "Trip", "Ann renamed the conversation to “Trip”"),
        ("renamed", "Ann", [], None, "Ann removed the conversation's name"),
        ("updated", "Ann", [], None, "Ann changed the conversation"),
        ("ended", "Ann", [], None, "Ann ended the conversation"),
        ("role_changed", "Ann", ["Bob"], None, "Ann changed the role of Bob"),
        ("role_changed", None, ["Bob"], None, "Bob is the owner now"),
        ("members_added", None, [], None, "The server added nobody"),
    ],
)
def test_it_says_who_did_what(
    kind: SystemKind, actor: str | None, people: list[str], name: str | None, sentence: str
) -> None:
    """Naming few and counting the rest."""
    assert system_text(kind, actor, people, name=name) == sentence


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
