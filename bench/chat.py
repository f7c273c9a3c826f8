"""The whole chat as a subject: `madang serve` on SQLite or PostgreSQL, with users of a host application and their conversations.

Owns the data folder, the tokens and the conversations of a run. Must never use anything a host application could not:
users come by signed tokens, conversations by the HTTP API, messages by sockets.
"""

from __future__ import annotations

import http.client
import random
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import jwt
import msgspec

from bench.client import Client
from bench.crowd import Crowd
from bench.errors import BenchError
from bench.processes import ServerProcess

_SECRET: Final = "a secret of the benchmark, of 32 bytes and more"
_ISSUER: Final = "https://bench.invalid"
_AUDIENCE: Final = "madang-bench"
_TOKEN_SECONDS: Final = 3_600
_CALL_SECONDS: Final = 30.0
_MEMBERS_PER_CALL: Final = 99
_USERS: Final = uuid.UUID("5c5e2f0a-7a57-5d5c-8a46-7a2f3ab7b8c1")
ENVIRONMENT: Final = {
    "MADANG_JWT_SECRET": _SECRET,
    "MADANG_JWT_ISSUER": _ISSUER,
    "MADANG_JWT_AUDIENCE": _AUDIENCE,
    "MADANG_SEND_RATE": "0",
    "MADANG_CONNECT_RATE": "0",
    "MADANG_LOG_LEVEL": "warning",
}


class ChatDialect:
    """Signs in with a token, starts delivery with `init`, sends with an id of its own and an ack.

    Args:
        tokens: of the users, one for each client.
        room_size: members of a conversation, in the order of the clients; 0 puts all into one.
    """

    path = "/socket.io/"
    delivered = b'42["message:new",'
    greeting: bytes | None = b'420["init",{}]'

    def __init__(self, tokens: Sequence[str], room_size: int = 0) -> None:
        self._auth = [msgspec.json.encode({"token": token}) for token in tokens]
        self._room_size = room_size
        self.conversations: list[str] = []

    def room_of(self, index: int) -> int:
        """The conversation of a client."""
        return index // self._room_size if self._room_size else 0

    def auth(self, index: int) -> bytes:
        return self._auth[index]

    def message(self, client: Client, number: int, text: str) -> bytes:
        body = {"conversationId": self.conversations[client.room], "id": _message_id(client, number), "content": text}
        return b'42%d["message:send",%b]' % (number, msgspec.json.encode(body))

    def is_refusal(self, ack: bytes) -> bool:
        return b'"ok":true' not in ack  # texts of the generator do not hold it


class ChatHost:
    """The host application: its users, and the data folder their conversations are in.

    Args:
        folder: the data folder, empty at first.
        users: how many.
        room_size: members of each conversation; 0 means one conversation of all, 1 means none at all.
        settings: for all its processes; the store that `MADANG_DATABASE_URL` names is empty at first, and without it is SQLite.
        list_size: conversations of `room_size` everybody is in; those beyond the first are with others each, and somebody has
            said something there.
    """

    def __init__(
        self,
        folder: Path,
        users: int,
        room_size: int = 0,
        *,
        settings: Mapping[str, str] = MappingProxyType({}),
        list_size: int = 1,
    ) -> None:
        self._folder = folder
        self._list_size = list_size
        self._environment = {**ENVIRONMENT, **settings}
        self._room_size = room_size
        self._ids = [str(uuid.uuid5(_USERS, str(number))) for number in range(users)]
        self._tokens = [_token(user_id, number) for number, user_id in enumerate(self._ids)]
        self.dialect = ChatDialect(self._tokens, room_size)

    def server(self, cores: set[int], *, probed: bool = False) -> ServerProcess:
        """The chat server on this folder, or one node of several; `probed` runs it in a process that also watches its event loop."""
        return self._process(cores, ["-m", "bench.servers.madang_chat"] if probed else ["-m", "madang", "serve"])

    def worker(self, cores: set[int]) -> ServerProcess:
        """A process that stores what was accepted."""
        return self._process(cores, ["-m", "madang", "worker"])

    def _process(self, cores: set[int], program: list[str]) -> ServerProcess:
        return ServerProcess(
            [sys.executable, *program, "--port", "{port}", "--data", str(self._folder)],
            cores=cores,
            environment=self._environment,
            ready_path="/health/ready",
        )

    def prepare(self, cores: set[int]) -> None:
        """Have every user come once and make the conversations, on a server that then stops.

        Raises:
            BenchError: a call was refused.
        """
        with self.server(cores) as server:
            with Crowd(server.address, self.dialect) as crowd:
                crowd.connect(len(self._ids))
            if self._room_size == 1:
                return
            size = self._room_size or len(self._ids)
            with closing(http.client.HTTPConnection(*server.address, timeout=_CALL_SECONDS)) as connection:
                api = _Api(connection, self._tokens)
                everybody = list(range(len(self._ids)))
                self.dialect.conversations = [self._make_conversation(api, group) for group in _groups(everybody, size)]
                for number in range(1, self._list_size):
                    for group in _groups(random.Random(number).sample(everybody, len(everybody)), size):
                        quiet = self._make_conversation(api, group)
                        api.post(group[1], f"/api/conversations/{quiet}/messages", {"content": "see you there"})

    def _make_conversation(self, api: _Api, members: Sequence[int]) -> str:
        owner = members[0]
        people = iter([self._ids[member] for member in members[1:]])
        made = api.post(
            owner,
            "/api/conversations",
            {"type": "group", "name": "bench", "memberIds": list(islice(people, _MEMBERS_PER_CALL))},
        )
        conversation = str(made["id"])
        while more := list(islice(people, _MEMBERS_PER_CALL)):
            api.post(owner, f"/api/conversations/{conversation}/members", {"userIds": more})
        return conversation


class _Api:
    """Calls of the HTTP API on one connection."""

    def __init__(self, connection: http.client.HTTPConnection, tokens: Sequence[str]) -> None:
        self._connection = connection
        self._tokens = tokens

    def post(self, user: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._tokens[user]}", "Content-Type": "application/json"}
        self._connection.request("POST", path, msgspec.json.encode(body), headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status >= 300:
            raise BenchError(f"POST {path} gave {response.status}: {answer[:500]!r}")
        return msgspec.json.decode(answer, type=dict[str, Any])


def _groups(people: Sequence[int], size: int) -> list[Sequence[int]]:
    return [people[first : first + size] for first in range(0, len(people), size)]


def _token(user_id: str, number: int) -> str:
    now = int(time.time())
    claims = {"sub": user_id, "name": f"member {number}", "iat": now, "exp": now + _TOKEN_SECONDS}
    return jwt.encode({**claims, "iss": _ISSUER, "aud": _AUDIENCE}, _SECRET, "HS256")


def _message_id(client: Client, number: int) -> str:
    """A UUIDv7 as a client would make it, unique by its sender and number instead of by chance."""
    milliseconds = int(time.time() * 1_000)
    return f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7000-8{client.index >> 8:03x}-{client.index & 0xFF:02x}{number:010x}"
