"""Putting the store and the bus together: what is not installed is named with what installs it."""

import pytest

from madang.app.services import installed
from madang.config import SettingsError


def test_a_missing_package_is_named() -> None:
    """The setting that takes it, the package, and the extra that brings it."""
    with pytest.raises(SettingsError) as refused, installed("redis", "MADANG_REDIS_URL"):
        raise ModuleNotFoundError(name="hiredis")
    assert refused.value.setting == "MADANG_REDIS_URL"
    assert refused.value.sentence == "takes hiredis, which is not installed: pip install 'madang[redis]'."
