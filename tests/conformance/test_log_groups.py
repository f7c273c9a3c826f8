"""The port `ConversationLog`: groups renamed, led by others, ended; and groups that exist once."""

from typing import Any

import pytest

from madang.contract.shapes import SystemEvent
from madang.ids import new_id
from madang.ports.log import Outcome
from tests.conformance.chat import Chat, addition, change, creation, ending, message, outcomes, removal, role


async def test_a_new_name_is_a_system_message(chat: Chat) -> None:
    """`renamed`, with the name; the list shows it, and nothing is unread."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob, name="Trip")
    (verdict,) = await chat.append(change(group, ann, name="Journey"))
    (commit,) = verdict.commits
    assert (commit.event, commit.message.seq, commit.message.version) == ("message:new", 2, 2)
    assert commit.message.system == SystemEvent(kind="renamed", actor_id=ann, name="Journey")
    assert commit.message.content == "A renamed the conversation to “Journey”"
    summary = await chat.summary(bob, group)
    assert (summary.name, summary.unread_count, summary.last_message) == (
        "Journey",
        0,
        (await chat.history(group))[-1],
    )
    assert await chat.inbox_version(bob) == 1
    (away,) = await chat.append(change(group, ann, name=None))
    assert away.commits[0].message.system == SystemEvent(kind="renamed", actor_id=ann, name=None)
    assert (await chat.summary(bob, group)).name is None


async def test_picture_and_own_fields_are_a_system_message_too(chat: Chat) -> None:
    """`updated`, with what changed and nothing else; with a new name all of it is one `renamed`."""
    ann = await chat.user("A")
    group = await chat.group(ann, name="Trip", custom={"a": 1})
    picture: dict[str, Any] = {"avatar_url": "/p.png"}
    fields: dict[str, Any] = {"custom": {"b": [True, {"c": "안녕"}]}}
    (one,) = await chat.append(change(group, ann, name="Trip", **picture))
    assert one.commits[0].message.system == SystemEvent(kind="updated", actor_id=ann, avatar_url="/p.png")
    assert one.commits[0].message.content == "A changed the conversation"
    (two,) = await chat.append(change(group, ann, name="Journey", **picture, **fields))
    told = SystemEvent(kind="renamed", actor_id=ann, name="Journey", custom=fields["custom"])
    assert two.commits[0].message.system == told
    assert (await chat.history(group))[-1].system == told
    summary = await chat.summary(ann, group)
    assert (summary.name, summary.avatar_url, summary.custom) == ("Journey", "/p.png", fields["custom"])
    await chat.append(change(group, ann, avatar_url=None, custom={}))
    summary = await chat.summary(ann, group)
    assert (summary.name, summary.avatar_url, summary.custom) == ("Journey", None, {})


@pytest.mark.parametrize(
    "values",
    [{}, {"name": "Trip"}, {"avatar_url": None}, {"custom": {"a": 1}}, {"name": "Trip", "custom": {"a": 1}}],
)
async def test_what_is_so_already_takes_no_version(chat: Chat, values: dict[str, Any]) -> None:
    """STORED without commits."""
    ann = await chat.user()
    group = await chat.group(ann, name="Trip", custom={"a": 1})
    (verdict,) = await chat.append(change(group, ann, **values))
    assert (verdict.outcome, verdict.commits) == (Outcome.STORED, ())
    assert (await chat.store.log.heads([group]))[group].version == 1


async def test_owners_and_admins_change_a_group(chat: Chat) -> None:
    """Members do not, strangers see nothing, and a direct conversation has no name."""
    ann, bob, cem, eve = await chat.users(4)
    group = await chat.group(ann, bob, cem)
    direct = await chat.group(ann, bob, type="direct")
    await chat.append(role(group, ann, bob, "admin"))
    verdicts = await chat.append(
        change(group, bob, name="by an admin"),
        change(group, cem, name="by a member"),
        change(group, eve, name="by a stranger"),
        change(new_id(), ann, name="nowhere"),
        change(direct, ann, name="pair"),
    )
    assert outcomes(verdicts) == [
        Outcome.STORED,
        Outcome.FORBIDDEN,
        Outcome.NOT_A_MEMBER,
        Outcome.NOT_A_MEMBER,
        Outcome.FORBIDDEN,
    ]


@pytest.mark.parametrize("values", [{"name": "half \udc00"}, {"custom": {"a": ["\x00"]}}, {"custom": {"\udfff": 1}}])
async def test_text_no_store_takes_is_invalid(chat: Chat, values: dict[str, Any]) -> None:
    """In a name and anywhere in the own fields, of a change and of a creation."""
    ann = await chat.user()
    group = await chat.group(ann)
    verdicts = await chat.append(change(group, ann, **values), creation(ann, **values), message(group, ann))
    assert outcomes(verdicts) == [Outcome.INVALID, Outcome.INVALID, Outcome.STORED]


async def test_the_owner_makes_and_unmakes_admins(chat: Chat) -> None:
    """`role_changed` with who and what; only the list of whose role it is changes."""
    ann, bob, cem = await chat.users(3)
    group = await chat.group(ann, bob, cem)
    (verdict,) = await chat.append(role(group, ann, bob, "admin"))
    (commit,) = verdict.commits
    assert commit.message.system == SystemEvent(kind="role_changed", actor_id=ann, user_ids=[bob], role="admin")
    assert commit.message.content == "A changed the role of B"
    assert (await chat.summary(bob, group)).me.role == "admin"
    assert [await chat.inbox_version(person) for person in (ann, bob, cem)] == [1, 2, 1]
    (again,) = await chat.append(role(group, ann, bob, "admin"))
    assert (again.outcome, again.commits) == (Outcome.STORED, ())
    await chat.append(role(group, ann, bob, "member"))
    assert (await chat.summary(bob, group)).me.role == "member"


async def test_who_may_not_change_roles(chat: Chat) -> None:
    """Admins, members, strangers; nobody their own; nobody in a direct conversation; and not of who is no member."""
    ann, bob, cem, eve = await chat.users(4)
    group = await chat.group(ann, bob, cem)
    direct = await chat.group(ann, bob, type="direct")
    await chat.append(role(group, ann, bob, "admin"))
    verdicts = await chat.append(
        role(group, bob, cem, "admin"),
        role(group, bob, bob, "owner"),
        role(group, cem, cem, "admin"),
        role(group, ann, ann, "member"),
        role(direct, ann, bob, "admin"),
        role(group, eve, cem, "admin"),
        role(group, ann, eve, "admin"),
        role(group, ann, new_id(), "admin"),
    )
    assert outcomes(verdicts) == [
        *[Outcome.FORBIDDEN] * 5,
        Outcome.NOT_A_MEMBER,
        Outcome.INVALID,
        Outcome.INVALID,
    ]
    assert (await chat.store.log.heads([group]))[group].version == 2


async def test_ownership_is_passed_on_in_one_transaction(chat: Chat) -> None:
    """Two versions: the new owner, then the old one as an admin; a retry is a duplicate."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    entry = role(group, ann, bob, "owner")
    first, again, other = await chat.append(entry, entry, role(group, ann, bob, "owner"))
    assert outcomes([first, again, other]) == [Outcome.STORED, Outcome.DUPLICATE, Outcome.FORBIDDEN]
    assert [commit.message.system for commit in first.commits] == [
        SystemEvent(kind="role_changed", actor_id=ann, user_ids=[bob], role="owner"),
        SystemEvent(kind="role_changed", actor_id=ann, user_ids=[ann], role="admin"),
    ]
    assert [(commit.message.seq, commit.message.version) for commit in first.commits] == [(2, 2), (3, 3)]
    assert ((await chat.summary(ann, group)).me.role, (await chat.summary(bob, group)).me.role) == ("admin", "owner")
    assert [await chat.inbox_version(person) for person in (ann, bob)] == [2, 2]


async def test_admins_rank_between(chat: Chat) -> None:
    """An admin removes members, neither the owner nor another admin, and inherits before longer-standing members."""
    ann, bob, cem, dan, eve = await chat.users(5)
    group = await chat.group(ann, bob, cem, dan, eve)
    await chat.append(role(group, ann, cem, "admin"), role(group, ann, dan, "admin"))
    verdicts = await chat.append(removal(group, cem, ann), removal(group, cem, dan), removal(group, cem, eve))
    assert outcomes(verdicts) == [Outcome.FORBIDDEN, Outcome.FORBIDDEN, Outcome.STORED]
    (verdict,) = await chat.append(removal(group, ann, ann))
    assert [commit.message.content for commit in verdict.commits] == ["A left", "C is the owner now"]


async def test_a_group_ends_for_everybody(chat: Chat) -> None:
    """One last version that names all as removed; nobody is a member, reads, writes or lists it, and it cannot end twice."""
    ann, bob, cem = await chat.users(3)
    group = await chat.group(ann, bob, cem)
    sent = await chat.send(group, bob)
    (verdict,) = await chat.append(ending(group, ann))
    (commit,) = verdict.commits
    assert commit.message.system == SystemEvent(kind="ended", actor_id=ann)
    assert (sorted(commit.removed), commit.removed_reason, commit.message.version) == (
        sorted([ann, bob, cem]),
        "ended",
        3,
    )
    for person in (ann, bob, cem):
        assert await chat.store.conversations.summaries(person, [group]) == []
        assert await chat.store.conversations.member(group, person) is None
        assert (await chat.store.conversations.inbox(person, limit=9)).summaries == []
        assert await chat.inbox_version(person) == 2
    assert (await chat.store.log.heads([group]))[group].member_count == 0
    assert await chat.store.conversations.members(group, limit=9) == []
    verdicts = await chat.append(
        message(group, ann), addition(group, ann, bob), ending(group, ann), message(group, bob, id=sent.id)
    )
    assert outcomes(verdicts) == [Outcome.NOT_A_MEMBER] * 3 + [Outcome.DUPLICATE]


async def test_only_the_owner_ends_a_group(chat: Chat) -> None:
    """And nobody a direct conversation; a retry finds it ended."""
    ann, bob, eve = await chat.users(3)
    group = await chat.group(ann, bob)
    direct = await chat.group(ann, bob, type="direct")
    await chat.append(role(group, ann, bob, "admin"))
    entry = ending(group, ann)
    verdicts = await chat.append(ending(group, bob), ending(direct, ann), ending(group, eve), entry, entry)
    assert outcomes(verdicts) == [
        Outcome.FORBIDDEN,
        Outcome.FORBIDDEN,
        Outcome.NOT_A_MEMBER,
        Outcome.STORED,
        Outcome.DUPLICATE,
    ]


async def test_retried_changes_are_duplicates(chat: Chat) -> None:
    """By the entry's id; with anything else in it the id is taken."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    renaming, promotion = change(group, ann, name="x"), role(group, ann, bob, "admin")
    verdicts = await chat.append(
        renaming,
        renaming,
        change(group, ann, name="y", entry_id=renaming.entry_id),
        promotion,
        promotion,
        role(group, ann, bob, "member", entry_id=promotion.entry_id),
        ending(group, ann, entry_id=promotion.entry_id),
    )
    assert outcomes(verdicts) == [
        Outcome.STORED,
        Outcome.DUPLICATE,
        Outcome.CONFLICT,
        Outcome.STORED,
        Outcome.DUPLICATE,
        Outcome.CONFLICT,
        Outcome.CONFLICT,
    ]


async def test_a_key_is_shown_and_free_again_after_the_end(chat: Chat) -> None:
    """While the group lives the second creation finds it."""
    ann, bob = await chat.users(2)
    first, second = (creation(ann, bob, unique_key="key:k", key="k", custom={"a": 1}) for _ in range(2))
    made, found = await chat.append(first, second)
    assert (made.outcome, found.outcome, found.conversation_id) == (
        Outcome.STORED,
        Outcome.DUPLICATE,
        first.conversation_id,
    )
    summary = await chat.summary(bob, first.conversation_id)
    assert (summary.key, summary.custom) == ("k", {"a": 1})
    await chat.append(ending(first.conversation_id, ann))
    assert outcomes(await chat.append(second)) == [Outcome.STORED]
