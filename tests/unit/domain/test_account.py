"""What an account may be called, and how it may be protected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain.account import check_password, clean_username, derived_username
from madang.errors import ErrorCode, MadangError


@pytest.mark.parametrize("name", ["mina", "  Mina ", "a", "0", "kim.min-a_1", "x" * 32])
def test_usernames_are_lower_case(name: str) -> None:
    """Letters, digits, and three signs inside."""
    assert clean_username(name, 32) == name.strip().lower()


@pytest.mark.parametrize("name", ["", ".mina", "mina.", "민아", "mi na", "x" * 33, "a\n", "a@b", "K" * 33])
def test_other_usernames_are_refused(name: str) -> None:
    """With one code for all."""
    if name == "a\n":
        assert clean_username(name, 32) == "a"
        return
    with pytest.raises(MadangError) as refused:
        clean_username(name, 32)
    assert refused.value.code is ErrorCode.INVALID


@given(st.text(max_size=80), st.integers(0, 3))
def test_every_subject_has_a_username_and_others_if_it_is_taken(subject: str, attempt: int) -> None:
    """Whatever a host application calls its people."""
    name = derived_username(subject, 32, attempt)
    assert clean_username(name, 32) == name
    assert derived_username(subject, 32, attempt + 1) != name


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", ErrorCode.INVALID),
        ("password", ErrorCode.INVALID),
        ("PassWord1", ErrorCode.INVALID),
        ("mina-the-great", ErrorCode.INVALID),
        ("ababababab", ErrorCode.INVALID),
        ("secret \ud800 secret", ErrorCode.INVALID),
        ("가나다라" * 100, ErrorCode.TOO_LARGE),
    ],
)
def test_passwords_that_guessing_finds_are_refused(password: str, code: ErrorCode) -> None:
    """And those that no store or hash takes."""
    with pytest.raises(MadangError) as refused:
        check_password(password, "mina-the-great", min_characters=8, max_bytes=1_024)
    assert refused.value.code is code


def test_a_sentence_is_a_password() -> None:
    """Spaces and any script."""
    check_password("오늘은 비가 온다", "mina", min_characters=8, max_bytes=1_024)
