"""What SQLite does for each statement the store runs: by index, and as few as promised, however much there is.

Every port is called once while SQLite tells which statements it runs; each is then explained. A new statement that walks a
table fails here, not in somebody's busy evening.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from madang.ids import new_id
from madang.ports.accounts import ExternalProfile
from madang.ports.log import Mark, PageWindow
from madang.ports.members import SettingsChange
from madang.storage.messages import page
from madang.storage.sqlite import SqliteStore
from madang.storage.sqlite_connections import raw
from tests.conformance.chat import (
    Chat,
    addition,
    change,
    deletion,
    edit,
    ending,
    message,
    reaction,
    removal,
    role,
)
from tests.query_plans import Recorder, walks

SEARCH_WALKS = r"SCAN users$"
"""Finding people by part of a name looks at everybody, on a thread that only reads."""


@pytest.fixture
def recorder() -> Recorder:
    """Hears everything."""
    return Recorder()


@pytest.fixture
async def chat(tmp_path: Path, recorder: Recorder) -> AsyncIterator[Chat]:
    """A store that is listened to."""
    store = SqliteStore(tmp_path / "madang.db", readers=1)
    await store.open()
    await recorder.listen_to(store)
    yield Chat(store)
    await store.close()


async def change_everything(chat: Chat, ann: str, bob: str) -> None:
    """Every change of a message, a group and a member, and what reads them."""
    group = await chat.group(ann, bob)
    sent = await chat.send(group, ann)
    await chat.append(change(group, ann, name="x", custom={"a": 1}), role(group, ann, bob, "admin"))
    await chat.append(edit(group, ann, sent.id, "y"), edit(group, ann, sent.id, "y"))
    gone = [(False, ann), (False, bob), (True, ann), (True, bob)]
    await chat.append(*(reaction(group, who, sent.id, "👍", remove=remove) for remove, who in gone))
    await chat.store.members.change_settings(group, ann, SettingsChange(pinned=True), 1)
    await chat.store.members.readers(group, 2, sender_id=bob, limit=3, after=ann)
    await chat.store.members.reactors(group, sent.id, "👍", limit=3, after=ann)
    await chat.store.log.message(group, sent.id, 1)
    await chat.append(deletion(group, ann, sent.id), role(group, ann, bob, "owner"), ending(group, bob))


async def call_every_port(chat: Chat) -> None:
    """Each method, in the variants that make different statements."""
    store = chat.store
    ann, bob, cem = await chat.users(3)
    group = await chat.group(ann, bob)
    await chat.group(ann, bob, type="direct", unique_key="k")
    first = message(group, ann)
    await chat.append(first, message(group, bob, "x", keep_unread=True, reply_to_id=first.id), first)
    await chat.append(first)
    await chat.send(group, ann)
    await chat.send(group, ann)
    await chat.append(addition(group, ann, cem), removal(group, ann, cem), addition(group, ann, cem))
    await change_everything(chat, ann, bob)
    await chat.append(removal(group, ann, ann))
    await chat.read(group, bob, 4)
    for bound in ({}, {"before": 3}, {"after": 1}, {"around": 2}, {"at": 3}):
        await store.log.page(group, PageWindow(limit=5, **bound), 1)
    await store.log.since(group, 1, 5)
    lists = store.conversations
    await lists.inbox(bob, limit=3, exclude=[group], before=(9**9, group))
    await lists.summaries(bob, [group])
    await lists.memberships(group, [bob])
    await lists.members(group, limit=3, after=bob, query="a")
    await lists.sharing(bob, [ann])
    await lists.presence_audience(bob, rooms=3, room_size=9)
    profile = ExternalProfile(id=new_id(), issuer="i", subject="s", name="n", avatar_url=None, issued_at=1)
    await store.accounts.provision(profile, 1)
    await store.accounts.by_username("user1")
    await store.accounts.users([bob])
    await store.accounts.update(bob, name="Bob")
    await store.sessions.revoke_all(bob, 1)
    await store.sessions.revoke(new_id(), 1)


async def test_every_statement_goes_by_an_index(chat: Chat, recorder: Recorder, tmp_path: Path) -> None:
    """Nothing but searching for people by part of a name depends on how much the tables hold."""
    await call_every_port(chat)
    await chat.store.close()
    assert len(set(recorder.data_statements())) > 50
    assert walks(tmp_path / "madang.db", recorder.data_statements()) == {}


async def test_only_the_search_for_people_walks_a_table(chat: Chat, recorder: Recorder, tmp_path: Path) -> None:
    """And it walks no other table than theirs."""
    ann = await chat.user()
    recorder.statements.clear()
    await chat.store.accounts.search("x", 5, sharing_with=ann)
    await chat.store.accounts.search("x", 5, exact=True)
    await chat.store.close()
    (steps,) = walks(tmp_path / "madang.db", recorder.data_statements()).values()
    assert [re.match(SEARCH_WALKS, step) is not None for step in steps] == [True]


@pytest.mark.parametrize("size", [1, 100])
async def test_a_batch_of_sends_is_few_statements(chat: Chat, recorder: Recorder, size: int) -> None:
    """Three reads, then one row per message, per conversation and per sender; nothing else."""
    people = await chat.users(2)
    groups = [await chat.group(*people) for _ in range(5)]
    recorder.statements.clear()
    await chat.append(*(message(groups[n % 5], people[n % 2]) for n in range(size)))
    kinds = [statement.split()[0] for statement in recorder.data_statements()]
    assert kinds.count("SELECT") == 3
    assert kinds.count("INSERT") == size
    assert kinds.count("UPDATE") == min(size, 5) + min(size, 10)
    assert not any("SAVEPOINT" in statement for statement in recorder.statements)


async def test_a_batch_of_marks_is_few_statements(chat: Chat, recorder: Recorder) -> None:
    """One read, then two rows per mark that moves."""
    people = await chat.users(8)
    group = await chat.group(*people)
    await chat.send(group, people[0])
    recorder.statements.clear()
    marks = [Mark(conversation_id=group, user_id=person, seq=None) for person in people]
    await chat.store.log.mark(marks, 99_000)
    kinds = [statement.split()[0] for statement in recorder.data_statements()]
    assert (kinds.count("SELECT"), kinds.count("UPDATE")) == (1, 14)


@pytest.mark.parametrize("conversations", [1, 20])
async def test_a_list_is_four_statements(chat: Chat, recorder: Recorder, conversations: int) -> None:
    """Whatever its length: rows, last messages, people, the list's number."""
    ann, bob = await chat.users(2)
    for _ in range(conversations):
        await chat.send(await chat.group(ann, bob), bob)
    recorder.statements.clear()
    page = await chat.store.conversations.inbox(ann, limit=50)
    assert len(page.summaries) == conversations
    assert len(recorder.data_statements()) == 4


@pytest.mark.parametrize("bound", ["after", "around"])
async def test_a_page_costs_the_same_wherever_it_begins(chat: Chat, tmp_path: Path, bound: str) -> None:
    """SQLite does not walk over what lies before the page: near the end it takes as many steps as near the beginning."""
    ann = await chat.user()
    group = await chat.group(ann)
    await chat.append(*(message(group, ann) for _ in range(600)))
    await chat.store.close()
    steps: list[int] = []
    with create_engine(f"sqlite:///{tmp_path / 'madang.db'}").connect() as conn:
        raw(conn).set_progress_handler(lambda: steps.append(1), 1)
        taken = []
        for seq in (20, 560):
            steps.clear()
            assert len(page(conn, group, PageWindow(limit=20, **{bound: seq}), 1)) == 20
            taken.append(len(steps))
    assert taken[1] < 1.2 * taken[0]
