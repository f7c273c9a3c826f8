"""Focus: which conversation each device shows.

Owns who looks at what on this node. In large rooms, what changes all the time goes to those who look and to nobody else. Must
never widen what somebody gets: a focus counts only while its socket is attached to the conversation.
"""

from __future__ import annotations

from madang.gateway.connection import Connection

__all__ = ["Focus"]


class Focus:
    """Who looks at what."""

    def __init__(self) -> None:
        self._looking: dict[str, set[Connection]] = {}

    def __len__(self) -> int:
        """Conversations somebody looks at."""
        return len(self._looking)

    def set(self, connection: Connection, conversation_id: str | None) -> None:
        """The device shows this conversation now, and no other."""
        self.ended(connection)
        if conversation_id is not None and not connection.ended:
            connection.focused = conversation_id
            self._looking.setdefault(conversation_id, set()).add(connection)

    def ended(self, connection: Connection) -> None:
        """The device shows none. Safe to call twice."""
        if connection.focused is None:
            return
        looking = self._looking[connection.focused]
        looking.discard(connection)
        if not looking:
            del self._looking[connection.focused]
        connection.focused = None

    def of(self, conversation_id: str) -> list[Connection]:
        """Who looks at a conversation and is attached to it; a copy, because telling them may end them."""
        return [one for one in self._looking.get(conversation_id, ()) if conversation_id in one.attached]
