"""Addresses of Redis servers."""

import pytest

from madang.cluster.address import RedisAddress


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache", ("cache", 6379, False, "", "", 0)),
        ("rediss://cache:7000/3", ("cache", 7000, True, "", "", 3)),
        ("redis://:s%2Fe@127.0.0.1/", ("127.0.0.1", 6379, False, "", "s/e", 0)),
        ("redis://chat:pw@[::1]:6380/1", ("::1", 6380, False, "chat", "pw", 1)),
    ],
)
def test_a_url_says_all(url: str, expected: tuple[object, ...]) -> None:
    """Host, port, whether it is encrypted, who connects, and the database."""
    address = RedisAddress.of(url)
    found = (address.host, address.port, address.tls, address.username, address.password, address.database)
    assert found == expected


def test_no_secret_is_shown() -> None:
    """What is printed of an address has no password."""
    assert "secret" not in repr(RedisAddress.of("redis://me:secret@cache"))
