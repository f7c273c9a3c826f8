"""Random histories: whatever happens in whatever order, SQLite, PostgreSQL and the model in memory say the same.

The model looks at the log itself and counts; the stores have counters, batches and set-based statements, and are closed and
opened in the middle of it all. Every verdict, page, slice, summary and mark is compared, field by field.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from madang.memory.store import MemoryStore
from madang.ports.log import Mark
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
from tests.conformance.history import PEOPLE, UNKNOWN, Teller
from tests.postgres_server import PostgresServer
from tests.scale import SCALE

MAX_MEMBERS = 4
STEPS = 50
MAX_GROUPS = 4
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a folder of its own is made in it
"""Where files need no disk: what is compared here is not durability."""

PICK = st.integers(0, UNKNOWN + 11)
MAYBE = st.none() | PICK
MORE = st.booleans()
TEXTS = st.sampled_from([*"abcdefgh", "여보세요", " ", "\x00", "\udfff"])
NAMES = st.sampled_from(["Trip", "Journey", "Lunch", "Dinner", None, "\x00"])
EMOJI = st.sampled_from("👍🎉😀")
MINUTES = 60_000


Step = tuple[str, dict[str, Any]]
KINDS: Final[list[st.SearchStrategy[Step]]] = []


def step(often: int = 1, **chosen: st.SearchStrategy[Any]) -> Callable[..., Any]:
    """Something that may happen, with what chance chooses of it, and how often among the others."""

    def register(method: Callable[..., Any]) -> Callable[..., Any]:
        KINDS.extend([st.tuples(st.just(method.__name__), st.fixed_dictionaries(chosen))] * often)
        return method

    return register


class History:
    """What people do, and what happens to the machines. Each step is one call; the names of steps are those of its methods."""

    def __init__(self, model: Store, stores: Sequence[Store]) -> None:
        self.stores = stores
        self.teller = Teller([model, *stores])

    async def run(self, steps: Sequence[Step]) -> None:
        """People and a group first, then the steps, then every question there is, also after a last restart."""
        await self.teller.begin()
        await self.create(who=0, members=MAX_MEMBERS, direct=False, named="Trip", keyed=False, again=0, more=False)
        await self.go_on(steps)
        await self.teller.compare()
        await self.restart()
        await self.teller.compare()

    async def go_on(self, steps: Sequence[Step]) -> None:
        """More steps."""
        for name, chosen in steps:
            await getattr(self, name)(**chosen)
        await self.teller.flush()

    @step()
    async def wait(self) -> None:
        """Nothing happens: what is left of a step that a failure does not need."""

    # --------------------------------------------------------------------------------------- conversations

    @step(who=PICK, members=st.integers(1, PEOPLE), direct=MORE, named=NAMES, keyed=MORE, again=PICK, more=MORE)
    async def create(
        self, who: int, members: int, *, direct: bool, named: str | None, keyed: bool, again: int, more: bool
    ) -> None:
        """A conversation, also one too large, one that is there already, and one of a pair."""
        teller = self.teller
        people = list(dict.fromkeys(teller.person(who + number) for number in range(2 if direct else members)))
        key = "pair " + ":".join(sorted(people)) if direct else "key" if keyed else None
        entry = creation(
            *people,
            conversation_id=teller.group(again) if UNKNOWN < again < UNKNOWN + 4 else teller.new_id(),
            entry_id=teller.entry_id(again),
            type="direct" if direct else "group",
            unique_key=key,
            name=None if direct else named,
        )
        await teller.tell(entry, more=more)

    @step(where=PICK, who=PICK, name=NAMES, picture=MAYBE, again=PICK, more=MORE)
    async def rename(
        self, where: int, who: int, name: str | None, picture: int | None, again: int, *, more: bool
    ) -> None:
        """A group gets another name, and sometimes a picture and fields of its own."""
        group = self.teller.group(where)
        values: dict[str, Any] = {"name": name}
        if picture is not None:
            values |= {"avatar_url": f"/{picture}.png", "custom": {"a": picture or ["\udfff"]}}
        entry = change(group, self.teller.actor(group, who), entry_id=self.teller.entry_id(again), **values)
        await self.teller.tell(entry, more=more)

    @step(where=PICK, who=PICK)
    async def end(self, where: int, who: int) -> None:
        """A group ends for everybody, if there is another."""
        if len(self.teller.members) < 2:
            return
        group = self.teller.group(where)
        entry = ending(group, self.teller.actor(group, who), entry_id=self.teller.new_id())
        await self.teller.tell(entry, more=False)

    # --------------------------------------------------------------------------------------------- members

    @step(3, where=PICK, who=PICK, whom=PICK, number=st.integers(1, 3), again=PICK, more=MORE)
    async def add(self, where: int, who: int, whom: int, number: int, again: int, *, more: bool) -> None:
        """People join, or come back."""
        group = self.teller.group(where)
        people = [self.teller.person(min(UNKNOWN, whom + further)) for further in range(number)]
        entry = addition(group, self.teller.actor(group, who), *people, entry_id=self.teller.entry_id(again))
        await self.teller.tell(entry, more=more)

    @step(where=PICK, who=PICK, whom=PICK, again=PICK, more=MORE)
    async def remove(self, where: int, who: int, whom: int, again: int, *, more: bool) -> None:
        """Somebody is removed."""
        group = self.teller.group(where)
        actor, target = self.teller.actor(group, who), self.teller.person(whom)
        await self.teller.tell(removal(group, actor, target, entry_id=self.teller.entry_id(again)), more=more)

    @step(where=PICK, who=PICK, more=MORE)
    async def leave(self, where: int, who: int, *, more: bool) -> None:
        """Somebody leaves; the last owner passes the role on."""
        group = self.teller.group(where)
        actor = self.teller.actor(group, who)
        await self.teller.tell(removal(group, actor, actor, entry_id=self.teller.new_id()), more=more)

    @step(where=PICK, who=PICK, whom=PICK, new=st.sampled_from(["owner", "admin", "member"]), more=MORE)
    async def change_role(self, where: int, who: int, whom: int, new: Any, *, more: bool) -> None:
        """Somebody gets another role."""
        group = self.teller.group(where)
        actor, target = self.teller.actor(group, who), self.teller.actor(group, whom)
        await self.teller.tell(role(group, actor, target, new, entry_id=self.teller.new_id()), more=more)

    # -------------------------------------------------------------------------------------------- messages

    @step(4, where=PICK, who=PICK, text=TEXTS, reply=MAYBE, quiet=MORE, keep=MORE, again=PICK, more=MORE)
    async def send(
        self, where: int, who: int, text: str, reply: int | None, *, quiet: bool, keep: bool, again: int, more: bool
    ) -> None:
        """A message, plain or silent, read by its sender or not, sometimes for the second time."""
        group = self.teller.group(where)
        entry = message(
            group,
            self.teller.actor(group, who),
            text,
            id=self.teller.entry_id(again),
            mentions=[None, None, "all", [self.teller.people[0]]][again % 4],  # type: ignore[arg-type]  # mixed values
            reply_to_id=None if reply is None else self.teller.quote(group, reply),
            silent=quiet,
            keep_unread=keep,
        )
        await self.teller.tell(entry, more=more)

    @step(4, where=PICK, said=st.lists(st.tuples(PICK, TEXTS, MORE, MORE), min_size=1, max_size=6))
    async def talk(self, where: int, said: list[tuple[int, str, bool, bool]]) -> None:
        """Several people at once."""
        group = self.teller.group(where)
        for number, (who, text, quiet, keep) in enumerate(said, 1):
            actor, new = self.teller.actor(group, who), self.teller.new_id()
            entry = message(group, actor, text, id=new, silent=quiet, keep_unread=keep)
            await self.teller.tell(entry, more=number < len(said))

    @step(2, about=PICK, who=MAYBE, text=TEXTS, young=MORE, more=MORE)
    async def edit(self, about: int, who: int | None, text: str, *, young: bool, more: bool) -> None:
        """A message gets another content, mostly from its sender."""
        group, target, sender = self.teller.message(about)
        actor = sender if who is None else self.teller.actor(group, who)
        since = self.teller.now - 5 * MINUTES if young else 0
        await self.teller.tell(edit(group, actor, target, text, since), more=more)

    @step(2, about=PICK, who=MAYBE, young=MORE, more=MORE)
    async def delete(self, about: int, who: int | None, *, young: bool, more: bool) -> None:
        """A message becomes a tombstone."""
        group, target, sender = self.teller.message(about)
        actor = sender if who is None else self.teller.actor(group, who)
        since = self.teller.now - 5 * MINUTES if young else 0
        await self.teller.tell(deletion(group, actor, target, since), more=more)

    @step(3, about=PICK, who=PICK, emoji=EMOJI, remove=MORE, more=MORE)
    async def react(self, about: int, who: int, emoji: str, *, remove: bool, more: bool) -> None:
        """A reaction, on or off."""
        group, target, _ = self.teller.message(about)
        actor = self.teller.actor(group, who)
        await self.teller.tell(reaction(group, actor, target, emoji, remove=remove), more=more)

    # ------------------------------------------------------------------------------- what is one's own

    @step(3, where=PICK, marks=st.lists(st.tuples(PICK, st.none() | st.integers(-1, 30)), min_size=1, max_size=4))
    async def read(self, where: int, marks: list[tuple[int, int | None]]) -> None:
        """Marks move, several devices at once, some of them where they cannot."""
        await self.teller.flush()
        group = self.teller.group(where)
        moved = [Mark(conversation_id=group, user_id=self.teller.person(who), seq=seq) for who, seq in marks]
        await self.teller.ask(lambda store: store.log.mark(moved, self.teller.now))

    @step(where=PICK, who=PICK, muted=MORE, pinned=MORE, unread=MORE)
    async def change_settings(self, where: int, who: int, *, muted: bool, pinned: bool, unread: bool) -> None:
        """One's own settings of a conversation."""
        await self.teller.flush()
        group, person, now = self.teller.group(where), self.teller.person(who), self.teller.now
        until = now if muted else None
        wanted = SettingsChange(muted_until=until, pinned=pinned, marked_unread=unread, notification_enabled=muted)
        await self.teller.ask(lambda store: store.members.change_settings(group, person, wanted, now))

    @step(
        who=st.integers(0, PEOPLE - 1),
        name=st.sampled_from("NM"),
        disabled=st.sampled_from([False, False, False, True]),
    )
    async def change_account(self, who: int, name: str, *, disabled: bool) -> None:
        """Somebody is called otherwise, or may not be added any more."""
        await self.teller.flush()
        person = self.teller.person(who)
        await self.teller.ask(lambda store: store.accounts.update(person, name=name))
        await self.teller.ask(lambda store: store.accounts.set_disabled(person, disabled))

    # ---------------------------------------------------------------------- coming back, clocks, restarts

    @step(2, who=PICK, where=PICK)
    async def resume(self, who: int, where: int) -> None:
        """Somebody comes back to a conversation."""
        await self.teller.flush()
        await self.teller.come_back(self.teller.person(who), self.teller.group(where))

    @step(who=st.integers(0, PEOPLE - 1), forget=MORE)
    async def resume_all(self, who: int, *, forget: bool) -> None:
        """Somebody comes back to their list."""
        await self.teller.flush()
        await self.teller.come_back_to_all(self.teller.person(who), forget=forget)

    @step(minutes=st.sampled_from([5, -5, -60, 1]))
    async def move_clock(self, minutes: int) -> None:
        """The clock of the machine is set."""
        await self.teller.flush()
        self.teller.now = max(1, self.teller.now + minutes * MINUTES)

    @step()
    async def restart(self) -> None:
        """The stores are closed and opened again; nothing of it is to be seen."""
        await self.teller.flush()
        for store in self.stores:
            epoch = store.epoch
            await store.close()
            await store.open()
            assert store.epoch == epoch


SHRINK = () if SCALE == 1 else (Phase.shrink,)
"""Making a failure small takes minutes; on every change it is told as it came, and `MADANG_TEST_SCALE=2` makes it small."""
ANY_HISTORY = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate, *SHRINK),
)
STEP_LISTS = st.lists(st.sampled_from(KINDS).flatmap(lambda kind: kind), min_size=STEPS, max_size=STEPS)


def drawn(number: int, lists: int) -> list[Step]:
    """Steps for a test that wants some history, the same for the same number."""
    told: list[list[Step]] = []

    @seed(number)
    @settings(ANY_HISTORY, max_examples=4 * lists, database=None, phases=(Phase.generate,))
    @given(steps=STEP_LISTS)
    def draw(steps: list[Step]) -> None:
        told.append(steps)

    draw()
    return [each for steps in told[-lists:] for each in steps]


Another = Callable[[Path], Awaitable[Store]]


def tell(steps: Sequence[Step], empty: Path, *others: Another) -> None:
    """One history, in stores of its own."""

    async def tell_it(folder: Path) -> None:
        sqlite = SqliteStore(Path(shutil.copy(empty, folder)), max_members=MAX_MEMBERS, readers=1)
        model, stores = MemoryStore(max_members=MAX_MEMBERS), [sqlite, *[await another(folder) for another in others]]
        try:
            for store in (model, *stores):
                await store.open()
            await History(model, stores).run(steps)
        finally:
            for store in (model, *stores):
                await store.close()

    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        asyncio.run(tell_it(Path(folder)))


@settings(ANY_HISTORY, max_examples=30 * SCALE)
@given(steps=STEP_LISTS)
def test_any_history_is_told_alike(empty_sqlite: Path, steps: list[Step]) -> None:
    """By SQLite and by the model."""
    tell(steps, empty_sqlite)


@settings(ANY_HISTORY, max_examples=8 * SCALE)
@given(steps=STEP_LISTS)
def test_any_history_is_told_alike_on_postgresql(
    postgres: PostgresServer, empty_sqlite: Path, steps: list[Step]
) -> None:
    """By SQLite, PostgreSQL and the model; fewer, because each question crosses to another process and back."""

    async def on_postgresql(_: Path) -> Store:
        url = postgres.url(await postgres.shared_database())
        await postgres.clear(url)
        return PostgresStore(url, max_members=MAX_MEMBERS)

    tell(steps, empty_sqlite, on_postgresql)
