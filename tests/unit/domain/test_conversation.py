"""What a conversation is."""

from madang.domain.conversation import direct_key


def test_a_pair_has_one_key_whoever_asks() -> None:
    """And so has oneself alone."""
    assert direct_key("a", "b") == direct_key("b", "a") != direct_key("a", "c")
    assert direct_key("a", "a") not in (direct_key("a", "b"), direct_key("b", "b"))
