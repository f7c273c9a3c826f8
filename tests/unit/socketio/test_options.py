"""Settings that cannot work are refused when they are made."""

from typing import Any

import pytest

from madang.socketio.options import ServerOptions, same_origin


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"path": "socket.io/"}, "slash"),
        ({"path": "/socket.io"}, "slash"),
        ({"ping_interval": 0}, "ping_interval"),
        ({"connect_timeout": -1}, "connect_timeout"),
        ({"max_payload": 0}, "max_payload"),
        ({"slow_bytes": 10, "hard_bytes": 5}, "hard_bytes"),
        ({"transports": ()}, "transport"),
        ({"packet_rate": 0}, "packet_rate"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any], message: str) -> None:
    """The error says which."""
    with pytest.raises(ValueError, match=message):
        ServerOptions(**wrong)


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "chat.example", True),
        ("https://chat.example", "chat.example", True),
        ("https://Chat.example", "chat.Example", True),
        ("http://localhost:3000", "localhost:3000", True),
        ("http://localhost:3000", "localhost:4000", False),
        ("https://evil.example", "chat.example", False),
        ("https://chat.example.evil.example", "chat.example", False),
        ("null", "chat.example", False),
        ("", "", False),
        ("https://[bad", "chat.example", False),
    ],
)
def test_the_default_policy_lets_in_the_hosts_own_pages(origin: str | None, host: str, allowed: bool) -> None:
    """And what is no browser."""
    assert same_origin(origin, host) is allowed
