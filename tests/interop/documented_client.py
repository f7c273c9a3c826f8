"""A client of Madang written from docs/clients.md alone: where that page is wrong or silent, this client fails.

Owns one person's socket, tokens and conversations as the page says to keep them. What one of those holds is `documented_room`'s. Never
imports anything else of madang or of the tests, and never reads anything a stranger could not. Everything that arrives is
applied synchronously, in the order in which it arrives; only asking takes time.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx2
import socketio

from tests.interop.documented_room import Json, Room

__all__ = ["Client", "Json", "Refused", "Room"]

TRY_AGAIN: Final = frozenset({"try_again", "unavailable", "rate_limited"})
PAGE: Final = 200
KNOWN: Final = 1_000
HOLE_SECONDS: Final = 0.3
TYPING_SECONDS: Final = 6.0


class Refused(Exception):  # noqa: N818 - what the server says, not what broke
    """A final answer: `code` is one of the table of errors, `answer` the whole of it."""

    def __init__(self, answer: Json) -> None:
        super().__init__(f"{answer['error']}: {answer['reason']}")
        self.code: str = answer["error"]
        self.answer = answer


class Client:
    """One device of one person.

    Args:
        base: where the server is published.
        patience, doubt: seconds to wait for an ack, and for what became of what was accepted, before it is sent again.
        pause: seconds before the first attempt to reconnect.
    """

    def __init__(self, base: str, *, patience: float = 10.0, pause: float = 1.0, doubt: float = 30.0) -> None:
        self.base, self.patience, self.doubt = base, patience, doubt
        self.accepted: dict[str, Json] = {}  # by id, what was sent
        self.rejected: dict[str, str] = {}  # by id, the error
        self.me: Json = {}
        self.rooms: dict[str, Room] = {}
        self.inbox: int | None = None  # the number of the list, when all of it had arrived
        self.online: set[str] = set()
        self._focus: str | None = None
        self._typing: dict[tuple[str, str], float] = {}  # by conversation and user, since when
        self.ready = asyncio.Event()  # connected, and every page of init is in
        self.revoked = ""  # why the server signed this device out
        self.http = httpx2.AsyncClient(base_url=f"{base}/api/")
        self.socket = socketio.AsyncClient(reconnection_delay=pause, reconnection_delay_max=30, randomization_factor=0)
        self._token, self._refresh, self._expires = "", "", datetime.now(UTC)
        self._refreshing, self._sending = asyncio.Lock(), asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._start: asyncio.Task[None] | None = None
        self._doubting: asyncio.Task[None] | None = None
        handlers: dict[str, Callable[..., object]] = {
            "connect": self._connected,
            "disconnect": self._disconnected,
            "message:new": self._changed,
            "message:updated": self._changed,
            "message:deleted": self._changed,
            "message:reaction": self._changed,
            "message:persisted": self._persisted,
            "message:rejected": self._rejected,
            "conversation:version": self._skipped,
            "conversation:new": self._shown,
            "conversation:updated": self._shown,
            "conversation:removed": lambda gone: self._forget(gone["conversationId"]),
            "message:read": self._read,
            "message:reads": self._reads,
            "typing:start": self._types,
            "typing:stop": lambda it: self._typing.pop((it["conversationId"], it["userId"]), None),
            "user:online": lambda user, _: self.online.add(user),
            "user:offline": lambda user, _: self.online.discard(user),
            "auth:expiring": lambda _: self._spawn(self._stay()),
            "session:revoked": lambda notice: setattr(self, "revoked", notice["reason"]),
        }
        for event, handler in handlers.items():
            self.socket.on(event, handler)

    # -------------------------------------------------------------------------------------- signing in, connecting

    async def sign_in(self, how: str, **fields: str) -> Self:
        """`register` or `login`, with tokens that this client keeps itself."""
        return self._take(await self.http.post(f"auth/{how}", json={**fields, "cookies": False}))

    def use(self, token: str) -> None:
        """Take the token of a host application, which renews it itself."""
        self._token, self._expires = token, datetime.max.replace(tzinfo=UTC)

    def _take(self, response: httpx2.Response) -> Self:
        answer: Json = response.json()
        if not response.is_success:
            raise Refused(answer)
        self.me, self._token, self._refresh = answer["user"], answer["accessToken"], answer["refreshToken"]
        self._expires = datetime.fromisoformat(answer["expiresAt"])
        return self

    async def token(self, *, fresh: bool = False) -> str:
        """An access token good for another minute; `fresh` asks for a new one in any case."""
        async with self._refreshing:
            while fresh or self._expires - datetime.now(UTC) < timedelta(minutes=1):
                with suppress(httpx2.TransportError):  # the old one still works if the answer got lost
                    body = {"refreshToken": self._refresh, "cookies": False}
                    self._take(await self.http.post("auth/refresh", json=body))
                    break
            return self._token

    async def connect(self, *transports: str) -> Self:
        """Connect, and wait until the list of conversations is complete."""

        async def auth() -> Json:
            return {"token": await self.token()}

        path = urlsplit(self.base).path.rstrip("/") + "/socket.io"
        await self.socket.connect(self.base, auth=auth, transports=list(transports) or None, socketio_path=path)
        await self.ready.wait()
        return self

    async def close(self) -> None:
        """End everything this client has begun."""
        await self.socket.shutdown()
        if session := self.socket.eio.http:  # left open where the connection broke
            await session.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.http.aclose()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        async def unless_refused() -> None:
            with suppress(Refused):  # one has left meanwhile, and an event says so
                await work

        task = asyncio.create_task(unless_refused(), name=getattr(work, "__qualname__", None))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _connected(self) -> None:
        for task in filter(None, (self._start, self._doubting)):
            task.cancel()
        self._start = self._spawn(self._init())

    def _disconnected(self, _: str) -> None:
        self.ready.clear()
        self._typing.clear()

    async def _stay(self) -> None:
        await self.ask("auth:refresh", {"token": await self.token(fresh=True)})

    async def _init(self) -> None:
        known = {room.id: [room.epoch, room.version] for room in list(self.rooms.values())[:KNOWN]}
        unnamed = self.rooms.keys() - known.keys()
        request: Json = {"known": known} if self.inbox is None else {"known": known, "inbox": self.inbox}
        number: int | None = None

        def apply(page: Json) -> None:  # inside the ack: the next event may follow at once
            nonlocal number
            if "cursor" not in request:
                self.online.clear()
            self.me = page["user"]
            number = page["inbox"] if number is None else number
            self.online.update(page["online"])
            for summary in page["conversations"]:
                unnamed.discard(summary["id"])
                self._missed(summary, page["changes"].get(summary["id"]))
            for gone in page["removed"]:
                self._forget(gone)

        while cursor := (await self.ask("init", request, apply)).get("next"):
            request = {"cursor": cursor}
        for gone in unnamed:
            self._forget(gone)
        self.inbox = number
        if self._focus is not None:
            await self.focus(self._focus)
        if self._doubting is not None:  # of an ack that came while this was asked
            self._doubting.cancel()
        self._doubting = self._spawn(self._ask_again(0.0))
        for room in self.rooms.values():
            if room.members:
                self._spawn(self._fetch_members(room))
        self.ready.set()

    # ------------------------------------------------------------------------------------------------------ asking

    async def ask(self, event: str, payload: Json, apply: Callable[[Json], None] = lambda _: None) -> Json:
        """Ask until there is a final answer, always with the same payload; `apply` runs before the next event."""
        while True:
            done: asyncio.Future[Json] = asyncio.get_running_loop().create_future()

            def answered(ack: Json, done: asyncio.Future[Json] = done) -> None:
                if ack["ok"]:
                    apply(ack)  # also when it is late
                if not done.done():
                    done.set_result(ack)

            ack: Json = {"ok": False, "error": "try_again"}
            with suppress(TimeoutError, socketio.exceptions.SocketIOError):
                await self.socket.emit(event, payload, callback=answered)
                ack = await asyncio.wait_for(done, self.patience)
            if ack["ok"]:
                return ack
            if ack["error"] not in TRY_AGAIN:
                raise Refused(ack)
            await asyncio.sleep(ack.get("retryAfterMs", 100) / 1000)

    async def call(self, method: str, path: str, body: Json | None = None, **query: str | int) -> Any:
        """The same over HTTP: what the answer holds, or None."""
        while True:
            headers = {"Authorization": f"Bearer {await self.token()}"}
            response = None
            with suppress(httpx2.TransportError):
                response = await self.http.request(method, path, json=body, params=query, headers=headers)
            if response is not None and response.is_success:
                return response.json() if response.content else None
            answer: Json = response.json() if response is not None else {"error": "try_again"}
            if answer["error"] == "token_expired":
                await self.token(fresh=True)
            elif answer["error"] not in TRY_AGAIN:
                raise Refused(answer)
            else:
                await asyncio.sleep(answer.get("retryAfterMs", 100) / 1000)

    async def send(self, room: str, content: str, *, id: str | None = None, **fields: Any) -> Json:  # noqa: A002 - the field's name
        """Send a message, one at a time, until it is stored; the ack."""
        draft = {"id": id or str(uuid.uuid4()), "conversationId": room, "content": content, **fields}
        async with self._sending:
            return await self.give(draft)

    async def give(self, draft: Json) -> Json:
        """Send a message until it is stored or accepted; the ack. What becomes of an accepted one comes later."""

        def apply(ack: Json) -> None:
            if ack["level"] == "stored":
                self._persisted(ack | {"tempId": draft["id"]})
            elif draft["id"] not in self.rooms[draft["conversationId"]].messages:
                self.accepted[draft["id"]] = draft
                if self._doubting is None or self._doubting.done():
                    self._doubting = self._spawn(self._ask_again(self.doubt))

        return await self.ask("message:send", draft, apply)

    async def _ask_again(self, after: float) -> None:
        """Send again, one after the other, what was accepted so long ago and is nowhere yet; more patiently each time."""
        while self.accepted:
            doubtful = list(self.accepted.values())
            await asyncio.sleep(after)
            for draft in doubtful:
                room = self.rooms.get(draft["conversationId"])
                if room is None or draft["id"] in room.messages:
                    self.accepted.pop(draft["id"], None)
                if draft["id"] in self.accepted:
                    try:
                        await self.give(draft)
                    except Refused as refused:
                        self._rejected({"tempId": draft["id"], "error": refused.code})
            after = max(2 * after, self.doubt)

    def _persisted(self, notice: Json) -> None:
        self.accepted.pop(notice["tempId"], None)
        if room := self.rooms.get(notice["message"]["conversationId"]):
            room.put(notice["message"])

    def _rejected(self, notice: Json) -> None:
        if self.accepted.pop(notice["tempId"], None):
            self.rejected[notice["tempId"]] = notice["error"]

    async def open(self, id: str) -> Room:  # noqa: A002 - the field's name
        """Load all there is to see of a conversation: its log and its members."""
        room, seq = self.rooms[id], None
        while page := await self.call(
            "GET", f"conversations/{id}/messages", limit=PAGE, **({"before": seq} if seq else {})
        ):
            for message in page:
                room.put(message)
            seq = page[0]["seq"]
        await self._fetch_members(room)
        return room

    async def _fetch_members(self, room: Room) -> None:
        members: dict[str, Json] = {}
        after: dict[str, Any] = {}
        while page := await self.call("GET", f"conversations/{room.id}/members", **after):
            members |= {member["user"]["id"]: member for member in page}
            after = {"after": page[-1]["user"]["id"]}
        before, room.members = room.members, members
        for user, member in before.items():
            room.move(user, member["lastReadSeq"])  # it may have moved while this was asked

    def typing(self, room: str) -> set[str]:
        """Who is typing."""
        since = time.monotonic() - TYPING_SECONDS
        return {user for (where, user), at in self._typing.items() if where == room and at > since}

    async def read(self, room: str, seq: int) -> Json:
        """Everything up to `seq` is read; the ack."""
        return await self.ask("message:read", {"conversationId": room, "seq": seq})

    async def focus(self, room: str | None) -> None:
        """This conversation is on the screen, or none is."""
        self._focus = room
        await self.ask("focus", {"conversationId": room})

    # ------------------------------------------------------------------------------------------ what the server says

    def _shown(self, summary: Json) -> None:
        room = self.rooms.get(summary["id"])
        if room is None:
            self.rooms[summary["id"]] = Room.of(summary)
        else:
            room.take(summary)
            self._spawn(self._fill(room))

    def _missed(self, summary: Json, changes: Json | None) -> None:
        """What was missed, and the Summary of the same moment."""
        room = self.rooms.get(summary["id"])
        if room is None or changes is None or changes["status"] == "behind":
            self._shown(summary)
            return
        if changes["status"] == "reset":
            self.rooms[room.id] = Room.of(summary)
            if room.messages:
                self._spawn(self._reopen(room.id))
            return
        if changes["status"] == "gap":
            room.messages.clear()
        for message in sorted(changes["messages"], key=lambda message: int(message["seq"])):
            room.put(message)
            room.saw(message)
        room.steps = changes.get("steps", room.steps)
        for user, seq in changes.get("reads", ()):
            room.move(user, seq)
        if changes["version"] >= room.version:  # if not, the events came while this was asked
            room.take(summary)
            room.version, room.seq = changes["version"], summary["lastSeq"]
        self._drain(room)

    def _forget(self, id: str) -> None:  # noqa: A002 - the field's name
        self.rooms.pop(id, None)

    def _changed(self, message: Json) -> None:
        room = self.rooms.get(message["conversationId"])
        if room is None:
            return
        self._typing.pop((message["conversationId"], message.get("senderId", "")), None)
        if message["epoch"] != room.epoch:
            self._spawn(self._fetch_missing(room))
        elif message["version"] <= room.version:
            room.put(message)
        else:
            room.held[message["version"]] = message
            self._drain(room)
            if room.held:
                self._spawn(self._fill(room, HOLE_SECONDS))

    def _skipped(self, notice: Json) -> None:
        if room := self.rooms.get(notice["conversationId"]):
            room.version = max(room.version, notice["version"])
            self._drain(room)

    def _drain(self, room: Room) -> None:
        for version in sorted(room.held):
            if version <= room.version + 1:
                room.version = max(room.version, version)
                self._apply(room, room.held.pop(version))

    def _apply(self, room: Room, message: Json) -> None:
        room.put(message)
        if "messageId" in message:  # a reaction
            return
        room.seq = max(room.seq, message["seq"])
        if message["seq"] <= room.summary["lastSeq"]:
            return
        room.summary |= {"lastSeq": message["seq"], "lastMessage": message, "lastMessageAt": message["createdAt"]}
        room.saw(message)
        if message["senderId"] == self.me["id"]:
            room.unread = room.unread if message.get("keepUnread") else 0
        elif message["type"] != "system" and not message.get("silent"):
            room.unread += 1
        if message["type"] == "system" and room.members:
            self._spawn(self._fetch_members(room))

    async def _fill(self, room: Room, after: float = 0.0) -> None:
        """Fetch what is missing, unless it comes by itself in so many seconds."""
        if room.filling:
            return
        room.filling = True
        try:
            await asyncio.sleep(after)
            while room.held or room.summary["version"] > room.version:
                await self._fetch_missing(room)
                self._drain(room)
        finally:
            room.filling = False

    async def _fetch_missing(self, room: Room) -> None:
        rows: list[Json] = []
        asked = {"conversationId": room.id, "epoch": room.epoch, "version": room.version}
        while True:
            changes = await self.ask("conversation:sync", asked)
            if changes["status"] != "delta":
                rows.clear()
            rows += changes["messages"]
            if "more" not in changes:
                self._missed(changes["summary"], changes | {"messages": rows})
                return
            asked["version"] = changes["version"]

    async def _reopen(self, id: str) -> None:  # noqa: A002 - the field's name
        await self.open(id)

    def _types(self, typing: Json) -> None:
        self._typing[typing["conversationId"], typing["userId"]] = time.monotonic()

    def _read(self, moved: Json) -> None:
        if room := self.rooms.get(moved["conversationId"]):
            room.move(moved["userId"], moved["lastReadSeq"])
            if moved["userId"] == self.me["id"]:
                room.unread = moved["unreadCount"]

    def _reads(self, counted: Json) -> None:
        if room := self.rooms.get(counted["conversationId"]):
            room.steps = counted["steps"]
