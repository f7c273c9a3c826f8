"""A device that writes down everything it does and sees: the client of the documentation, with a pen.

Owns nothing of how a client behaves; that is the documented client's. Every way in which a message can reach a device
passes one of the methods here before the client makes anything of it. It opens every conversation it is shown, so that in the
end it has all of it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Literal

from tests.faults.history import History, Record, digest, now, said
from tests.faults.polls import mend_polls
from tests.interop.documented_client import PAGE, Client, Json, Refused, Room

__all__ = ["Recorder"]

LONGEST_PAUSE: Final = 0.5
"""Seconds between attempts to reconnect, at most: what fails here fails often, and it is what happens between that counts."""


class Recorder(Client):
    """One device of one person.

    Args:
        base: where it connects, usually through a proxy.
        history: where it writes.
        name: of the device, different from all others.
    """

    def __init__(
        self, base: str, history: History, name: str, *, patience: float = 2.0, pause: float = 0.1, doubt: float = 3.0
    ) -> None:
        self.history = history
        self.name = name
        self.connection = 0
        self.asked: Counter[str] = Counter()
        """How often each message was given to the socket."""
        self.holes = 0
        """How often something came live while something before it had not."""
        self.caught_up: list[float] = []
        """Seconds from each connect until everything missed was there."""
        self.removed: dict[str, int] = {}
        """When each conversation that is gone was taken away."""
        super().__init__(base, patience=patience, pause=pause, doubt=doubt)
        self.socket.reconnection_delay_max = LONGEST_PAUSE
        mend_polls(self.socket)
        self.heard: Callable[[Json], object] = lambda _: None
        """Hears every ack of a message."""
        give: Any = self.socket.emit

        async def emit(event: str, data: Any = None, *, callback: Callable[[Json], None]) -> None:
            def answered(ack: Json) -> None:
                self.heard(ack)
                callback(ack)

            if event == "message:send":
                self.asked[data["id"]] += 1
                await give(event, data, callback=answered)
            else:
                await give(event, data, callback=callback)

        vars(self.socket)["emit"] = emit

    def write(self, what: Literal["send", "deliver", "asked", "held", "shown", "read", "mark"], **fields: Any) -> None:
        """Write one record."""
        record = Record(
            at=now(), user=self.me.get("id", ""), device=self.name, connection=self.connection, what=what, **fields
        )
        self.history.add(record)

    def saw(self, message: Json, path: str, *, asked: int = 0) -> None:
        """A message has reached this device."""
        fields = {"conversation": message["conversationId"], "path": path, "asked": asked}
        self.write(
            "deliver",
            id=message["id"],
            seq=message["seq"],
            version=message["version"],
            body=said(message["content"]),
            **fields,
        )
        quote = message.get("replyTo")
        if quote and (quote["content"] or quote["senderId"]):
            self.write(
                "deliver", id=quote["id"], seq=quote["seq"], body=said(quote["content"]), **fields | {"path": "quote"}
            )

    async def ask(self, event: str, payload: Json, apply: Callable[[Json], None] = lambda _: None) -> Json:
        if event != "message:send":
            return await super().ask(event, payload, apply)
        sent = {"conversation": payload["conversationId"], "id": payload["id"], "body": said(payload["content"])}
        self.write("send", outcome="invoke", **sent)
        try:
            ack = await super().ask(event, payload, apply)
        except Refused:
            self.write("send", outcome="fail", **sent)
            raise
        except asyncio.CancelledError:
            self.write("send", outcome="info", **sent)
            raise
        if ack["level"] == "accepted":
            self.write("send", outcome="accepted", again=self.asked[payload["id"]] > 1, **sent)
        return ack

    def _persisted(self, notice: Json) -> None:
        message, again = notice["message"], self.asked[notice["tempId"]] > 1
        fields = {"conversation": message["conversationId"], "id": message["id"], "seq": message["seq"]}
        self.write("send", outcome="ok", again=again, body=said(message["content"]), **fields)
        self.saw(message, "ack")
        super()._persisted(notice)

    def _rejected(self, notice: Json) -> None:
        draft = self.accepted.get(notice["tempId"])
        if draft is not None:
            sent = {"conversation": draft["conversationId"], "id": draft["id"], "body": said(draft["content"])}
            self.write("send", outcome="fail", **sent)
        super()._rejected(notice)

    async def call(self, method: str, path: str, body: Json | None = None, **query: str | int) -> Any:
        asked = now()
        answer = await super().call(method, path, body, **query)
        if method == "GET" and path.endswith("/messages"):
            for message in answer:
                self.saw(message, "page", asked=asked)
        return answer

    def _connected(self) -> None:
        self.connection += 1
        super()._connected()

    def _changed(self, message: Json) -> None:
        if "messageId" in message:
            about = {"id": message["messageId"], "seq": message["seq"], "version": message["version"]}
            self.write("deliver", conversation=message["conversationId"], path="reaction", **about)
        else:
            self.saw(message, "live")
        super()._changed(message)
        if (room := self.rooms.get(message["conversationId"])) and room.held:
            self.holes += 1

    def _missed(self, summary: Json, changes: Json | None) -> None:
        self._see(summary)
        if changes:
            self.missed(summary["id"], changes)
        super()._missed(summary, changes)
        if changes and changes["status"] == "gap":
            self._spawn(self._reopen(summary["id"]))

    def missed(self, room: str, changes: Json) -> None:
        """The answer to what was missed has come; to be called before the next event."""
        self.write("asked", conversation=room, version=changes.get("version", 0))
        for message in changes["messages"]:
            self.saw(message, "resume")

    async def _init(self) -> None:
        began = now()
        await super()._init()
        self.caught_up.append((now() - began) / 1e9)

    def _shown(self, summary: Json) -> None:
        self._see(summary)
        is_new = summary["id"] not in self.rooms
        super()._shown(summary)
        if is_new:
            self._spawn(self._reopen(summary["id"]))

    def _forget(self, id: str) -> None:  # noqa: A002 - as in the client
        self.removed[id] = now()
        super()._forget(id)

    def _see(self, summary: Json) -> None:
        if summary["lastMessage"]:
            self.saw(summary["lastMessage"], "summary")

    def _read(self, moved: Json) -> None:
        self.write("mark", conversation=moved["conversationId"], seq=moved["lastReadSeq"], about=moved["userId"])
        super()._read(moved)

    async def read(self, room: str, seq: int) -> Json:
        ack = await super().read(room, seq)
        self.write("read", conversation=room, seq=ack["lastReadSeq"], about=self.me["id"])
        return ack

    def talk(self, room: str, content: str) -> asyncio.Task[None]:
        """Send without waiting for what was sent before; the task ends when it is stored, accepted or refused."""

        async def send() -> None:
            draft = {"id": str(uuid.uuid4()), "conversationId": room, "content": content}
            with suppress(Refused):
                await self.give(draft)

        return asyncio.create_task(send())

    @property
    def busy(self) -> list[str]:
        """What it is still asking for by itself; with nothing accepted, whoever would ask again has nothing to ask."""
        idle = {self._doubting} if not self.accepted else set()
        return sorted(task.get_name() for task in self._tasks - idle)

    async def hold(self, room: Room) -> None:
        """Write down what the device has in the end, and what its person is shown who asks for everything anew."""
        shown: list[Json] = []
        while page := await self.call(
            "GET", f"conversations/{room.id}/messages", limit=PAGE, after=shown[-1]["seq"] if shown else 0
        ):
            shown += page
        logs: dict[Literal["held", "shown"], list[Json]] = {"held": room.log, "shown": shown}
        for what, log in logs.items():
            for message in log:
                about = {"conversation": room.id, "id": message["id"], "seq": message["seq"]}
                self.write(what, **about, digest=digest(message))
