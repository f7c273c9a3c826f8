"""Words for clients that were away: what they know, and what they make of what they are told.

`Replica` is the client of the documentation's pseudocode and nothing more: whatever it ends with must equal what a client
that has never been away is shown.
"""

from __future__ import annotations

from typing import Any

from tests.people import Device, Person

__all__ = ["Replica", "away", "back", "history", "known_of", "pages"]


def known_of(*summaries: dict[str, Any]) -> dict[str, list[Any]]:
    """What a client that was shown these knows."""
    return {summary["id"]: [summary["epoch"], summary["version"]] for summary in summaries}


async def away(person: Person) -> dict[str, Any]:
    """Come once, see everything, go; what `init` said, all its pages in one."""
    device = await person.device(start=False)
    first, *rest = await pages(device, {})
    for page in rest:
        first["conversations"] += page["conversations"]
    await device.close()
    return first


async def back(person: Person, last: dict[str, Any], **fields: Any) -> tuple[Device, dict[str, Any]]:
    """Come back with what was known when one left; the new device and the first page."""
    device = await person.device(start=False)
    payload = {"inbox": last["inbox"], "known": known_of(*last["conversations"]), **fields}
    answer = await device.ask("init", payload, seconds=10)
    assert answer["ok"], answer
    return device, answer


async def pages(device: Device, payload: dict[str, Any]) -> list[dict[str, Any]]:
    """`init` until there is no next page."""
    answers = [await device.ask("init", payload, seconds=10)]
    assert answers[0]["ok"], answers[0]
    while "next" in answers[-1]:
        answers.append(await device.ask("init", {"cursor": answers[-1]["next"]}, seconds=10))
    return answers


async def history(person: Person, conversation_id: str) -> list[dict[str, Any]]:
    """The newest 200 messages as a fresh client loads them."""
    answer = await person.http("GET", f"/api/conversations/{conversation_id}/messages?limit=200")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


class Replica:
    """One conversation in a client, kept by the documented rules."""

    def __init__(self, summary: dict[str, Any], messages: list[dict[str, Any]]) -> None:
        self.epoch, self.version = summary["epoch"], summary["version"]
        self.rows = {message["id"]: message for message in messages}

    def upsert(self, message: dict[str, Any]) -> None:
        """The higher version wins; the epoch stands beside it."""
        row = {name: value for name, value in message.items() if name != "epoch"}
        if self.rows.get(row["id"], {"version": 0})["version"] < row["version"]:
            self.rows[row["id"]] = row

    def apply(self, changes: dict[str, Any]) -> None:
        """Take in an answer."""
        if changes["status"] == "behind":
            return
        if changes["status"] in {"gap", "reset"}:
            self.rows = {}
        for message in changes["messages"]:
            self.upsert(message)
        self.epoch, self.version = changes["epoch"], changes["version"]

    def hear(self, device: Device, conversation_id: str) -> None:
        """Take in everything a device was told of the conversation, in order; nothing may be missing."""
        for name, args in device.events:
            if not args or args[0] is None or not isinstance(args[0], dict):
                continue
            if args[0].get("conversationId") != conversation_id or "version" not in args[0]:
                continue
            if name == "conversation:version":
                self.version = max(self.version, args[0]["version"])
                continue
            assert args[0]["version"] <= self.version + 1, "a version was skipped"
            self.upsert(args[0])
            self.version = max(self.version, args[0]["version"])

    def shown(self) -> list[dict[str, Any]]:
        """What is on the screen."""
        return sorted(self.rows.values(), key=lambda row: row["seq"])
