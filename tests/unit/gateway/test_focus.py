"""Focus: one conversation per device, and nothing of one that is not one's own."""

from typing import Any, cast

from madang.gateway.connection import Connection
from madang.gateway.focus import Focus


def _device(*attached: str) -> Connection:
    connection = Connection(cast("Any", None), cast("Any", None))
    connection.attached = dict.fromkeys(attached, 1)
    return connection


def test_a_device_shows_one_conversation() -> None:
    """The next one replaces it, null ends it, and so does the socket's end."""
    focus, device = Focus(), _device("a", "b")
    focus.set(device, "a")
    focus.set(device, "b")
    assert (focus.of("a"), focus.of("b")) == ([], [device])
    focus.set(device, None)
    assert focus.of("b") == []
    focus.set(device, "a")
    focus.ended(device)
    focus.ended(device)
    assert not len(focus)


def test_what_ended_shows_nothing() -> None:
    """A focus that arrives with the end of its socket keeps nothing alive."""
    focus, device = Focus(), _device("a")
    device.ended = True
    focus.set(device, "a")
    assert not len(focus)


def test_a_focus_counts_while_the_socket_is_attached() -> None:
    """Who may see nothing of a conversation sees nothing by looking at it; who is removed stops seeing."""
    focus, stranger, member = Focus(), _device(), _device("a")
    focus.set(stranger, "a")
    focus.set(member, "a")
    assert focus.of("a") == [member]
    member.attached.clear()
    assert focus.of("a") == []
