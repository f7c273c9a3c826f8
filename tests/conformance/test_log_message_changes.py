"""The port `ConversationLog`: messages edited, deleted and reacted to."""

import pytest
from msgspec import UNSET

from madang.contract.limits import LIMITS
from madang.contract.server_events import ReactionChanged
from madang.contract.shapes import Attachment, Quote, Reaction
from madang.ids import new_id
from madang.ports.log import Outcome
from tests.conformance.chat import Chat, addition, deletion, edit, message, outcomes, reaction, removal, role, seqs

HEART, THUMB = "❤\ufe0f", "👍"


async def test_an_edit_is_one_version_about_the_same_message(chat: Chat) -> None:
    """`message:updated` with the new content; number, place, time and what is unread stay."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    first = await chat.send(group, ann, "helo", mentions=[bob])
    await chat.send(group, ann, "there")
    (verdict,) = await chat.append(edit(group, ann, first.id, "hello"), now=90_000)
    (commit,) = verdict.commits
    assert (verdict.outcome, commit.event, verdict.message) == (Outcome.STORED, "message:updated", commit.message)
    assert (commit.message.seq, commit.message.version, commit.message.content) == (2, 4, "hello")
    assert (commit.message.epoch, commit.message.edited_at) == (chat.store.epoch, "1970-01-01T00:01:30.000Z")
    assert (commit.message.created_at, commit.message.mentions) == (first.created_at, [bob])
    assert (commit.reaction, commit.added, commit.removed) == (None, (), ())
    head = (await chat.store.log.heads([group]))[group]
    assert (head.seq, head.version) == (3, 4)
    changed = await chat.store.log.since(group, 3, 9)
    assert changed is not None
    assert changed.messages == [commit.message]
    summary = await chat.summary(bob, group)
    assert (summary.unread_count, summary.version, summary.last_seq) == (2, 4, 3)


async def test_the_same_content_is_no_edit(chat: Chat) -> None:
    """STORED without commits, with the message as it is now; so a retry is safe."""
    ann = await chat.user()
    group = await chat.group(ann)
    sent = await chat.send(group, ann, "helo")
    verdicts = await chat.append(edit(group, ann, sent.id, "hello"), edit(group, ann, sent.id, "hello"))
    assert outcomes(verdicts) == [Outcome.STORED, Outcome.STORED]
    assert [len(verdict.commits) for verdict in verdicts] == [1, 0]
    assert verdicts[0].message == verdicts[1].message
    assert (await chat.store.log.heads([group]))[group].version == 3


async def test_a_retry_of_the_send_finds_the_edited_message(chat: Chat) -> None:
    """The body that identifies a send is the original one."""
    ann = await chat.user()
    group = await chat.group(ann)
    entry = message(group, ann, "helo")
    await chat.append(entry, edit(group, ann, entry.id, "hello"))
    (again, other) = await chat.append(entry, message(group, ann, "hello", id=entry.id))
    assert (again.outcome, other.outcome) == (Outcome.DUPLICATE, Outcome.CONFLICT)
    assert again.message is not None
    assert again.message.content == "hello"


async def test_edits_see_what_stands_before_them_in_the_batch(chat: Chat) -> None:
    """Sends and changes of one call are decided in their order."""
    ann = await chat.user()
    group = await chat.group(ann)
    first, second = message(group, ann, "a"), message(group, ann, "b")
    verdicts = await chat.append(
        edit(group, ann, first.id, "too early"), first, edit(group, ann, first.id, "A"), second
    )
    assert outcomes(verdicts) == [Outcome.NOT_FOUND, Outcome.STORED, Outcome.STORED, Outcome.STORED]
    assert [(m.seq, m.version, m.content) for m in await chat.history(group)][1:] == [(2, 3, "A"), (3, 4, "b")]


async def test_only_the_sender_edits(chat: Chat) -> None:
    """Not even the owner; and nobody a system message."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    sent = await chat.send(group, bob)
    created = (await chat.history(group))[0]
    verdicts = await chat.append(edit(group, ann, sent.id, "x"), edit(group, ann, created.id, "x"))
    assert outcomes(verdicts) == [Outcome.FORBIDDEN] * 2
    assert (await chat.store.log.heads([group]))[group].version == 2


async def test_an_edit_may_not_empty_a_message(chat: Chat) -> None:
    """Unless a file remains."""
    ann = await chat.user()
    group = await chat.group(ann)
    file = Attachment(id=new_id(), kind="image", name="a", size=1, mime_type="image/png", url="/f")
    text = await chat.send(group, ann, "text")
    picture = await chat.send(group, ann, "caption", attachments=[file])
    verdicts = await chat.append(edit(group, ann, text.id, " "), edit(group, ann, picture.id, ""))
    assert outcomes(verdicts) == [Outcome.INVALID, Outcome.STORED]
    assert [m.content for m in await chat.history(group)][1:] == ["text", ""]


@pytest.mark.parametrize("kind", ["edit", "delete"])
async def test_a_window_is_from_when_the_message_was_made(chat: Chat, kind: str) -> None:
    """At its edge it may, one millisecond later it may not; what changes nothing is answered at any age."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    old, new = message(group, bob, "old"), message(group, bob, "new")
    await chat.append(old, now=50_000)
    await chat.append(new, now=60_000)
    make = (
        (lambda m: edit(group, bob, m, "x", 60_000)) if kind == "edit" else (lambda m: deletion(group, bob, m, 60_000))
    )
    verdicts = await chat.append(make(old.id), make(new.id), edit(group, bob, old.id, "old", 60_000))
    assert outcomes(verdicts) == [Outcome.FORBIDDEN, Outcome.STORED, Outcome.STORED]
    assert verdicts[2].commits == ()


async def test_a_deleted_message_is_a_tombstone(chat: Chat) -> None:
    """Nothing of what it said remains, in history, slices and lists; seq, sender and the count of unread do."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    file = Attachment(id=new_id(), kind="image", name="a", size=1, mime_type="image/png", url="/f")
    sent = await chat.send(group, ann, "secret", attachments=[file], mentions=[bob])
    await chat.append(edit(group, ann, sent.id, "secret 2"), reaction(group, bob, sent.id, THUMB))
    (verdict,) = await chat.append(deletion(group, ann, sent.id), now=90_000)
    (commit,) = verdict.commits
    gone = commit.message
    assert (commit.event, verdict.message) == ("message:deleted", gone)
    assert (gone.content, gone.attachments, gone.reactions, gone.mentions) == ("", [], [], [])
    assert (gone.seq, gone.version, gone.sender_id, gone.deleted_at) == (2, 5, ann, "1970-01-01T00:01:30.000Z")
    assert "secret" not in str(await chat.history(group))
    summary = await chat.summary(bob, group)
    assert summary.last_message is not None
    assert (summary.last_message.deleted_at, summary.unread_count) == (gone.deleted_at, 1)
    assert await chat.store.members.reactors(group, sent.id, THUMB, limit=9) == []
    (again,) = await chat.append(message(group, ann, "secret", id=sent.id, attachments=[file], mentions=[bob]))
    assert (again.outcome, again.message) == (Outcome.DUPLICATE, gone)


async def test_deleting_twice_changes_nothing(chat: Chat) -> None:
    """By whom ever may; the answer is the tombstone."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    sent = await chat.send(group, bob)
    first, second, third = await chat.append(*(deletion(group, who, sent.id) for who in (bob, bob, ann)))
    assert [len(verdict.commits) for verdict in (first, second, third)] == [1, 0, 0]
    assert first.message == second.message == third.message


async def test_who_may_delete(chat: Chat) -> None:
    """The sender one's own; owners and admins of a group anybody's, at any age; nobody a system message."""
    ann, bob, cem = await chat.users(3)
    group = await chat.group(ann, bob, cem)
    created = (await chat.history(group))[0]
    await chat.append(role(group, ann, bob, "admin"))
    by = {who: [await chat.send(group, who) for _ in range(2)] for who in (ann, bob, cem)}
    verdicts = await chat.append(
        deletion(group, cem, by[ann][0].id),
        deletion(group, cem, by[cem][0].id),
        deletion(group, bob, by[ann][0].id, 10**9),
        deletion(group, ann, by[cem][1].id, 10**9),
        deletion(group, ann, created.id),
    )
    assert outcomes(verdicts) == [
        Outcome.FORBIDDEN,
        Outcome.STORED,
        Outcome.STORED,
        Outcome.STORED,
        Outcome.FORBIDDEN,
    ]


async def test_in_a_direct_conversation_everybody_deletes_their_own(chat: Chat) -> None:
    """There is nobody to moderate."""
    ann, bob = await chat.users(2)
    direct = await chat.group(ann, bob, type="direct")
    sent = await chat.send(direct, ann)
    assert outcomes(await chat.append(deletion(direct, bob, sent.id), deletion(direct, ann, sent.id))) == [
        Outcome.FORBIDDEN,
        Outcome.STORED,
    ]


async def test_quotes_of_a_deleted_message_are_blank_everywhere(chat: Chat) -> None:
    """In what was written before and after, however it is read; an edit shows in them at once."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    sent = await chat.send(group, ann, "secret")
    await chat.send(group, bob, "what?", reply_to_id=sent.id)
    await chat.append(edit(group, ann, sent.id, "public"))
    quoted = (await chat.history(group))[-1].reply_to
    assert isinstance(quoted, Quote)
    assert quoted.content == "public"
    await chat.append(deletion(group, ann, sent.id))
    later = await chat.send(group, bob, "gone", reply_to_id=sent.id)
    slice_ = await chat.store.log.since(group, 0, 9)
    assert slice_ is not None
    shown = [*(await chat.history(group))[2:], *slice_.messages[-1:], later]
    shown += [m for m in [(await chat.summary(ann, group)).last_message] if m is not None]
    blank = Quote(id=sent.id, seq=2, sender_id=None, content="", type="text")
    assert [m.reply_to for m in shown] == [blank] * 5


async def test_a_deleted_message_stays_as_it_is(chat: Chat) -> None:
    """No edit and no reaction: CONFLICT. Taking back a reaction that is gone changes nothing."""
    ann = await chat.user()
    group = await chat.group(ann)
    sent = await chat.send(group, ann)
    await chat.append(reaction(group, ann, sent.id, HEART), deletion(group, ann, sent.id))
    verdicts = await chat.append(
        edit(group, ann, sent.id, "x"),
        reaction(group, ann, sent.id, HEART),
        reaction(group, ann, sent.id, HEART, remove=True),
    )
    assert outcomes(verdicts) == [Outcome.CONFLICT, Outcome.CONFLICT, Outcome.STORED]
    assert "deleted" in verdicts[0].reason
    assert verdicts[2].commits == ()


async def test_a_reaction_is_one_version_with_its_own_event(chat: Chat) -> None:
    """Who, what, how many now; the message carries the sum."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    sent = await chat.send(group, ann)
    await chat.append(reaction(group, ann, sent.id, HEART))
    (verdict,) = await chat.append(reaction(group, bob, sent.id, HEART))
    (commit,) = verdict.commits
    assert commit.event == "message:reaction"
    assert commit.reaction == ReactionChanged(
        conversation_id=group,
        message_id=sent.id,
        seq=2,
        version=4,
        epoch=chat.store.epoch,
        user_id=bob,
        emoji=HEART,
        removed=False,
        count=2,
    )
    assert verdict.message == commit.message
    assert commit.message.reactions == [Reaction(emoji=HEART, count=2, user_ids=[ann, bob])]
    assert (commit.message.version, commit.message.edited_at) == (4, None)
    (back,) = await chat.append(reaction(group, ann, sent.id, HEART, remove=True))
    told = back.commits[0].reaction
    assert told is not None
    assert (told.user_id, told.removed, told.count, told.version) == (ann, True, 1, 5)
    assert (await chat.history(group))[-1].reactions == [Reaction(emoji=HEART, count=1, user_ids=[bob])]
    assert (await chat.summary(bob, group)).unread_count == 1


async def test_reacting_again_changes_nothing(chat: Chat) -> None:
    """Nor does taking back what is not there."""
    ann = await chat.user()
    group = await chat.group(ann)
    sent = await chat.send(group, ann)
    verdicts = await chat.append(
        reaction(group, ann, sent.id, HEART),
        reaction(group, ann, sent.id, HEART),
        reaction(group, ann, sent.id, THUMB, remove=True),
        reaction(group, ann, sent.id, HEART, remove=True),
        reaction(group, ann, sent.id, HEART, remove=True),
    )
    assert outcomes(verdicts) == [Outcome.STORED] * 5
    assert [len(verdict.commits) for verdict in verdicts] == [1, 0, 0, 1, 0]
    assert (await chat.history(group))[-1].reactions == []
    assert (await chat.store.log.heads([group]))[group].version == 4


async def test_reactions_keep_the_order_in_which_they_came(chat: Chat) -> None:
    """Emojis and people; what was taken back and given again comes last."""
    people = await chat.users(3)
    group = await chat.group(*people)
    sent = await chat.send(group, people[0])
    await chat.append(*(reaction(group, who, sent.id, emoji) for emoji in (HEART, THUMB) for who in people[::-1]))
    first = (await chat.history(group))[-1].reactions
    assert [(r.emoji, r.user_ids) for r in first] == [(HEART, people[::-1]), (THUMB, people[::-1])]
    for remove in (True, False):
        await chat.append(reaction(group, people[2], sent.id, THUMB, remove=remove))
        await chat.append(*(reaction(group, who, sent.id, HEART, remove=remove) for who in people))
    later = (await chat.history(group))[-1].reactions
    assert [(r.emoji, r.user_ids) for r in later] == [(THUMB, [people[1], people[0], people[2]]), (HEART, people)]


async def test_a_reaction_stays_when_its_person_leaves(chat: Chat) -> None:
    """It is part of the message; they can no longer take it back."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    sent = await chat.send(group, ann)
    await chat.append(reaction(group, bob, sent.id, HEART), removal(group, bob, bob))
    assert (await chat.history(group))[1].reactions == [Reaction(emoji=HEART, count=1, user_ids=[bob])]
    verdicts = await chat.append(reaction(group, bob, sent.id, HEART, remove=True))
    assert outcomes(verdicts) == [Outcome.NOT_A_MEMBER]


async def test_so_many_emojis_fit_on_a_message(chat: Chat) -> None:
    """One more is TOO_LARGE; one that is there, or in a place that became free, is not."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    sent = await chat.send(group, ann)
    emojis = [chr(0x1F600 + number) for number in range(LIMITS.emojis + 1)]
    verdicts = await chat.append(*(reaction(group, ann, sent.id, emoji) for emoji in emojis))
    assert outcomes(verdicts) == [Outcome.STORED] * LIMITS.emojis + [Outcome.TOO_LARGE]
    again, taken, free = await chat.append(
        reaction(group, bob, sent.id, emojis[0]),
        reaction(group, ann, sent.id, emojis[1], remove=True),
        reaction(group, bob, sent.id, emojis[-1]),
    )
    assert outcomes([again, taken, free]) == [Outcome.STORED] * 3
    assert len((await chat.history(group))[-1].reactions) == LIMITS.emojis


@pytest.mark.parametrize(
    "make", [lambda g, u, m: edit(g, u, m, "x"), deletion, lambda g, u, m: reaction(g, u, m, THUMB)]
)
async def test_a_change_needs_a_member_and_a_message_they_see(chat: Chat, make: object) -> None:
    """A stranger gets NOT_A_MEMBER; an unknown message, one elsewhere and one from before joining NOT_FOUND."""
    ann, bob, eve = await chat.users(3)
    group, other = await chat.group(ann), await chat.group(ann, bob)
    hidden, elsewhere = await chat.send(group, ann), await chat.send(other, ann)
    await chat.append(addition(group, ann, bob))
    assert callable(make)
    verdicts = await chat.append(
        make(group, eve, hidden.id),
        make(new_id(), ann, hidden.id),
        make(group, bob, hidden.id),
        make(group, bob, elsewhere.id),
        make(group, bob, new_id()),
    )
    assert outcomes(verdicts) == [Outcome.NOT_A_MEMBER] * 2 + [Outcome.NOT_FOUND] * 3
    assert (await chat.store.log.heads([group]))[group].version == 3


async def test_system_messages_take_no_reactions(chat: Chat) -> None:
    """They are the log's own words."""
    ann = await chat.user()
    group = await chat.group(ann)
    (created,) = await chat.history(group)
    assert outcomes(await chat.append(reaction(group, ann, created.id, THUMB))) == [Outcome.FORBIDDEN]


async def test_the_answer_hides_a_quote_from_before_one_joined(chat: Chat) -> None:
    """The actor's own answer is blank where the others' event is not."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann)
    hidden = await chat.send(group, ann, "secret")
    await chat.append(addition(group, ann, bob))
    sent = await chat.send(group, ann, "about that", reply_to_id=hidden.id)
    (verdict,) = await chat.append(reaction(group, bob, sent.id, THUMB))
    assert verdict.message is not None
    assert isinstance(verdict.message.reply_to, Quote)
    assert verdict.message.reply_to.content == ""
    shared = verdict.commits[0].message.reply_to
    assert isinstance(shared, Quote)
    assert shared.content == "secret"
    (nothing,) = await chat.append(reaction(group, bob, sent.id, THUMB))
    assert nothing.message == verdict.message


async def test_changes_of_several_messages_come_in_version_order(chat: Chat) -> None:
    """`since` gives each message once, where it changed last."""
    ann = await chat.user()
    group = await chat.group(ann)
    first, second, third = [await chat.send(group, ann, str(number)) for number in range(3)]
    await chat.append(
        edit(group, ann, second.id, "b"), reaction(group, ann, first.id, THUMB), edit(group, ann, second.id, "B")
    )
    part = await chat.store.log.since(group, 3, 2)
    assert part is not None
    assert ([(m.id, m.version) for m in part.messages], part.more) == ([(third.id, 4), (first.id, 6)], True)
    assert part.head.version == 7
    assert seqs(await chat.history(group)) == [1, 2, 3, 4]


@pytest.mark.parametrize("content", ["half \udc00", "a \x00 in it"])
async def test_bad_text_spoils_only_its_own_change(chat: Chat, content: str) -> None:
    """INVALID, and the message stays as it was."""
    ann = await chat.user()
    group = await chat.group(ann)
    sent = await chat.send(group, ann, "fine")
    verdicts = await chat.append(edit(group, ann, sent.id, content), message(group, ann, "next"))
    assert outcomes(verdicts) == [Outcome.INVALID, Outcome.STORED]
    assert [m.content for m in await chat.history(group)][1:] == ["fine", "next"]


async def test_one_message_is_found_by_its_id(chat: Chat) -> None:
    """As a page shows it; not from before one joined, and not what does not exist."""
    ann = await chat.user()
    group = await chat.group(ann)
    sent = await chat.send(group, ann)
    assert await chat.store.log.message(group, sent.id, 2) == (await chat.history(group))[-1]
    assert await chat.store.log.message(group, sent.id, 3) is None
    assert await chat.store.log.message(group, new_id(), 1) is None
    assert await chat.store.log.message(new_id(), sent.id, 1) is None
    assert (await chat.history(group))[-1].epoch is UNSET
