"""One history told to several stores at once: what happens, and every question that can be asked about it.

Owns the words (`Teller`) in which the state machine of `test_histories.py` speaks. Everything is chosen by small numbers, so
that a history that tells stores apart shrinks to the fewest and plainest steps. The first store is the model.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from madang.contract.shapes import Message
from madang.domain.sync import VOID
from madang.ids import derived_id
from madang.ports.accounts import NewAccount
from madang.ports.log import CreateConversation, EndConversation, Entry, NewMessage, Outcome, PageWindow, Verdict
from madang.ports.store import Store
from madang.ports.sync import ListQuery

__all__ = ["PEOPLE", "UNKNOWN", "Teller", "wire"]

PEOPLE: Final = 5
UNKNOWN: Final = 29
"""The number that chooses nobody and nothing there is; not at an end of what is chosen from, where chance likes to be."""
EVERYTHING: Final = PageWindow(limit=1_000)


def wire(answer: object, epoch: str) -> object:
    """An answer as plain values, with the epoch of its store taken out."""
    return msgspec.json.decode(msgspec.json.encode(answer).replace(epoch.encode(), b"EPOCH"))


class Teller:
    """Tells stores what happens and compares what they answer, field by field."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self.stores = stores
        self.people = [derived_id("people", str(number)) for number in range(PEOPLE)]
        self.groups: list[str] = []
        self.members: dict[str, list[str]] = {}
        """Of those conversations that have not ended, as of the last batch."""
        self.sent: list[NewMessage] = []
        self.ids: list[str] = []
        self.versions: dict[tuple[str, str], int] = {}
        self.inboxes: dict[str, int] = {}
        self.now = 10_000_000
        self._waiting: list[Entry] = []

    async def begin(self) -> None:
        """Everybody signs up."""
        for number, person in enumerate(self.people):
            account = NewAccount(id=person, username=f"person-{number}", name=f"P{number}", password_hash="none")
            for store in self.stores:
                await store.accounts.create(account, 1)

    async def ask(self, call: Callable[[Store], Awaitable[Any]]) -> Any:
        """Ask all and compare; the model's answer."""
        answers = [(await call(store), store.epoch) for store in self.stores]
        model, *others = [wire(answer, epoch) for answer, epoch in answers]
        for other in others:
            assert other == model
        return answers[0][0]

    # ------------------------------------------------------------------------------------------------- choosing

    def new_id(self) -> str:
        """An id nobody has used; the same for the same steps."""
        self.ids.append(derived_id("entries", str(len(self.ids))))
        return self.ids[-1]

    def entry_id(self, number: int) -> str:
        """A new id for most numbers, one that was used for a few."""
        return self.ids[-number] if UNKNOWN < number < UNKNOWN + 4 and number < len(self.ids) else self.new_id()

    def person(self, number: int) -> str:
        """Somebody."""
        return derived_id("strangers", "one") if number == UNKNOWN else self.people[number % PEOPLE]

    def group(self, number: int) -> str:
        """A conversation that has not ended, the newest first."""
        groups = list(self.members)
        return self.new_id() if number == UNKNOWN or not groups else groups[-1 - number % len(groups)]

    def actor(self, group: str, number: int) -> str:
        """Mostly somebody who was a member when the last batch ended."""
        members = self.members.get(group)
        return members[number % len(members)] if members and number % 5 else self.person(number)

    def message(self, number: int) -> tuple[str, str, str]:
        """Conversation, id and sender of a message, the newest first."""
        if number == UNKNOWN or not self.sent:
            return self.group(number), self.new_id(), self.person(0)
        about = self.sent[-1 - number % len(self.sent)]
        return about.conversation_id, about.id, about.sender_id

    def quote(self, group: str, number: int) -> str:
        """A message to reply to, mostly one of the conversation."""
        here = [sent.id for sent in self.sent if sent.conversation_id == group or number == UNKNOWN]
        return here[-1 - number % len(here)] if here else self.new_id()

    # ------------------------------------------------------------------------------------------------- happening

    async def tell(self, entry: Entry, *, more: bool) -> None:
        """One thing of a batch, which ends with it unless there is `more`."""
        self._waiting.append(entry)
        if not more:
            await self.flush()

    async def flush(self) -> None:
        """Append what has come together; every store decides alike."""
        entries, self._waiting = self._waiting, []
        if not entries:
            return
        self.now += 500
        verdicts = await self.ask(lambda store: store.log.append(entries, self.now))
        for entry, verdict in zip(entries, verdicts, strict=True):
            self._learn(entry, verdict)
        for group in list(self.members):
            present = await self.stores[0].conversations.members(group, limit=9)
            self.members[group] = [member.user.id for member in present]

    def _learn(self, entry: Entry, verdict: Verdict) -> None:
        if verdict.outcome is not Outcome.STORED:
            return
        if isinstance(entry, CreateConversation):
            self.groups.append(entry.conversation_id)
            self.members[entry.conversation_id] = []
        if isinstance(entry, NewMessage):
            self.sent.append(entry)
        if isinstance(entry, EndConversation):
            del self.members[entry.conversation_id]

    async def come_back(self, person: str, group: str) -> None:
        """What somebody missed of one conversation since they last came, in pages of three."""
        known = self.versions.get((person, group))
        while True:
            missed = await self.ask(
                lambda store: store.sync.missed(person, group, known, rows=3, page_rows=4)  # noqa: B023  # awaited at once
            )
            if missed is None:
                return
            known = missed.messages[-1].version if missed.more else missed.place.version
            self.versions[person, group] = known
            if not missed.more:
                return

    async def come_back_to_all(self, person: str, *, forget: bool) -> None:
        """The whole list, for who knows some of it, and what became of the rest."""
        known = {group: version for (who, group), version in self.versions.items() if who == person}
        if forget:
            known = dict.fromkeys(known, VOID)
        query = ListQuery(
            known=known,
            inbox=None if forget else self.inboxes.get(person),
            left_since=None if forget else self.inboxes.get(person),
            name_unknown=True,
            exclude=(),
            summaries=2,
            places=3,
            rows=6,
            page_rows=4,
        )
        page = await self.ask(lambda store: store.sync.page(person, query))
        self.inboxes[person] = page.inbox_version

    # ------------------------------------------------------------------------------------------------- asking

    async def compare(self) -> None:
        """Every log from every place, every list, every member."""
        await self.ask(lambda store: store.log.heads(self.groups))
        await self.ask(lambda store: store.sync.inbox_versions(self.people))
        await self.ask(lambda store: _sorted(store.sync.touched(self.people, 3)))
        for group in self.groups:
            await self._compare_group(group)
        for person in self.people:
            await self._compare_person(person)

    async def _compare_group(self, group: str) -> None:
        log: list[Message] = await self.ask(lambda store: store.log.page(group, EVERYTHING, 1))
        assert [message.seq for message in log] == list(range(1, len(log) + 1))
        assert [message.created_at for message in log] == sorted(message.created_at for message in log)
        middle = len(log) // 2 + 1
        for window in (PageWindow(limit=3, around=middle), PageWindow(limit=5, at=self.now // 2)):
            await self.ask(lambda store: store.log.page(group, window, middle))  # noqa: B023  # awaited at once
        await self.ask(lambda store: store.log.since(group, 0, 5))
        await self.ask(lambda store: store.log.since(group, middle, 50))
        await self.ask(lambda store: store.conversations.members(group, limit=9))
        await self.ask(lambda store: store.conversations.memberships(group, self.people))
        await self.ask(lambda store: store.members.readers(group, middle, sender_id=self.people[0], limit=9))
        for message in log[-6:]:
            await self.ask(lambda store: store.log.message(group, message.id, middle))  # noqa: B023  # the same
            await self.ask(lambda store: store.members.reactors(group, message.id, "👍", limit=9))  # noqa: B023  # the same
        await self._count_unread(group, log)

    async def _count_unread(self, group: str, log: Sequence[Message]) -> None:
        """The number every store computes is the number one finds by counting."""
        for person in self.people:
            for summary in await self.ask(lambda store: store.conversations.summaries(person, [group])):  # noqa: B023  # the same
                counted = sum(
                    message.seq > summary.me.last_read_seq
                    and message.type != "system"
                    and message.silent is not True
                    and message.sender_id != person
                    for message in log
                )
                assert summary.unread_count == summary.me.unread_count == counted
                assert 1 <= summary.me.visible_from_seq <= summary.me.last_read_seq <= summary.last_seq == len(log)

    async def _compare_person(self, person: str) -> None:
        """One list, whole and in part, and whom it connects with."""
        await self.ask(lambda store: store.conversations.inbox(person, limit=3))
        await self.ask(lambda store: store.conversations.inbox(person, limit=99, exclude=self.groups[:1]))
        await self.ask(lambda store: _sorted(store.conversations.sharing(person, self.people)))
        await self.ask(lambda store: _sorted(store.conversations.presence_audience(person, rooms=2, room_size=3)))


async def _sorted(answer: Any) -> list[str]:
    return sorted(msgspec.json.encode(one).decode() for one in await answer)
