"""The port `Members`: one's own settings, and who has read or reacted."""

import pytest

from madang.ids import new_id
from madang.ports.members import SettingsChange
from tests.conformance.chat import Chat, addition, reaction, removal


async def test_settings_start_as_nobody_has_touched_them(chat: Chat) -> None:
    """Notifications on, nothing else."""
    ann = await chat.user()
    me = (await chat.summary(ann, await chat.group(ann))).me
    assert (me.notification_enabled, me.muted_until, me.pinned_at, me.marked_unread) == (True, None, None, False)


async def test_settings_are_one_persons_own(chat: Chat) -> None:
    """What is named changes, the rest stays; the number of that person's list rises, and no version."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    members = chat.store.members
    first = SettingsChange(notification_enabled=False, muted_until=86_400_000, pinned=True)
    assert await members.change_settings(group, ann, first, 5_000) is True
    assert await members.change_settings(group, ann, SettingsChange(marked_unread=True), 6_000) is True
    me = (await chat.summary(ann, group)).me
    assert (me.notification_enabled, me.muted_until) == (False, "1970-01-02T00:00:00.000Z")
    assert (me.pinned_at, me.marked_unread) == ("1970-01-01T00:00:05.000Z", True)
    other = (await chat.summary(bob, group)).me
    assert (other.notification_enabled, other.pinned_at, other.marked_unread) == (True, None, False)
    assert [await chat.inbox_version(person) for person in (ann, bob)] == [3, 1]
    assert (await chat.store.log.heads([group]))[group].version == 1
    undo = SettingsChange(notification_enabled=True, muted_until=None, pinned=False, marked_unread=False)
    assert await members.change_settings(group, ann, undo, 7_000) is True
    me = (await chat.summary(ann, group)).me
    assert (me.notification_enabled, me.muted_until, me.pinned_at, me.marked_unread) == (True, None, None, False)


@pytest.mark.parametrize(
    "change", [SettingsChange(), SettingsChange(pinned=True), SettingsChange(notification_enabled=True)]
)
async def test_settings_that_are_so_already_change_nothing(chat: Chat, change: SettingsChange) -> None:
    """The list's number stays, and so does the time of pinning."""
    ann = await chat.user()
    group = await chat.group(ann)
    await chat.store.members.change_settings(group, ann, SettingsChange(pinned=True), 5_000)
    before = await chat.summary(ann, group)
    assert await chat.store.members.change_settings(group, ann, change, 9_000) is False
    assert await chat.summary(ann, group) == before
    assert await chat.inbox_version(ann) == 2


async def test_settings_are_for_members_now(chat: Chat) -> None:
    """None for strangers, for who has left, and where there is no conversation; who comes back starts anew."""
    ann, bob, eve = await chat.users(3)
    group = await chat.group(ann, bob)
    mute = SettingsChange(notification_enabled=False, pinned=True, marked_unread=True, muted_until=9)
    assert await chat.store.members.change_settings(group, bob, mute, 1) is True
    await chat.append(removal(group, bob, bob))
    for where, who in ((group, bob), (group, eve), (new_id(), ann)):
        assert await chat.store.members.change_settings(where, who, mute, 1) is None
    await chat.append(addition(group, ann, bob))
    me = (await chat.summary(bob, group)).me
    assert (me.notification_enabled, me.muted_until, me.pinned_at, me.marked_unread) == (True, None, None, False)


async def test_reading_and_sending_take_back_marked_unread(chat: Chat) -> None:
    """Reading even at the head, which then counts as moved; sending unless it keeps unread."""
    ann = await chat.user()
    group = await chat.group(ann)
    flag = SettingsChange(marked_unread=True)
    await chat.store.members.change_settings(group, ann, flag, 1)
    assert (await chat.read(group, ann)).moved
    assert not (await chat.read(group, ann)).moved
    assert not (await chat.summary(ann, group)).me.marked_unread
    await chat.store.members.change_settings(group, ann, flag, 1)
    await chat.send(group, ann, keep_unread=True)
    assert (await chat.summary(ann, group)).me.marked_unread
    await chat.send(group, ann)
    assert not (await chat.summary(ann, group)).me.marked_unread


async def test_readers_have_their_mark_at_the_message(chat: Chat) -> None:
    """Or above; not its sender, not who joined later, not who has left; by user id, a page at a time."""
    ann, bob, cem, dan, late = await chat.users(5)
    group = await chat.group(ann, bob, cem, dan)
    sent = await chat.send(group, ann)
    readers = chat.store.members.readers
    assert await readers(group, sent.seq, sender_id=ann, limit=9) == []
    await chat.append(addition(group, ann, late))
    for person in (bob, dan, late):
        await chat.read(group, person)
    await chat.read(group, cem, sent.seq)
    found = [user.id for user in await readers(group, sent.seq, sender_id=ann, limit=9)]
    assert found == sorted([bob, cem, dan])
    assert [u.id for u in await readers(group, sent.seq, sender_id=None, limit=9)] == sorted([ann, bob, cem, dan])
    page = [user.id for user in await readers(group, sent.seq, sender_id=ann, limit=2)]
    rest = [user.id for user in await readers(group, sent.seq, sender_id=ann, limit=2, after=page[-1])]
    assert page + rest == found
    await chat.append(removal(group, bob, bob))
    assert bob not in [user.id for user in await readers(group, sent.seq, sender_id=ann, limit=9)]
    assert await readers(new_id(), 1, sender_id=None, limit=9) == []


async def test_reactors_are_those_of_one_emoji(chat: Chat) -> None:
    """By user id, a page at a time; those who left too."""
    people = await chat.users(4)
    group = await chat.group(*people)
    sent, other = [await chat.send(group, people[0]) for _ in range(2)]
    await chat.append(*(reaction(group, person, sent.id, "👍") for person in people))
    await chat.append(reaction(group, people[0], sent.id, "🎉"), reaction(group, people[0], other.id, "🎉"))
    await chat.append(removal(group, people[1], people[1]))
    reactors = chat.store.members.reactors
    assert [u.id for u in await reactors(group, sent.id, "👍", limit=9)] == sorted(people)
    page = [user.id for user in await reactors(group, sent.id, "👍", limit=3)]
    assert page == sorted(people)[:3]
    assert [u.id for u in await reactors(group, sent.id, "👍", limit=3, after=page[-1])] == sorted(people)[3:]
    assert [user.id for user in await reactors(group, sent.id, "🎉", limit=9)] == people[:1]
    assert await reactors(group, sent.id, "😀", limit=9) == await reactors(group, new_id(), "👍", limit=9) == []
