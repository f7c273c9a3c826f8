"""The port `ConversationLog`: read marks, and the unread number that follows from them."""

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from madang.contract.shapes import Message
from madang.ids import new_id
from madang.ports.log import Mark, Outcome
from tests.conformance.chat import Chat, addition, edit, message, reaction, removal


async def unread_by_counting(chat: Chat, user_id: str, conversation_id: str) -> int:
    """Messages of others after the mark that count, one by one."""
    me = (await chat.summary(user_id, conversation_id)).me

    def counts(entry: Message) -> bool:
        return entry.type != "system" and entry.silent is not True and entry.sender_id != user_id

    return sum(counts(entry) and entry.seq > me.last_read_seq for entry in await chat.history(conversation_id))


async def test_a_mark_moves_forward_and_never_back(chat: Chat) -> None:
    """Each call says where the mark stands; only a move changes the list's number and the time."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    for number in range(5):
        await chat.send(group, ann, str(number))
    moved = await chat.read(group, bob, 4)
    assert (moved.outcome, moved.moved, moved.last_read_seq, moved.last_read_at) == (Outcome.STORED, True, 4, chat.now)
    assert (moved.unread_count, moved.member_count) == (2, 2)
    then = chat.now
    for seq in (4, 2, 0, -7):
        stays = await chat.read(group, bob, seq)
        assert (stays.outcome, stays.moved, stays.last_read_seq) == (Outcome.STORED, False, 4)
        assert (stays.last_read_at, stays.unread_count) == (then, 2)
    assert await chat.inbox_version(bob) == 2
    head = await chat.read(group, bob)
    assert (head.moved, head.last_read_seq, head.unread_count) == (True, 6, 0)
    assert await chat.inbox_version(bob) == 3
    assert await chat.inbox_version(ann) == 1


async def test_a_mark_above_the_head_is_invalid(chat: Chat) -> None:
    """And moves nothing."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    await chat.send(group, ann)
    for seq in (3, 10**30):
        assert (await chat.read(group, bob, seq)).outcome is Outcome.INVALID
    assert (await chat.summary(bob, group)).me.last_read_seq == 1


async def test_only_members_have_marks(chat: Chat) -> None:
    """A stranger, somebody who left, and an unknown conversation are answered alike."""
    ann, bob, eve = await chat.users(3)
    group = await chat.group(ann, bob)
    await chat.append(removal(group, bob, bob))
    for user, where in ((eve, group), (bob, group), (ann, new_id())):
        assert (await chat.read(where, user)).outcome is Outcome.NOT_A_MEMBER


async def test_marks_of_a_batch_are_decided_in_order(chat: Chat) -> None:
    """Several of one person, of several people, good and bad, each with its own verdict."""
    ann, bob = await chat.users(2)
    group, other = await chat.group(ann, bob), await chat.group(bob)
    for number in range(4):
        await chat.send(group, ann, str(number))
    marks = [(group, bob, 3), (group, bob, 9), (group, bob, 2), (other, ann, 1), (group, bob, None), (group, ann, 1)]
    verdicts = await chat.store.log.mark(
        [Mark(conversation_id=where, user_id=user, seq=seq) for where, user, seq in marks], 77_000
    )
    assert [(v.outcome, v.moved, v.last_read_seq) for v in verdicts] == [
        (Outcome.STORED, True, 3),
        (Outcome.INVALID, False, 0),
        (Outcome.STORED, False, 3),
        (Outcome.NOT_A_MEMBER, False, 0),
        (Outcome.STORED, True, 5),
        (Outcome.STORED, False, 5),
    ]
    assert verdicts[4].last_read_at == 77_000


async def test_sending_moves_the_senders_mark(chat: Chat) -> None:
    """To the message, in the same transaction, without touching the number of the list."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    await chat.send(group, ann, "one")
    await chat.send(group, bob, "two")
    me = (await chat.summary(bob, group)).me
    assert (me.last_read_seq, me.unread_count) == (3, 0)
    assert (await chat.summary(ann, group)).unread_count == 1
    assert await chat.inbox_version(bob) == 1


async def test_keeping_unread_leaves_the_mark_and_counts_only_others(chat: Chat) -> None:
    """Own messages are never unread, wherever the mark stands."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    await chat.send(group, ann, "unread")
    await chat.append(message(group, bob, "mine", keep_unread=True), message(group, bob, "too", keep_unread=True))
    me = (await chat.summary(bob, group)).me
    assert (me.last_read_seq, me.unread_count) == (1, 1)
    await chat.append(message(group, ann, "more"), message(group, bob, "quiet", keep_unread=True, silent=True))
    assert (await chat.summary(bob, group)).unread_count == 2
    await chat.send(group, bob, "read now")
    assert (await chat.summary(bob, group)).unread_count == 0


async def test_a_message_says_that_its_senders_mark_stayed(chat: Chat) -> None:
    """By every path, and after every change; a message that moved the mark says nothing, and a retry repeats the first."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    moving, entry = message(group, bob, "read"), message(group, bob, "later", keep_unread=True)
    verdicts = await chat.append(moving, entry, replace(entry, keep_unread=False), replace(moving, keep_unread=True))
    assert [verdict.message and verdict.message.keep_unread for verdict in verdicts] == [UNSET, True, True, UNSET]
    later = [
        *verdicts,
        *await chat.append(entry, edit(group, bob, entry.id, "soon"), reaction(group, ann, entry.id, "👍")),
    ]
    told = [commit.message for verdict in later for commit in verdict.commits]
    slice_, one = await chat.store.log.since(group, 0, 9), await chat.store.log.message(group, entry.id, 1)
    missed = await chat.store.sync.missed(ann, group, 1, rows=9, page_rows=9)
    assert slice_ is not None
    assert one is not None
    assert missed is not None
    for shown in (told, await chat.history(group), slice_.messages, missed.messages, [one]):
        assert {each.id: each.keep_unread for each in shown if each.id != moving.id and each.sender_id} == {
            entry.id: True
        }
        assert all(each.keep_unread is UNSET for each in shown if each.id == moving.id)
    last = (await chat.summary(ann, group)).last_message
    assert last is not None
    assert last.keep_unread is True


async def test_keeping_and_moving_in_one_batch(chat: Chat) -> None:
    """The mark goes to the last send that moves it, and only what was kept unread after that one is subtracted."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    await chat.append(
        message(group, bob, "1", keep_unread=True),
        message(group, ann, "2"),
        message(group, bob, "3"),
        message(group, bob, "4", keep_unread=True),
        message(group, ann, "5"),
    )
    me = (await chat.summary(bob, group)).me
    assert (me.last_read_seq, me.unread_count) == (4, 1)
    await chat.send(group, bob, "6", keep_unread=True)
    await chat.send(group, ann, "7")
    assert (await chat.summary(bob, group)).unread_count == 2 == await unread_by_counting(chat, bob, group)


async def test_silent_messages_are_not_unread(chat: Chat) -> None:
    """They are in the log, and no number rises."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    await chat.send(group, ann, "psst", silent=True)
    assert (await chat.summary(bob, group)).unread_count == 0
    await chat.send(group, ann, "hey")
    assert (await chat.summary(bob, group)).unread_count == 1


@pytest.mark.parametrize("target", range(1, 15))
async def test_a_mark_in_the_middle_counts_what_is_left(chat: Chat, target: int) -> None:
    """Wherever the mark lands among own and others' messages, arithmetic equals counting."""
    ann, bob, cem = await chat.users(3)
    group = await chat.group(ann, bob)
    for number in range(12):
        sender = bob if number % 3 == 0 else ann
        await chat.append(message(group, sender, str(number), keep_unread=True, silent=number % 4 == 1))
    await chat.append(addition(group, ann, cem))
    assert (await chat.summary(bob, group)).unread_count == await unread_by_counting(chat, bob, group)
    verdict = await chat.read(group, bob, target)
    assert verdict.unread_count == await unread_by_counting(chat, bob, group)
    assert (await chat.summary(bob, group)).unread_count == verdict.unread_count
    await chat.append(message(group, bob, "mine", keep_unread=True), message(group, ann, "more"))
    assert (await chat.summary(bob, group)).unread_count == verdict.unread_count + 1


async def test_others_see_how_far_somebody_has_read(chat: Chat) -> None:
    """The mark stands in the list of members."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    await chat.send(group, ann)
    await chat.read(group, bob)
    marks = {m.user.id: m.last_read_seq for m in await chat.store.conversations.members(group, limit=5)}
    assert marks == {ann: 2, bob: 2}
    member = await chat.store.conversations.member(group, bob)
    assert member is not None
    assert member.last_read_seq == 2
