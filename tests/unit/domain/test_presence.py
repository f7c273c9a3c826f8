"""The times and sizes of presence, as the contract gives them."""

from madang.domain.presence import COALESCE, OFFLINE_GRACE, SMALL_ROOM, VISIBLE_ROOMS


def test_they_are_those_of_the_contract() -> None:
    """Offline after 5-10 s of grace, gathered over 1 s; the 20 newest rooms of up to 50."""
    assert OFFLINE_GRACE >= 5
    assert OFFLINE_GRACE + COALESCE <= 10
    assert (COALESCE, SMALL_ROOM, VISIBLE_ROOMS) == (1, 50, 20)
