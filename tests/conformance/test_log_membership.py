"""The port `ConversationLog`: conversations made, people who come and go."""

import pytest

from madang.contract.shapes import SystemEvent
from madang.ids import new_id
from madang.ports.log import Outcome
from tests.conformance.chat import Chat, addition, creation, message, outcomes, removal
from tests.conformance.conftest import MAX_MEMBERS


async def test_creating_is_the_first_entry_of_the_log(chat: Chat) -> None:
    """Seq 1, version 1, a system message that names everybody, and all members see it and have read it."""
    ann, bob, cem = await chat.users(3)
    change = creation(ann, bob, cem, name="Trip")
    (verdict,) = await chat.append(change)
    (commit,) = verdict.commits
    assert (verdict.outcome, verdict.conversation_id, verdict.message) == (
        Outcome.STORED,
        change.conversation_id,
        None,
    )
    assert (commit.message.id, commit.message.seq, commit.message.version) == (change.entry_id, 1, 1)
    assert (commit.message.type, commit.message.sender_id, commit.message.sender) == ("system", None, None)
    assert commit.message.system == SystemEvent(kind="created", actor_id=ann, user_ids=[bob, cem], name="Trip")
    assert commit.message.content == "A created “Trip”"
    assert commit.added == (ann, bob, cem)
    roles = [member.role for member in await chat.store.conversations.members(change.conversation_id, limit=9)]
    assert sorted(roles) == ["member", "member", "owner"]
    for person in (ann, bob, cem):
        me = (await chat.summary(person, change.conversation_id)).me
        assert (me.visible_from_seq, me.last_read_seq, me.unread_count) == (1, 1, 0)
        assert me.role == ("owner" if person == ann else "member")
        assert await chat.inbox_version(person) == 1


async def test_a_direct_conversation_has_no_owner(chat: Chat) -> None:
    """Both are members, and nobody is added or goes."""
    ann, bob, cem = await chat.users(3)
    direct = await chat.group(ann, bob, type="direct")
    assert {m.role for m in await chat.store.conversations.members(direct, limit=9)} == {"member"}
    verdicts = await chat.append(addition(direct, ann, cem), removal(direct, ann, bob), removal(direct, ann, ann))
    assert outcomes(verdicts) == [Outcome.FORBIDDEN] * 3
    assert len(await chat.history(direct)) == 1


async def test_a_unique_key_exists_once(chat: Chat) -> None:
    """The second creation names the first, whoever asks and whatever else it says; also within one batch."""
    ann, bob = await chat.users(2)
    first = creation(ann, bob, type="direct", unique_key="k")
    second = creation(bob, ann, type="direct", unique_key="k")
    one, two = await chat.append(first, second)
    (three,) = await chat.append(creation(bob, new_id(), unique_key="k"))
    assert (one.outcome, one.conversation_id) == (Outcome.STORED, first.conversation_id)
    assert (two.outcome, two.conversation_id, two.commits) == (Outcome.DUPLICATE, first.conversation_id, ())
    assert (three.outcome, three.conversation_id) == (Outcome.DUPLICATE, first.conversation_id)
    assert await chat.store.log.heads([second.conversation_id]) == {}


async def test_a_retried_creation_is_a_duplicate_and_another_a_conflict(chat: Chat) -> None:
    """The conversation's id with the same entry is a retry; with anything else it is taken."""
    ann, bob = await chat.users(2)
    change = creation(ann, bob, name="Trip")
    other = creation(ann, bob, name="Trip", conversation_id=change.conversation_id)
    renamed = creation(ann, bob, name="Other", conversation_id=change.conversation_id, entry_id=change.entry_id)
    assert outcomes(await chat.append(change, change, other, renamed)) == [
        Outcome.STORED,
        Outcome.DUPLICATE,
        Outcome.CONFLICT,
        Outcome.CONFLICT,
    ]


async def test_members_must_exist_and_be_enabled(chat: Chat) -> None:
    """Unknown or disabled people make a creation and an addition INVALID, with their ids in the reason."""
    ann, bob, off = await chat.users(3)
    await chat.store.accounts.set_disabled(off, True)
    group = await chat.group(ann)
    nobody = new_id()
    change = creation(ann, off, bob, nobody)
    verdicts = await chat.append(change, addition(group, ann, bob, off), addition(group, ann, nobody))
    assert outcomes(verdicts) == [Outcome.INVALID] * 3
    assert off in verdicts[0].reason
    assert nobody in verdicts[0].reason
    assert bob not in verdicts[1].reason
    assert await chat.store.log.heads([change.conversation_id]) == {}
    assert len(await chat.history(group)) == 1
    assert await chat.inbox_version(bob) == 0


async def test_a_conversation_has_room_for_so_many(chat: Chat) -> None:
    """Above the limit a creation or an addition is TOO_LARGE; who left makes room."""
    people = await chat.users(MAX_MEMBERS + 1)
    assert outcomes(await chat.append(creation(*people))) == [Outcome.TOO_LARGE]
    group = await chat.group(*people[:-1])
    last = people[-1]
    verdicts = await chat.append(
        addition(group, people[0], last), removal(group, people[1], people[1]), addition(group, people[0], last)
    )
    assert outcomes(verdicts) == [Outcome.TOO_LARGE, Outcome.STORED, Outcome.STORED]
    assert (await chat.store.log.heads([group]))[group].member_count == MAX_MEMBERS


async def test_newcomers_see_the_log_from_their_entry_on(chat: Chat) -> None:
    """Both marks stand at the entry, nothing is unread, and what came before is hidden."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann)
    await chat.send(group, ann, "before")
    (verdict,) = await chat.append(addition(group, ann, bob))
    (commit,) = verdict.commits
    assert commit.added == (bob,)
    assert commit.message.system == SystemEvent(kind="members_added", actor_id=ann, user_ids=[bob])
    assert commit.message.content == "A added B"
    me = (await chat.summary(bob, group)).me
    assert (me.role, me.visible_from_seq, me.last_read_seq, me.unread_count) == ("member", 3, 3, 0)
    await chat.send(group, ann, "after")
    assert (await chat.summary(bob, group)).unread_count == 1


async def test_adding_members_again_changes_nothing(chat: Chat) -> None:
    """Those who are in already are left out; if nobody remains there is no entry and no list moves."""
    ann, bob, cem = await chat.users(3)
    group = await chat.group(ann, bob)
    (nothing,) = await chat.append(addition(group, bob, ann, bob))
    assert (nothing.outcome, nothing.commits) == (Outcome.STORED, ())
    (some,) = await chat.append(addition(group, bob, ann, cem, cem))
    assert some.commits[0].added == (cem,)
    assert some.commits[0].message.system is not None
    assert [await chat.inbox_version(person) for person in (ann, bob, cem)] == [1, 1, 1]
    assert (await chat.store.log.heads([group]))[group].version == 2


async def test_a_retried_change_is_a_duplicate(chat: Chat) -> None:
    """Also when the actor has left through it; the entry's id with another change is a CONFLICT."""
    ann, bob, cem = await chat.users(3)
    group = await chat.group(ann, bob)
    add, leave = addition(group, bob, cem), removal(group, bob, bob)
    verdicts = await chat.append(add, add, leave, leave, addition(group, ann, bob, entry_id=add.entry_id))
    assert outcomes(verdicts) == [
        Outcome.STORED,
        Outcome.DUPLICATE,
        Outcome.STORED,
        Outcome.DUPLICATE,
        Outcome.CONFLICT,
    ]
    assert len(await chat.history(group)) == 3


@pytest.mark.parametrize("change", ["add", "remove"])
async def test_only_members_change_membership(chat: Chat, change: str) -> None:
    """A stranger, and whoever speaks of what does not exist, gets NOT_A_MEMBER."""
    ann, eve = await chat.users(2)
    group = await chat.group(ann)
    for where in (group, new_id()):
        entry = addition(where, eve, eve) if change == "add" else removal(where, eve, ann)
        assert outcomes(await chat.append(entry)) == [Outcome.NOT_A_MEMBER]


async def test_leaving_ends_membership_at_that_entry(chat: Chat) -> None:
    """`member_left`, told as removed with the reason; the list, the members and the count no longer have them."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    (verdict,) = await chat.append(removal(group, bob, bob))
    (commit,) = verdict.commits
    assert (commit.removed, commit.removed_reason, commit.added) == ((bob,), "left", ())
    assert commit.message.system == SystemEvent(kind="member_left", actor_id=bob, user_ids=[bob])
    assert commit.message.content == "B left"
    assert await chat.store.conversations.summaries(bob, [group]) == []
    assert await chat.store.conversations.member(group, bob) is None
    assert (await chat.store.log.heads([group]))[group].member_count == 1
    assert await chat.inbox_version(bob) == 2


async def test_removing_follows_the_ranks(chat: Chat) -> None:
    """A member removes nobody; the owner removes a member; removing who is not there changes nothing."""
    ann, bob, cem, eve = await chat.users(4)
    group = await chat.group(ann, bob, cem)
    verdicts = await chat.append(
        removal(group, bob, cem),
        removal(group, bob, eve),
        removal(group, ann, eve),
        removal(group, ann, cem),
    )
    assert outcomes(verdicts) == [Outcome.FORBIDDEN, Outcome.FORBIDDEN, Outcome.STORED, Outcome.STORED]
    assert verdicts[2].commits == ()
    (commit,) = verdicts[3].commits
    assert (commit.removed, commit.removed_reason) == ((cem,), "removed")
    assert commit.message.system == SystemEvent(kind="member_removed", actor_id=ann, user_ids=[cem])
    assert commit.message.content == "A removed C"
    assert [await chat.inbox_version(person) for person in (ann, bob, cem, eve)] == [1, 1, 2, 0]


async def test_the_last_owner_passes_the_role_on(chat: Chat) -> None:
    """A second commit names who stands longest; a list changes for both."""
    ann, bob, cem = await chat.users(3)
    group = await chat.group(ann)
    await chat.append(addition(group, ann, cem), addition(group, ann, bob))
    (verdict,) = await chat.append(removal(group, ann, ann))
    left, changed = verdict.commits
    assert (left.message.version, changed.message.version) == (4, 5)
    assert (left.removed, changed.removed, changed.added) == ((ann,), (), ())
    assert changed.message.system == SystemEvent(kind="role_changed", actor_id=None, user_ids=[cem], role="owner")
    assert changed.message.content == "C is the owner now"
    member = await chat.store.conversations.member(group, cem)
    assert member is not None
    assert member.role == "owner"
    assert [await chat.inbox_version(person) for person in (ann, bob, cem)] == [2, 1, 2]


async def test_the_last_member_leaves_an_empty_log(chat: Chat) -> None:
    """Nobody is promoted, the log stays, and nobody can write to it."""
    ann = await chat.user("A")
    group = await chat.group(ann)
    (verdict,) = await chat.append(removal(group, ann, ann))
    assert len(verdict.commits) == 1
    head = (await chat.store.log.heads([group]))[group]
    assert (head.seq, head.member_count) == (2, 0)
    assert outcomes(await chat.append(message(group, ann))) == [Outcome.NOT_A_MEMBER]


async def test_coming_back_is_joining_anew(chat: Chat) -> None:
    """New visibility and marks: what was said in between, and before, is hidden and read."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    await chat.send(group, ann, "for both")
    await chat.append(message(group, bob, "kept", keep_unread=True), removal(group, ann, bob))
    await chat.send(group, ann, "without Bob")
    await chat.append(addition(group, ann, bob))
    me = (await chat.summary(bob, group)).me
    assert (me.visible_from_seq, me.last_read_seq, me.unread_count, me.role) == (6, 6, 0, "member")
    await chat.send(group, ann, "for both again")
    assert (await chat.summary(bob, group)).unread_count == 1
    assert (await chat.store.log.heads([group]))[group].member_count == 2


async def test_a_former_owner_comes_back_as_a_member(chat: Chat) -> None:
    """The role was passed on."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    await chat.append(removal(group, ann, ann), addition(group, bob, ann))
    roles = {m.user.name: m.role for m in await chat.store.conversations.members(group, limit=9)}
    assert roles == {"A": "member", "B": "owner"}


async def test_system_entries_are_not_unread(chat: Chat) -> None:
    """Coming and going does not make a conversation unread."""
    ann, bob, cem = await chat.users(3)
    group = await chat.group(ann, bob)
    await chat.append(addition(group, ann, cem), removal(group, cem, cem))
    assert (await chat.summary(bob, group)).unread_count == 0


@pytest.mark.parametrize("name", ["half \udc00", "\x00"])
async def test_a_name_no_store_takes_is_invalid(chat: Chat, name: str) -> None:
    """And leaves nothing behind; the rest of the batch is decided."""
    ann = await chat.user()
    bad, good = creation(ann, name=name), creation(ann, name="good")
    assert outcomes(await chat.append(bad, good)) == [Outcome.INVALID, Outcome.STORED]
    assert list(await chat.store.log.heads([bad.conversation_id, good.conversation_id])) == [good.conversation_id]
