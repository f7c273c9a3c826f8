"""The checker: holds what clients saw against what is stored, and counts what must not be.

Owns the invariants H1 to H10; whether things come to rest at all (H11) and leave nothing behind (H12) is the scenario's to
see. One pass over the history, one over the store: time and memory grow with their length only.

    lost          H1   an acknowledged message is not stored as it was acknowledged, or one that was accepted neither
                       stored nor refused
    duplicated    H2   an id is stored twice
    phantom       H3   something is stored or was delivered that nobody sent, or whose sending was refused
    divergent     H4   two places show different messages at one number, or different states of one version; or a device
                       ends with another state of a message than its person is shown who asks anew
    skipped       H5   the log has a hole, or H6: a device ends without something it may see
    unauthorised  H8   somebody was shown a message from outside their membership
    disordered    H7   messages sent one after another on one socket are stored in another order,
                  H10  or one acknowledged before another was sent comes after it; or versions came out of order
    backward      H9   a read mark was told lower than before
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec.structs import replace

from tests.faults.history import Record, said

__all__ = ["KINDS", "Report", "check"]

KINDS: Final = (
    "lost", "duplicated", "phantom", "divergent", "skipped", "unauthorised", "disordered", "backward"
)  # fmt: skip  # the list above
EXAMPLES: Final = 5

Log = Sequence[Mapping[str, Any]]
"""A conversation as somebody who sees all of it loads it: Messages, oldest first."""


@dataclass
class Report:
    """What was found, with a few examples of each kind."""

    acknowledged: int = 0
    delivered: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    examples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def found(self, kind: str, sentence: str) -> None:
        """Count one."""
        self.counts[kind] += 1
        if len(self.examples[kind]) < EXAMPLES:
            self.examples[kind].append(sentence)

    @property
    def clean(self) -> bool:
        """Nothing was found."""
        return not self.counts

    def __str__(self) -> str:
        numbers = ", ".join(f"{self.counts[kind]} {kind}" for kind in KINDS)
        head = f"{self.acknowledged:,} acknowledged, {self.delivered:,} deliveries: {numbers}"
        return "\n".join([head, *(f"  {kind}: {line}" for kind in KINDS for line in self.examples[kind])])


class _Membership:
    """When each person was in one conversation, by numbers of its log: from the entry that brought them, up to and
    without the one that took them out.
    """

    def __init__(self, log: Log) -> None:
        self._times: defaultdict[str, list[tuple[int, int | None]]] = defaultdict(list)
        for message in log:
            system = message.get("system") or {}
            kind, actor, others = system.get("kind"), system.get("actorId"), system.get("userIds") or []
            match kind:
                case "created" | "members_added":
                    for user in others if kind == "members_added" else {actor, *others}:
                        self._times[user].append((message["seq"], None))
                case "member_left" | "member_removed":
                    for user in others or [actor]:
                        self._times[user][-1] = (self._times[user][-1][0], message["seq"])

    def may_see(self, user: str, seq: int, since: int) -> bool:
        """Whether it lies in a membership that is not older than the one that began at `since`."""
        return any(
            joined <= seq and joined >= since and (left is None or seq < left) for joined, left in self._times[user]
        )

    def joined(self, user: str, seq: int) -> int:
        """Where the membership began that a message belongs to; 0 if it belongs to none."""
        return max((joined for joined, _ in self._times[user] if joined <= seq), default=0)

    def present(self, user: str) -> int | None:
        """Where the membership began that lasts; None if there is none."""
        times = self._times[user]
        return times[-1][0] if times and times[-1][1] is None else None


class _Check:
    def __init__(self, stored: Mapping[str, Log]) -> None:
        self.report = Report()
        self._stored = stored
        self._members = {conversation: _Membership(log) for conversation, log in stored.items()}
        self._by_id: dict[str, tuple[str, int, str]] = {}
        self._at: dict[tuple[str, int], tuple[str, str]] = {}
        self._refused: set[str] = set()
        self._promised: dict[str, Record] = {}
        self._invoked: set[str] = set()
        self._newest_ack: defaultdict[str, int] = defaultdict(int)
        self._after: dict[str, int] = {}
        """By id of a send: the highest number acknowledged in its conversation before it was sent."""
        self._order: defaultdict[tuple[str, int, str], list[str]] = defaultdict(list)
        """Ids in the order in which they were sent on one socket."""
        self._again: set[str] = set()
        self._since: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(lambda: [(0, 0)])
        """By device: when it was first shown each membership of its person, and where that one began."""
        self._states: dict[tuple[str, int], str] = {}
        """By id and version of messages that were changed: their text then."""
        self._versions: dict[tuple[str, int, str], int] = {}
        self._marks: dict[tuple[str, str, str], int] = {}
        self._changed: set[str] = set()
        self._held: defaultdict[tuple[str, str, str], dict[int, tuple[str, str]]] = defaultdict(dict)
        self._shown: defaultdict[tuple[str, str, str], dict[int, tuple[str, str]]] = defaultdict(dict)

    def store(self) -> None:
        for conversation, log in self._stored.items():
            for place, message in enumerate(log, 1):
                here = (conversation, message["seq"], said(message["content"]))
                if message["seq"] != place:
                    self.report.found("skipped", f"{conversation} has {message['seq']} where {place} should be")
                if message["id"] in self._by_id:
                    self.report.found("duplicated", f"{message['id']} is at {self._by_id[message['id']]} and {here}")
                self._by_id[message["id"]] = here
                self._at[conversation, message["seq"]] = (message["id"], said(message["content"]))
                if message.get("editedAt") or message.get("deletedAt"):
                    self._changed.add(message["id"])
                    self._states[message["id"], message["version"]] = said(message["content"])

    def record(self, record: Record) -> None:
        if record.conversation not in self._stored:
            return
        match record.what, record.outcome:
            case "send", "invoke":
                if record.id in self._invoked:  # asked again: its place is that of the first time
                    self._again.add(record.id)
                    return
                self._invoked.add(record.id)
                self._after[record.id] = self._newest_ack[record.conversation]
                self._order[record.device, record.connection, record.conversation].append(record.id)
            case "send", "ok":
                self._acknowledged(record)
            case "send", "accepted":
                self._accepted(record)
            case "send", "fail":
                self._refused.add(record.id)
            case "send", "info":
                self._again.add(record.id)
            case "deliver", _:
                self._delivered(record)
            case "asked", _:
                line = (
                    record.device,
                    record.connection,
                    record.conversation,
                )  # news on their way come after the answer
                self._versions[line] = min(self._versions.get(line, 0), record.version)
            case (("held" | "shown"), _):
                kept = self._held if record.what == "held" else self._shown
                kept[record.user, record.device, record.conversation][record.seq] = (record.id, record.digest)
            case _:
                self._mark(record)

    def _acknowledged(self, record: Record) -> None:
        self.report.acknowledged += 1
        stored, told = self._by_id.get(record.id), (record.conversation, record.seq, record.body)
        if stored != told and (record.id not in self._changed or stored is None or stored[:2] != told[:2]):
            self.report.found("lost", f"{record} is stored as {stored}")
        if record.again:
            self._again.add(record.id)
        if record.seq <= self._after.get(record.id, 0):
            self.report.found("disordered", f"{record} after {self._after[record.id]} had been acknowledged")
        self._newest_ack[record.conversation] = max(self._newest_ack[record.conversation], record.seq)

    def _accepted(self, record: Record) -> None:
        """It keeps the place in which it was accepted, so what is stored says which that was."""
        self._promised[record.id] = record
        stored = self._by_id.get(record.id)
        if stored is not None:
            self._acknowledged(replace(record, seq=stored[1]))

    def _delivered(self, record: Record) -> None:
        self.report.delivered += 1
        stored = self._at.get((record.conversation, record.seq))
        if stored is None or not self._agrees(record, stored):
            self.report.found("divergent", f"{record}, stored is {stored}")
        members = self._members[record.conversation]
        since = self._since[record.device, record.conversation]
        known = since[-1] if not record.asked else since[bisect_right(since, (record.asked, 1 << 62)) - 1]
        if not members.may_see(record.user, record.seq, known[1]):
            self.report.found("unauthorised", str(record))
        joined = members.joined(record.user, record.seq)
        if joined > since[-1][1]:
            since.append((record.at, joined))
        if record.path in {"live", "reaction"}:
            line = (record.device, record.connection, record.conversation)
            if record.version <= self._versions.get(line, 0):
                self.report.found("disordered", f"{record} after version {self._versions[line]}")
            self._versions[line] = record.version

    def _agrees(self, record: Record, stored: tuple[str, str]) -> bool:
        """Whether it is the message of its number, as it was at that version; quotes and reactions do not say how it was."""
        if record.path in {"quote", "reaction"}:
            return record.id == stored[0]
        if record.id in self._changed:
            return (
                record.id == stored[0]
                and self._states.setdefault((record.id, record.version), record.body) == record.body
            )
        return (record.id, record.body) == stored

    def _mark(self, record: Record) -> None:
        key = (record.device, record.conversation, record.about)
        if record.seq < self._marks.get(key, 0):
            self.report.found("backward", f"{record} after {self._marks[key]}")
        self._marks[key] = max(self._marks.get(key, 0), record.seq)

    def end(self) -> None:
        for record in self._promised.values():
            if record.id not in self._by_id and record.id not in self._refused:
                self.report.found("lost", f"{record} is not stored")
        self._senders()
        self._sockets()
        self._devices()

    def _senders(self) -> None:
        for conversation, log in self._stored.items():
            for message in log:
                if message["senderId"] is None:
                    continue
                if message["id"] not in self._invoked or message["id"] in self._refused:
                    self.report.found("phantom", f"{message['id']} at {message['seq']} of {conversation}")

    def _sockets(self) -> None:
        for line, ids in self._order.items():
            newest = 0
            for message in ids:
                if message in self._again or message in self._refused or message not in self._by_id:
                    continue
                seq = self._by_id[message][1]
                if seq < newest:
                    self.report.found("disordered", f"{message} of {line} has {seq}, and one sent before it {newest}")
                newest = max(newest, seq)

    def _devices(self) -> None:
        for (user, device, conversation), held in self._held.items():
            since = self._members[conversation].present(user)
            log = self._stored[conversation]
            seqs = [message["seq"] for message in log]
            wanted = [] if since is None else log[bisect_right(seqs, since - 1) :]
            for message in wanted:
                if held.get(message["seq"], ("", ""))[0] != message["id"]:
                    self.report.found("skipped", f"{device} of {user} ends without {message['seq']} of {conversation}")
            for seq, shown in self._shown[user, device, conversation].items():
                if seq in held and held[seq] != shown:
                    self.report.found("divergent", f"{device} of {user} ends with another {seq} of {conversation}")


def check(history: Iterable[Record], stored: Mapping[str, Log]) -> Report:
    """Hold a history against conversations as they are stored after everything has come to rest; others are left out."""
    running = _Check(stored)
    running.store()
    for record in history:
        running.record(record)
    running.end()
    return running.report
