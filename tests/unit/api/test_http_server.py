"""Listening: every address of a name, a free port, and refusals that name the setting."""

import socket

import pytest

from madang.api.http_server import bind
from madang.config import InUseError, SettingsError


def test_port_0_takes_a_free_one() -> None:
    """And says which."""
    (listener,) = bind("127.0.0.1", 0)
    with listener:
        assert listener.getsockname()[1] > 0


def test_all_addresses_of_a_name_share_the_port() -> None:
    """`localhost` may be two addresses; people type one port."""
    listening = bind("localhost", 0)
    ports = {listener.getsockname()[1] for listener in listening}
    for listener in listening:
        listener.close()
    assert len(ports) == 1


def test_a_connection_waits_from_the_first_moment() -> None:
    """Whoever comes while the store opens is served when it has, not refused."""
    (listener,) = bind("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname(), timeout=5):
        pass


def test_a_taken_port_is_named() -> None:
    """By the setting, in use by somebody else."""
    (listener,) = bind("127.0.0.1", 0)
    with listener, pytest.raises(InUseError) as caught:
        bind("127.0.0.1", listener.getsockname()[1])
    assert caught.value.setting == "MADANG_PORT"


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_is_not_ours_is_named(host: str) -> None:
    """By the setting, with the host."""
    with pytest.raises(SettingsError) as caught:
        bind(host, 0)
    assert caught.value.setting == "MADANG_HOST"
    assert host in caught.value.sentence
