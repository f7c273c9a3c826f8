"""What an account may be called."""

import pytest

from madang.domain.account import clean_username, derived_username


@pytest.mark.parametrize(
    ("subject", "username"),
    [
        ("ann", "ann"),
        ("Ann.B@host", "ann-b-host"),
        ("auth0|42", "auth0-42"),
        ("김민수", "user"),
        ("--", "user"),
        ("x" * 40, "x" * 32),
    ],
)
def test_a_username_is_made_of_any_subject(subject: str, username: str) -> None:
    """It would pass as one somebody chose."""
    assert derived_username(subject, 32) == username
    assert clean_username(username, 32) == username


def test_each_attempt_gives_another_and_the_same_one_again() -> None:
    """Different subjects that look alike part at the second attempt."""
    names = [
        derived_username(subject, 32, attempt) for subject in ("김민수", "박서준", "y" * 50) for attempt in range(4)
    ]
    assert len(set(names)) == 11
    assert names == [derived_username(subject, 32, n) for subject in ("김민수", "박서준", "y" * 50) for n in range(4)]
    assert all(clean_username(name, 32) == name for name in names)
