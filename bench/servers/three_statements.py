"""The usual way to store a message: a member check, an insert and an update, each by itself, through a pool of ten.

Everything else is Madang's: the same engine, the same uvicorn, the same loop, so that what differs from the chat is the way
of storing. What costs time and is not needed is off: the pool resets no connection, statements are prepared once, no
transaction is opened around the three. It numbers nothing, keeps no read marks and knows no duplicates.

    python -m bench.servers.three_statements PORT DATABASE_URL
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import Any, Final

import asyncpg
import uvicorn
import uvloop

from madang.clock import SystemClock, to_iso
from madang.socketio import Server, Socket

POOL: Final = 10
TABLES: Final = """
CREATE TABLE conversations (id uuid PRIMARY KEY, type text NOT NULL, name text, last_message_at timestamptz);
CREATE TABLE conversation_members (
    conversation_id uuid NOT NULL REFERENCES conversations, user_id uuid NOT NULL, role text NOT NULL,
    joined_at timestamptz NOT NULL DEFAULT now(), last_read_at timestamptz, PRIMARY KEY (conversation_id, user_id)
);
CREATE TABLE messages (
    id uuid PRIMARY KEY, conversation_id uuid NOT NULL REFERENCES conversations, sender_id uuid NOT NULL,
    content text NOT NULL, type text NOT NULL DEFAULT 'text', reply_to_id uuid, attachments jsonb,
    edited_at timestamptz, deleted_at timestamptz, created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON messages (conversation_id, created_at DESC);
"""
NEW_CONVERSATION: Final = "INSERT INTO conversations (id, type) VALUES ($1, 'group') ON CONFLICT DO NOTHING"
NEW_MEMBER: Final = "INSERT INTO conversation_members (conversation_id, user_id, role) VALUES ($1, $2, 'member')"
IS_MEMBER: Final = "SELECT 1 FROM conversation_members WHERE conversation_id = $1 AND user_id = $2"
INSERT: Final = "INSERT INTO messages (id, conversation_id, sender_id, content) VALUES ($1, $2, $3, $4)"
UPDATE: Final = "UPDATE conversations SET last_message_at = now() WHERE id = $1"


async def _as_it_is(_: object) -> None:
    """Give a connection back without the round trip that would reset it."""


class ThreeStatements:
    """Members of rooms, each of which is a conversation in the database."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._clock = SystemClock()
        self.server = Server()
        self.server.use(self.admit)
        self.server.on("connection", self.connected)
        self.server.on("message", self.message)

    async def admit(self, socket: Socket, auth: dict[str, Any]) -> None:
        """Make a peer a member of its room in the database."""
        conversation, user = _conversation(auth["room"]), uuid.uuid4()
        await self._pool.execute(NEW_CONVERSATION, conversation)
        await self._pool.execute(NEW_MEMBER, conversation, user)
        socket.data = user

    def connected(self, socket: Socket) -> None:
        """Put a peer into its room."""
        socket.join(socket.handshake.auth["room"])

    async def message(self, socket: Socket, room: str, text: str) -> str:
        """Check, store, refresh; then tell the room and acknowledge."""
        conversation, message_id = _conversation(room), uuid.uuid4()
        if await self._pool.fetchval(IS_MEMBER, conversation, socket.data) is None:
            return "not_a_member"
        await self._pool.execute(INSERT, message_id, conversation, socket.data, text)
        await self._pool.execute(UPDATE, conversation)
        user_id = str(socket.data)
        self.server.to(room).emit(
            "message",
            {
                "id": str(message_id),
                "conversationId": str(conversation),
                "senderId": user_id,
                "sender": {"id": user_id, "name": "member", "avatarUrl": None},
                "type": "text",
                "content": text,
                "createdAt": to_iso(self._clock.now()),
            },
        )
        return "ok"


def _conversation(room: str) -> uuid.UUID:
    """`room 7` as an id that needs no lookup."""
    return uuid.UUID(int=int(room.removeprefix("room ")))


async def main(port: int, url: str) -> None:
    """Make the tables and serve until told to stop."""
    async with asyncpg.create_pool(url, min_size=POOL, max_size=POOL, reset=_as_it_is) as pool:
        await pool.execute(TABLES)
        server = ThreeStatements(pool).server
        config = uvicorn.Config(
            server, port=port, http="httptools", lifespan="on", ws=server.websocket_protocol, access_log=False,
            log_level="warning", backlog=4096,
        )  # fmt: skip
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), sys.argv[2]))
