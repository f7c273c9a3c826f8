"""PostgreSQL commits, and the connection is cut before it has said so: what happened is told, once, as it was."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from madang.errors import ErrorCode, MadangError
from madang.ports.log import CreateConversation, Entry, Outcome, Verdict
from madang.ports.store import Store
from madang.storage.postgres import PostgresStore
from tests.conformance.chat import (
    Chat,
    addition,
    change,
    creation,
    deletion,
    edit,
    ending,
    message,
    outcomes,
    reaction,
    removal,
    role,
)
from tests.postgres_line import PostgresLine
from tests.postgres_server import PostgresServer


@pytest.fixture
async def line(postgres: PostgresServer) -> AsyncIterator[PostgresLine]:
    """A line to an empty database."""
    url = postgres.url(await postgres.shared_database())
    await postgres.clear(url)
    async with PostgresLine(url) as line:
        yield line


@pytest.fixture
async def store(line: PostgresLine) -> AsyncIterator[Store]:
    """A store at the end of the line."""
    store = PostgresStore(line.url)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def chat(store: Store) -> Chat:
    """The store, with words to speak of it."""
    return Chat(store)


class Scene:
    """A group of three with a message, and what may be changed in it."""

    def __init__(self, chat: Chat, people: Sequence[str], group: str, sent: str) -> None:
        self.ann, self.bob, self.cho, self.dan = people
        self.chat, self.group, self.sent = chat, group, sent

    @classmethod
    async def set_up(cls, chat: Chat) -> "Scene":
        people = await chat.users(4)
        group = await chat.group(*people[:3])
        sent = await chat.send(group, people[0], "helo")
        await chat.append(reaction(group, people[2], sent.id, "🎉"))
        return cls(chat, people, group, sent.id)

    def entry(self, kind: str) -> Entry:
        """One entry of a kind."""
        entries: dict[str, Callable[[], Entry]] = {
            "create": lambda: creation(self.ann, self.bob),
            "create with a key": lambda: creation(self.ann, self.bob, unique_key="order:7"),
            "add": lambda: addition(self.group, self.ann, self.dan, self.bob),
            "remove": lambda: removal(self.group, self.ann, self.bob),
            "last owner leaves": lambda: removal(self.group, self.ann, self.ann),
            "rename": lambda: change(self.group, self.ann, name="Trip"),
            "transfer": lambda: role(self.group, self.ann, self.bob, "owner"),
            "end": lambda: ending(self.group, self.ann),
            "edit": lambda: edit(self.group, self.ann, self.sent, "hello"),
            "delete": lambda: deletion(self.group, self.ann, self.sent),
            "react": lambda: reaction(self.group, self.bob, self.sent, "🎉"),
            "take back": lambda: reaction(self.group, self.cho, self.sent, "🎉", remove=True),
        }
        return entries[kind]()


KINDS = (
    "create",
    "create with a key",
    "add",
    "remove",
    "last owner leaves",
    "rename",
    "transfer",
    "end",
    "edit",
    "delete",
    "react",
    "take back",
)


def facts(verdict: Verdict) -> list[object]:
    """What the commits of a verdict tell, without ids that are made up anew."""
    return [
        (
            commit.event,
            commit.message.version,
            commit.message.content,
            commit.message.reactions,
            commit.reaction and (commit.reaction.user_id, commit.reaction.removed, commit.reaction.count),
            commit.added,
            sorted(commit.removed),
            commit.removed_reason,
        )
        for commit in verdict.commits
    ]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_change_that_nobody_heard_of_is_told(chat: Chat, line: PostgresLine, kind: str) -> None:
    """STORED with its commits, as in a log of its own that lost nothing; and made once."""
    scene = await Scene.set_up(chat)
    entry = scene.entry(kind)
    line.lose()
    (verdict,) = await chat.store.log.append([entry], chat.tick(), wait=False)
    assert (line.lost, verdict.outcome) == (1, Outcome.STORED)
    assert verdict.commits
    head = (await chat.store.log.heads([verdict.conversation_id]))[verdict.conversation_id]
    assert [commit.message.version for commit in verdict.commits][-1] == head.version
    slice_ = await chat.store.log.since(verdict.conversation_id, verdict.commits[0].message.version - 1, 9)
    assert slice_ is not None
    assert [commit.message for commit in verdict.commits] == slice_.messages
    if not isinstance(entry, CreateConversation):
        whole = await Scene.set_up(chat)
        (same,) = await chat.append(whole.entry(kind))
        names = dict(zip((whole.ann, whole.bob, whole.cho, whole.dan), "ABCD", strict=True)) | dict(
            zip((scene.ann, scene.bob, scene.cho, scene.dan), "ABCD", strict=True)
        )
        assert _named(facts(verdict), names) == _named(facts(same), names)
        assert (verdict.message is None) is (same.message is None)


def _named(told: list[object], names: dict[str, str]) -> str:
    text = repr(told)
    for user_id, name in names.items():
        text = text.replace(user_id, name)
    return text


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_may_be_lost_again_and_again(chat: Chat, line: PostgresLine, kind: str) -> None:
    """Two lost answers change nothing: the change is made once, and told."""
    scene = await Scene.set_up(chat)
    line.lose(2)
    (verdict,) = await chat.append(scene.entry(kind))
    assert (line.lost, verdict.outcome) == (2, Outcome.STORED)
    head = (await chat.store.log.heads([verdict.conversation_id]))[verdict.conversation_id]
    assert [commit.message.version for commit in verdict.commits][-1] == head.version
    created = kind.startswith("create")
    assert head.version == (0 if created else 3) + len(verdict.commits)


@asynccontextmanager
async def slow_commits(postgres: PostgresServer) -> AsyncIterator[None]:
    """Every commit of a message takes a while, with its locks held."""
    database = await postgres.shared_database()
    await postgres.execute(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END'",
        """
        CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT OR UPDATE ON messages DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION dawdle()
        """,
        database=database,
    )
    try:
        yield
    finally:
        await postgres.execute("DROP FUNCTION dawdle CASCADE", database=database)


@pytest.mark.parametrize("kind", ["create", "create with a key", "remove", "edit"])
async def test_a_commit_that_goes_on_is_waited_for(
    chat: Chat, line: PostgresLine, postgres: PostgresServer, kind: str
) -> None:
    """The connection ends while the server commits: its locks are no other writer's, and what it makes is not refused."""
    scene = await Scene.set_up(chat)
    async with slow_commits(postgres):
        line.lose(early=True)
        (verdict,) = await chat.store.log.append([scene.entry(kind)], chat.tick(), wait=False)
    assert (line.lost, verdict.outcome, len(verdict.commits)) == (1, Outcome.STORED, 1)


async def test_a_batch_that_nobody_heard_of_is_told(chat: Chat, line: PostgresLine) -> None:
    """Changes of several conversations, and what changes nothing or is refused among them, each as it was."""
    scene, other = await Scene.set_up(chat), await Scene.set_up(chat)
    entries = [
        scene.entry("edit"),
        other.entry("remove"),
        edit(scene.group, scene.bob, scene.sent, "mine"),
        reaction(other.group, other.cho, other.sent, "🎉"),
    ]
    line.lose()
    verdicts = await chat.append(*entries)
    assert outcomes(verdicts) == [Outcome.STORED, Outcome.STORED, Outcome.FORBIDDEN, Outcome.STORED]
    assert [[commit.message.version for commit in verdict.commits] for verdict in verdicts] == [[4], [4], [], []]


async def test_what_was_so_before_is_not_told_again(chat: Chat, line: PostgresLine) -> None:
    """A retry of a change that another call had made is answered as ever, also when an answer is lost."""
    scene = await Scene.set_up(chat)
    added = addition(scene.group, scene.ann, scene.dan)
    await chat.append(scene.entry("edit"), added)
    line.lose()
    verdicts = await chat.append(scene.entry("edit"), added)
    assert (line.lost, outcomes(verdicts)) == (1, [Outcome.STORED, Outcome.DUPLICATE])
    assert [verdict.commits for verdict in verdicts] == [(), ()]


async def test_the_verdict_is_what_its_actor_sees(chat: Chat, line: PostgresLine) -> None:
    """Everybody's news carry the quote, the answer to who joined after it does not."""
    scene = await Scene.set_up(chat)
    await chat.append(addition(scene.group, scene.ann, scene.dan))
    reply = await chat.send(scene.group, scene.ann, "about that", reply_to_id=scene.sent)
    line.lose()
    (verdict,) = await chat.append(reaction(scene.group, scene.dan, reply.id, "👍"))
    assert verdict.message is not None
    assert (line.lost, "helo" in str(verdict.message), "helo" in str(verdict.commits)) == (1, False, True)


@pytest.mark.parametrize("early", [False, True], ids=["committed", "still at it"])
async def test_a_send_that_nobody_heard_of_is_told(
    chat: Chat, line: PostgresLine, postgres: PostgresServer, early: bool
) -> None:
    """Done again it is a duplicate, with the commit that must be published; a retry after that has none."""
    ann = await chat.user()
    group = await chat.group(ann)
    known, entry = message(group, ann, "known"), message(group, ann, "nobody hears")
    await chat.append(known)
    async with slow_commits(postgres):
        line.lose(to=b"nobody hears", early=early)
        (verdict,) = await chat.store.log.append([entry], chat.tick(), wait=False)
    assert line.lost == 1
    assert (verdict.outcome, verdict.message is not None) == (Outcome.DUPLICATE, True)
    assert [commit.message.version for commit in verdict.commits] == [3]
    (again,) = await chat.append(known)
    assert (again.outcome, again.commits) == (Outcome.DUPLICATE, ())


async def test_a_mark_that_nobody_heard_of_is_told(chat: Chat, line: PostgresLine) -> None:
    """It stands where it was put, and counts as moved."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    await chat.send(group, ann)
    line.lose(to=UUID(bob).bytes)
    verdict = await chat.read(group, bob, 2)
    assert (line.lost, verdict.moved, verdict.last_read_seq, verdict.unread_count) == (1, True, 2, 0)
    assert not (await chat.read(group, bob, 2)).moved


async def test_the_outcome_of_a_lost_commit_is_not_guessed(chat: Chat, line: PostgresLine) -> None:
    """What cannot be done twice is not done again: an account that exists is not said to be taken."""
    line.lose(9)
    with pytest.raises(MadangError) as unknown:
        await chat.user()
    assert (unknown.value.code, line.lost) == (ErrorCode.TRY_AGAIN, 1)
    assert await chat.store.accounts.exists_any()
