"""Origins: equal or not, nothing in between."""

import pytest

from madang.api.origins import Origins


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("https://chat.test", "chat.test", True),
        ("http://chat.test", "chat.test", True),
        ("https://CHAT.test", "chat.TEST", True),
        ("https://chat.test:443", "chat.test", True),
        ("https://chat.test", "chat.test:443", True),
        ("http://[::1]:8420", "[::1]:8420", True),
        ("http://127.0.0.1:8420", "127.0.0.1:8420", True),
        ("http://127.0.0.1:8421", "127.0.0.1:8420", False),
        ("http://localhost:8420", "127.0.0.1:8420", False),
        ("https://chat.test:80", "chat.test", False),
        ("https://evil.chat.test", "chat.test", False),
        ("https://chat.test.evil", "chat.test", False),
        ("https://chat.test@evil", "evil", False),
        ("null", "null", False),
        ("", "", False),
        ("https://", "", False),
        ("file://", "", False),
        ("chrome-extension://chat.test", "chat.test", False),
    ],
)
def test_our_own_page(origin: str, host: str, own: bool) -> None:
    """The page's authority is the one the request went to, default ports aside."""
    assert Origins("", ()).is_own(origin, host) is own


def test_the_public_address_is_ours_too() -> None:
    """A proxy may change `Host`; the operator has said what people see."""
    origins = Origins("https://Example.com:443/chat", ())
    assert origins.is_own("https://example.com", "127.0.0.1:8420")
    assert origins.is_own("http://127.0.0.1:8420", "127.0.0.1:8420")
    assert not origins.is_own("http://example.com", "127.0.0.1:8420")
    assert not origins.is_own("https://example.com.evil", "127.0.0.1:8420")
    assert not Origins("", ()).is_own("", "127.0.0.1:8420")


def test_listed_pages() -> None:
    """Exactly those on the list, whatever the case."""
    origins = Origins("", ("https://Shop.example", "http://localhost:5173"))
    assert origins.is_allowed("https://shop.example")
    assert origins.is_allowed("https://shop.example:443")
    assert origins.is_allowed("http://localhost:5173")
    for strange in ("http://shop.example", "https://shop.example.evil", "https://a.shop.example", "null", ""):
        assert not origins.is_allowed(strange)


@pytest.mark.parametrize(
    "origin", ["*", "https://*.example", "shop.example", "https://shop.example/", "null", "ftp://a"]
)
def test_what_is_no_exact_origin_is_refused(origin: str) -> None:
    """A list that could match more than it says stops the start."""
    with pytest.raises(ValueError, match="exact origin"):
        Origins("", (origin,))
