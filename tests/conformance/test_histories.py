"""Random histories: whatever happens in whatever order, SQLite, PostgreSQL and the model in memory say the same.

The model looks at the log itself and counts; the stores have counters, batches and set-based statements. Every verdict,
page, slice, summary and mark is compared, field by field.
"""

import asyncio
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from madang.ids import derived_id
from madang.memory.store import MemoryStore
from madang.ports.accounts import NewAccount
from madang.ports.log import CreateConversation, Entry, Mark, NewMessage, Outcome, PageWindow, Verdict
from madang.ports.members import SettingsChange
from madang.ports.store import Store
from madang.storage.postgres import PostgresStore
from madang.storage.sqlite import SqliteStore
from tests.conformance.chat import (
    addition,
    change,
    creation,
    deletion,
    edit,
    ending,
    message,
    reaction,
    removal,
    role,
)
from tests.postgres_server import PostgresServer

PEOPLE = 5
MAX_MEMBERS = 4
STEPS = 25
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a folder of its own is made in it
"""Where files need no disk: what is compared here is not durability."""


def wire(answer: object, epoch: str) -> object:
    """An answer as plain values, with the epoch of its store taken out."""
    return msgspec.json.decode(msgspec.json.encode(answer).replace(epoch.encode(), b"EPOCH"))


class History:
    """One random history, told to several stores at once; the first is the model."""

    def __init__(self, seed: int, stores: Sequence[Store]) -> None:
        self.chance = random.Random(seed)
        self.seed = str(seed)
        self.stores = stores
        self.ids = 0
        self.people: list[str] = []
        self.groups: list[str] = []
        self.first: dict[str, list[str]] = {}
        self.sent: list[NewMessage] = []
        self.known: list[str] = []
        self.now = 1_000

    def new_id(self) -> str:
        """The same ids for the same seed."""
        self.ids += 1
        return derived_id(self.seed, str(self.ids))

    async def ask(self, call: Callable[[Store], Any]) -> Any:
        """Ask all and compare; the model's answer."""
        answers = [(await call(store), store.epoch) for store in self.stores]
        model, *others = [wire(answer, epoch) for answer, epoch in answers]
        for other in others:
            assert other == model
        return answers[0][0]

    async def run(self) -> None:
        """People first, then steps, then every question there is."""
        for number in range(PEOPLE):
            person = NewAccount(
                id=self.new_id(), username=f"p{number}-{self.new_id()[:8]}", name=f"P{number}", password_hash="x"
            )
            self.people.append(person.id)
            for store in self.stores:
                await store.accounts.create(person, 1)
        for _ in range(STEPS):
            await self.step()
        await self.compare()

    async def step(self) -> None:
        """A batch, marks, or something about a person."""
        self.now = max(1, self.now + self.chance.randint(-500, 2_000))
        match self.chance.randrange(12):
            case 0:
                person, name = self.chance.choice(self.people), f"N{self.chance.randrange(99)}"
                await self.ask(lambda store: store.accounts.update(person, name=name))
            case 1:
                person, disabled = self.chance.choice(self.people), self.chance.random() < 0.3
                await self.ask(lambda store: store.accounts.set_disabled(person, disabled))
            case 2:
                group, person, settings = self.where(), self.who(), self.settings()
                await self.ask(lambda store: store.members.change_settings(group, person, settings, self.now))
            case 3 | 4:
                marks = [self.mark() for _ in range(self.chance.randint(1, 4))]
                await self.ask(lambda store: store.log.mark(marks, self.now))
            case _:
                entries = [self.entry() for _ in range(self.chance.randint(1, 8))]
                verdicts = await self.ask(lambda store: store.log.append(entries, self.now))
                for entry, verdict in zip(entries, verdicts, strict=True):
                    self.learn(entry, verdict)

    def learn(self, entry: Entry, verdict: Verdict) -> None:
        """Remember what there is, so that later steps are about it more often than not."""
        if verdict.outcome is Outcome.STORED and isinstance(entry, CreateConversation):
            self.groups.append(entry.conversation_id)
            self.first[entry.conversation_id] = list(entry.member_ids)
        if verdict.outcome is Outcome.STORED and isinstance(entry, NewMessage):
            self.sent.append(entry)

    def settings(self) -> SettingsChange:
        """Some of one's own settings."""
        possible = {
            "notification_enabled": self.chance.random() < 0.5,
            "muted_until": self.chance.choice([None, self.now]),
            "pinned": self.chance.random() < 0.5,
            "marked_unread": self.chance.random() < 0.7,
        }
        return SettingsChange(**{key: value for key, value in possible.items() if self.chance.random() < 0.5})  # type: ignore[arg-type]  # mixed values

    def where(self) -> str:
        return self.chance.choice(self.groups) if self.groups and self.chance.random() < 0.97 else self.new_id()

    def member_of(self, group: str) -> str:
        """Mostly somebody who was in it from the first."""
        return (
            self.chance.choice(self.first[group]) if group in self.first and self.chance.random() < 0.8 else self.who()
        )

    def who(self) -> str:
        return self.chance.choice(self.people) if self.chance.random() < 0.97 else self.new_id()

    def entry_id(self) -> str:
        """Mostly new, sometimes one that was used."""
        if self.known and self.chance.random() < 0.15:
            return self.chance.choice(self.known)
        self.known.append(self.new_id())
        return self.known[-1]

    def mark(self) -> Mark:
        seq = None if self.chance.random() < 0.2 else self.chance.randint(0, 30)
        return Mark(conversation_id=self.where(), user_id=self.who(), seq=seq)

    def entry(self) -> Entry:
        kind = self.chance.random()
        if not self.groups or kind < 0.07:
            return self.creation()
        if kind < 0.17:
            people = [self.who() for _ in range(self.chance.randint(1, 3))]
            group = self.where()
            return addition(group, self.member_of(group), *people, entry_id=self.entry_id())
        if kind < 0.25:
            group = self.where()
            actor = self.member_of(group)
            target = actor if self.chance.random() < 0.4 else self.who()
            return removal(group, actor, target, entry_id=self.entry_id())
        if kind < 0.33:
            return self.group_change()
        if kind < 0.6 and self.known:
            return self.message_change()
        reply = self.chance.choice(self.known) if self.known and self.chance.random() < 0.3 else None
        group = self.where()
        return message(
            group,
            self.member_of(group),
            self.chance.choice(["a", "b", "c", "여보세요", "안녕", "d", "e", "\x00", "\udfff"]),
            id=self.entry_id(),
            type="system" if self.chance.random() < 0.03 else "text",
            mentions=self.chance.choice([None, None, "all", [self.people[0]]]),
            reply_to_id=reply,
            silent=self.chance.random() < 0.2,
            keep_unread=self.chance.random() < 0.4,
        )

    def group_change(self) -> Entry:
        where, entry_id = self.where(), self.entry_id()
        who = self.member_of(where)
        kind = self.chance.random()
        if kind < 0.05:
            return ending(where, who, entry_id=entry_id)
        if kind < 0.6:
            return role(
                where, who, self.member_of(where), self.chance.choice(["owner", "admin", "member"]), entry_id=entry_id
            )
        possible = {
            "name": self.chance.choice(["Trip", "Journey", None, "\x00"]),
            "avatar_url": self.chance.choice(["/p.png", None]),
            "custom": self.chance.choice([{}, {"a": 1}, {"a": ["\udfff"]}]),
        }
        values = {key: value for key, value in possible.items() if self.chance.random() < 0.5}
        return change(where, who, entry_id=entry_id, **values)

    def message_change(self) -> Entry:
        where, who, target = self.where(), self.who(), self.chance.choice(self.known)
        if self.sent and self.chance.random() < 0.85:
            about = self.chance.choice(self.sent[-12:])
            where, target = about.conversation_id, about.id
            who = about.sender_id if self.chance.random() < 0.5 else self.member_of(where)
        made_since = self.chance.choice([0, 0, self.now - 5_000])
        match self.chance.randrange(4):
            case 0:
                return edit(where, who, target, self.chance.choice(["a", "d", " ", "\x00"]), made_since)
            case 1:
                return deletion(where, who, target, made_since)
            case _:
                return reaction(where, who, target, self.chance.choice("👍🎉😀"), remove=self.chance.random() < 0.4)

    def creation(self) -> Entry:
        people = self.chance.sample(self.people, self.chance.randint(1, PEOPLE))
        direct = self.chance.random() < 0.2
        again = bool(self.groups) and self.chance.random() < 0.2
        conversation_id = self.chance.choice(self.groups) if again else self.new_id()
        return creation(
            *people[: 2 if direct else PEOPLE],
            conversation_id=conversation_id,
            entry_id=self.entry_id(),
            type="direct" if direct else "group",
            unique_key=self.seed + ":".join(sorted(people[:2])) if direct else self.chance.choice([None, self.seed]),
            custom=self.chance.choice([{}, {"a": 1}]),
            name=None if direct else self.chance.choice([None, "Trip", "\x00"]),
        )

    async def compare(self) -> None:
        """Every log from every place, every list, every member."""
        await self.ask(lambda store: store.log.heads(self.groups))
        for group in self.groups:
            await self.compare_group(group)
        for person in self.people:
            await self.compare_person(person)

    async def compare_group(self, group: str) -> None:
        """One log from several places, and its members."""
        window = PageWindow(limit=self.chance.randint(1, 9), at=self.chance.randint(1, self.now))
        await self.ask(lambda store: store.log.page(group, PageWindow(limit=200), 1))
        await self.ask(lambda store: store.log.page(group, PageWindow(limit=200), 9))
        await self.ask(lambda store: store.log.page(group, window, 3))
        await self.ask(lambda store: store.log.since(group, 0, 5))
        await self.ask(lambda store: store.log.since(group, 4, 50))
        await self.ask(lambda store: store.conversations.members(group, limit=9))
        await self.ask(lambda store: store.conversations.memberships(group, self.people))
        await self.ask(lambda store: store.members.readers(group, 5, sender_id=self.people[0], limit=9))
        for message_id in self.known[:9]:
            await self.ask(lambda store: store.log.message(group, message_id, 4))  # noqa: B023  # awaited at once
            await self.ask(lambda store: store.members.reactors(group, message_id, "👍", limit=9))  # noqa: B023  # the same

    async def compare_person(self, person: str) -> None:
        """One list, whole and in part, and whom it connects with."""
        await self.ask(lambda store: store.conversations.inbox(person, limit=3))
        await self.ask(lambda store: store.conversations.inbox(person, limit=99, exclude=self.groups[:1]))
        await self.ask(lambda store: _sorted(store.conversations.sharing(person, self.people)))
        await self.ask(lambda store: _sorted(store.conversations.presence_audience(person, rooms=2, room_size=3)))


async def _sorted(answer: Any) -> list[str]:
    return sorted(await answer)


SEEDS = st.lists(st.integers(0, 2**32), min_size=4, max_size=4, unique=True)


async def tell(seeds: Sequence[int], *stores: Store) -> None:
    """Histories in one store, one after another, the stores closed and opened between them: what one leaves behind does not
    change the next.
    """
    for seed in seeds:
        try:
            for store in stores:
                await store.open()
            await History(seed, stores).run()
        finally:
            for store in stores:
                await store.close()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seeds=SEEDS)
def test_any_history_is_told_alike(seeds: list[int]) -> None:
    """By SQLite and by the model."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        store = SqliteStore(Path(folder) / "madang.db", max_members=MAX_MEMBERS, readers=1)
        asyncio.run(tell(seeds, MemoryStore(max_members=MAX_MEMBERS), store))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seeds=SEEDS)
def test_any_history_is_told_alike_on_postgresql(postgres: PostgresServer, seeds: list[int]) -> None:
    """By SQLite, PostgreSQL and the model; fewer, because each question crosses to another process and back."""

    async def tell_three(path: Path) -> None:
        url = postgres.url(await postgres.shared_database())
        await postgres.clear(url)
        sqlite = SqliteStore(path, max_members=MAX_MEMBERS, readers=1)
        await tell(seeds, MemoryStore(max_members=MAX_MEMBERS), sqlite, PostgresStore(url, max_members=MAX_MEMBERS))

    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        asyncio.run(tell_three(Path(folder) / "madang.db"))
