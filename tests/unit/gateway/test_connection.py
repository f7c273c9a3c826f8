"""Connections: the index from people to their sockets."""

from typing import Any, cast

from madang.gateway.connection import Connection, Connections
from madang.services.identity import Identity


def _connection(user_id: str) -> Connection:
    identity = Identity(user_id=user_id, session_id=None, expires_at_ms=None, administrator=False)
    return Connection(cast("Any", object()), identity)


def test_people_are_here_while_a_socket_of_theirs_is() -> None:
    """Each socket once, found by its person, and gone without a trace."""
    here = Connections()
    phone, desk, other = _connection("mina"), _connection("mina"), _connection("joon")
    for connection in (phone, desk, other, phone):
        here.add(connection)
    assert (len(here), set(here), set(here.of("mina"))) == (3, {phone, desk, other}, {phone, desk})
    for connection in here.of("mina"):  # a copy: telling them may end them
        here.remove(connection)
        here.remove(connection)
    assert (here.of("mina"), list(here)) == ([], [other])
    here.remove(other)
    assert not here._by_user
