"""A conversation of the documented client: its log, kept as docs/clients.md says. Applies what it is handed; asks for nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Self

__all__ = ["Json", "Room"]

Json = dict[str, Any]
REACTORS: Final = 20
STEPS: Final = 100
LARGE_ROOM: Final = 100
QUOTED: Final = 200


@dataclass
class Room:
    """One conversation: the log is whole from where it was first seen up to `seq`, and current up to `version`."""

    summary: Json
    epoch: str
    version: int
    seq: int
    unread: int
    filling: bool = False
    messages: dict[str, Json] = field(default_factory=dict)
    quoting: dict[str, set[str]] = field(default_factory=dict)  # by id, the ids of what quotes it
    held: dict[int, Json] = field(default_factory=dict)
    members: dict[str, Json] = field(default_factory=dict)
    steps: list[list[int]] = field(default_factory=list)

    @classmethod
    def of(cls, summary: Json) -> Self:
        """As a Summary shows it for the first time."""
        return cls(summary, summary["epoch"], summary["version"], summary["lastSeq"], summary["me"]["unreadCount"])

    @property
    def id(self) -> str:
        """Of the conversation."""
        return str(self.summary["id"])

    @property
    def log(self) -> list[Json]:
        """The messages, oldest first."""
        return sorted(self.messages.values(), key=lambda message: int(message["seq"]))

    def put(self, message: Json) -> None:
        """Upsert by id; the higher version wins. A reaction changes the message it is about."""
        if "messageId" in message:
            self._react(message)
            return
        known = self.messages.get(message["id"])
        if known is None or known["version"] <= message["version"]:
            self.messages[message["id"]] = message
            if message["replyToId"]:
                self.quoting.setdefault(message["replyToId"], set()).add(message["id"])
            for other in self.quoting.get(message["id"], set()) & self.messages.keys():
                self._requote(self.messages[other], message)
        if quoted := self.messages.get(message["replyToId"]):
            self._requote(message, quoted)

    @staticmethod
    def _requote(message: Json, quoted: Json) -> None:
        """What is shown of a message elsewhere follows it, unless it came later than this state of it."""
        if quoted["version"] > message["version"]:
            shown = {name: quoted[name] for name in ("senderId", "type")} | {"content": quoted["content"][:QUOTED]}
            message["replyTo"] |= (
                shown if not quoted["deletedAt"] else {"senderId": None, "content": "", "type": "text"}
            )

    def _react(self, change: Json) -> None:
        message = self.messages.get(change["messageId"])
        if message is None or message["version"] >= change["version"]:
            return
        message["version"] = change["version"]
        reactions = {reaction["emoji"]: reaction for reaction in message["reactions"]}
        reaction = reactions.setdefault(change["emoji"], {"emoji": change["emoji"], "userIds": []})
        people = [user for user in reaction["userIds"] if user != change["userId"]]
        if not change["removed"] and len(people) < REACTORS:
            people.append(change["userId"])
        reaction |= {"count": change["count"], "userIds": people}
        message["reactions"] = [each for each in reactions.values() if each["count"]]

    def take(self, summary: Json) -> None:
        """A newer Summary: what it says of the list holds at once; the log stays where it is until it is fetched."""
        self.summary, self.unread = summary, summary["me"]["unreadCount"]

    def saw(self, message: Json) -> None:
        """Whoever writes has read up to there, unless the message says that they have not."""
        if message["senderId"] and not message.get("keepUnread"):
            self.move(message["senderId"], message["seq"])

    def move(self, user: str, seq: int) -> None:
        """Move a member's read mark forward, as far as the members are known."""
        if member := self.members.get(user):
            member["lastReadSeq"] = max(member["lastReadSeq"], seq)

    def unread_by(self, message: Json) -> int:
        """The number beside a message: how many have not read it."""
        if len(self.members) > LARGE_ROOM:
            return self._unread_by_steps(message)
        return sum(
            member["lastReadSeq"] < message["seq"] and member["visibleFromSeq"] <= message["seq"]
            for user, member in self.members.items()
            if user != message["senderId"]
        )

    def _unread_by_steps(self, message: Json) -> int:
        if not self.steps or (len(self.steps) == STEPS and message["seq"] < self.steps[0][0]):
            return 0
        readers = sum(people for seq, people in self.steps if seq >= message["seq"])
        return len(self.members) - max(1, readers)
