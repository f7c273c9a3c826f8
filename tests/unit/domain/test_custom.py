"""An application's own fields."""

import pytest

from madang.domain.custom import clean_custom
from madang.errors import ErrorCode, MadangError


def test_texts_are_brought_into_normal_form_wherever_they_stand() -> None:
    """Keys too; numbers, truths and null are left as they are."""
    value = {"\u1112\u1161\u11ab": ["e\u0301", {"n": None, "t": True, "x": 1.5}]}
    assert clean_custom(value, 100) == {"한": ["é", {"n": None, "t": True, "x": 1.5}]}


@pytest.mark.parametrize("value", [{"a": "\x00"}, {"\x00": 1}, {"a": ["\ud800"]}, {"a": [[[[[[[[]]]]]]]]}])
def test_what_no_store_takes_is_invalid(value: dict[str, object]) -> None:
    """In whatever depth, and too much of that."""
    with pytest.raises(MadangError) as refused:
        clean_custom(value, 100)
    assert refused.value.code is ErrorCode.INVALID


def test_the_size_is_that_of_the_json() -> None:
    """The limit itself passes."""
    assert clean_custom({"a": "xx"}, 10)
    with pytest.raises(MadangError) as refused:
        clean_custom({"a": "xxx"}, 10)
    assert refused.value.code is ErrorCode.TOO_LARGE
