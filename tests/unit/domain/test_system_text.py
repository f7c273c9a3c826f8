"""The English sentence of a system message."""

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
    """A new one cannot be forgotten."""
    assert system_text(kind, "Ann", ["Bob"], name="Trip")
