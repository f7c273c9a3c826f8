"""Keys: one for each purpose, none from too little."""

import pytest

from madang.security.keys import derived_key

SECRET = "a secret of at least thirty-two bytes"


def test_each_purpose_has_a_key_of_its_own() -> None:
    """A key that leaks in one place is worth nothing in another, and is the same after a restart."""
    access, refresh = derived_key(SECRET, "access"), derived_key(SECRET, "refresh")
    assert len(access) == 32
    assert access != refresh
    assert access == derived_key(SECRET, "access")
    assert access != derived_key(SECRET + "!", "access")


def test_a_short_secret_is_refused() -> None:
    """Thirty-one bytes can be searched for; the length counts in bytes, not characters."""
    with pytest.raises(ValueError, match="32 bytes"):
        derived_key("x" * 31, "access")
    assert derived_key("가" * 11, "access")
