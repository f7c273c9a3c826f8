"""The port `ConversationLog`: plain sends. What is stored, what is refused, and which number it takes."""

import asyncio

import pytest
from msgspec.structs import replace

from madang.contract.shapes import Attachment, Quote, Sender
from madang.ids import new_id
from madang.ports.log import Outcome
from tests.conformance.chat import Chat, addition, message, outcomes, reaction, removal, seqs


async def test_a_send_is_stored_and_told_in_full(chat: Chat) -> None:
    """The verdict and its one commit carry the message as everybody will see it."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    entry = message(group, ann, "first", mentions=[bob])
    (verdict,) = await chat.append(entry, now=50_000)
    (commit,) = verdict.commits
    assert verdict.outcome is Outcome.STORED
    assert verdict.message == commit.message
    assert commit.event == "message:new"
    assert (commit.added, commit.removed) == ((), ())
    assert commit.message.id == entry.id
    assert (commit.message.seq, commit.message.version) == (2, 2)
    assert commit.message.sender == Sender(id=ann, name="A")
    assert commit.message.content == "first"
    assert commit.message.mentions == [bob]
    assert commit.message.created_at == "1970-01-01T00:00:50.000Z"
    assert commit.message.epoch == chat.store.epoch


async def test_what_is_read_is_what_was_told(chat: Chat) -> None:
    """A page gives the same message as the commit, but for the epoch, which stands in the Summary."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    attachment = Attachment(
        id=new_id(), kind="image", name="사진.png", size=9, mime_type="image/png", url="/f", width=3
    )
    sent = [
        await chat.send(group, ann, "하나 🙂", mentions="all"),
        await chat.send(group, bob, "", type="image", attachments=[attachment]),
        await chat.send(group, ann, "quiet", silent=True),
    ]
    page = await chat.history(group)
    slice_ = await chat.store.log.since(group, 1, 10)
    assert slice_ is not None
    assert slice_.messages == sent
    assert [(m.id, m.content, m.mentions, m.attachments, m.silent) for m in page[1:]] == [
        (m.id, m.content, m.mentions, m.attachments, m.silent) for m in sent
    ]


async def test_numbers_are_dense_whatever_is_refused(chat: Chat) -> None:
    """Refused entries and duplicates take no number."""
    ann, bob, eve = await chat.users(3)
    group = await chat.group(ann, bob)
    first = message(group, ann, "one")
    verdicts = await chat.append(
        first,
        message(group, eve, "let me in"),
        first,
        message(group, bob, "two"),
        message(group, bob, "taken", id=first.id),
        message(group, ann, "reply", reply_to_id=new_id()),
        message(group, ann, "three"),
    )
    assert outcomes(verdicts) == [
        Outcome.STORED,
        Outcome.NOT_A_MEMBER,
        Outcome.DUPLICATE,
        Outcome.STORED,
        Outcome.CONFLICT,
        Outcome.INVALID,
        Outcome.STORED,
    ]
    assert seqs(await chat.history(group)) == [1, 2, 3, 4]
    head = (await chat.store.log.heads([group]))[group]
    assert (head.seq, head.version) == (4, 4)


async def test_each_conversation_keeps_its_own_order(chat: Chat) -> None:
    """A batch over several conversations numbers each by itself, in the order of the entries."""
    ann, bob = await chat.users(2)
    groups = [await chat.group(ann, bob) for _ in range(3)]
    entries = [message(groups[number % 3], (ann, bob)[number % 2], str(number)) for number in range(30)]
    await chat.append(*entries)
    for place, group in enumerate(groups):
        said = [m.content for m in await chat.history(group)][1:]
        assert said == [str(number) for number in range(30) if number % 3 == place]


async def test_a_retry_gets_the_first_result_as_it_is_now(chat: Chat) -> None:
    """Same id, sender and body: DUPLICATE with the stored message, with the sender's present name."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    entry = message(group, ann, "once")
    (stored,) = await chat.append(entry)
    await chat.send(group, bob)
    await chat.store.accounts.update(ann, name="Ann B.")
    (again,) = await chat.append(entry)
    assert again.outcome is Outcome.DUPLICATE
    assert again.commits == ()
    assert stored.message is not None
    assert again.message is not None
    assert (again.message.seq, again.message.created_at) == (stored.message.seq, stored.message.created_at)
    assert again.message.sender == Sender(id=ann, name="Ann B.")
    assert again.message.epoch == chat.store.epoch
    assert len(await chat.history(group)) == 3


@pytest.mark.parametrize("difference", ["content", "sender", "silent"])
async def test_an_id_belongs_to_one_body_and_sender(chat: Chat, difference: str) -> None:
    """The same id with anything else is a CONFLICT, and the first message stays as it was."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    entry = message(group, ann, "mine")
    await chat.append(entry)
    other = message(
        group,
        bob if difference == "sender" else ann,
        "other" if difference == "content" else "mine",
        id=entry.id,
        silent=difference == "silent",
    )
    (verdict,) = await chat.append(other)
    assert (verdict.outcome, verdict.message, verdict.commits) == (Outcome.CONFLICT, None, ())
    assert [m.content for m in await chat.history(group)][1:] == ["mine"]


async def test_the_same_id_lives_in_two_conversations(chat: Chat) -> None:
    """The key is conversation and id."""
    ann, bob = await chat.users(2)
    one, two = await chat.group(ann, bob), await chat.group(ann, bob)
    shared = new_id()
    verdicts = await chat.append(message(one, ann, "a", id=shared), message(two, bob, "b", id=shared))
    assert outcomes(verdicts) == [Outcome.STORED, Outcome.STORED]


async def test_the_duplicate_check_precedes_the_membership_check(chat: Chat) -> None:
    """Who was removed after sending still learns that the message was stored, but can send no other."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    entry = message(group, bob, "before I went")
    await chat.append(entry)
    await chat.append(removal(group, ann, bob))
    assert outcomes(await chat.append(entry, message(group, bob, "after"))) == [
        Outcome.DUPLICATE,
        Outcome.NOT_A_MEMBER,
    ]


@pytest.mark.parametrize("returns", [False, True], ids=["removed", "added again"])
async def test_a_retry_shows_only_what_its_sender_sees_now(chat: Chat, returns: bool) -> None:
    """Who was removed after replying, whether they came back or not, learns what they wrote: the quote is blank, and what
    others made of the message is not shown. In a batch with others, too.
    """
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    secret = await chat.send(group, ann, "secret")
    entry = message(group, bob, "about that", reply_to_id=secret.id)
    (stored,) = await chat.append(entry)
    await chat.append(removal(group, ann, bob), reaction(group, ann, entry.id, "👍"))
    if returns:
        await chat.append(addition(group, ann, bob))
    again, *_ = await chat.append(entry, message(group, ann, "go on"))
    assert (again.outcome, again.commits) == (Outcome.DUPLICATE, ())
    assert stored.message is not None
    assert again.message is not None
    assert (again.message.id, again.message.seq, again.message.content) == (entry.id, 3, "about that")
    assert again.message.reply_to == Quote(id=secret.id, seq=2, sender_id=None, content="", type="text")
    assert again.message.reactions == []
    assert "secret" in str((await chat.history(group))[2].reply_to)


async def test_a_retry_of_a_member_is_shown_in_full(chat: Chat) -> None:
    """A sender who still sees their message and what it quotes is shown both in full."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    question = await chat.send(group, ann, "question")
    entry = message(group, bob, "answer", reply_to_id=question.id)
    await chat.append(entry, reaction(group, ann, entry.id, "👍"))
    (again,) = await chat.append(entry)
    assert again.message == replace((await chat.history(group))[-1], epoch=chat.store.epoch)
    assert "question" in str(again.message)


async def test_a_system_entry_is_nobodys_message(chat: Chat) -> None:
    """The id of a membership change is a CONFLICT for a send, also of the one who made the change."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann)
    change = addition(group, ann, bob)
    await chat.append(change)
    (verdict,) = await chat.append(message(group, ann, id=change.entry_id))
    assert verdict.outcome is Outcome.CONFLICT


async def test_who_is_no_member_and_what_does_not_exist_look_alike(chat: Chat) -> None:
    """One answer for both, in every field."""
    ann, eve = await chat.users(2)
    group = await chat.group(ann)
    unknown = new_id()
    there, nowhere = await chat.append(message(group, eve), message(unknown, eve))
    assert (there.outcome, there.reason, there.message) == (Outcome.NOT_A_MEMBER, nowhere.reason, None)
    assert nowhere.outcome is Outcome.NOT_A_MEMBER
    assert (there.conversation_id, nowhere.conversation_id) == (group, unknown)


async def test_membership_is_seen_at_the_entry_not_before(chat: Chat) -> None:
    """In one batch: added in front of a send it counts, removed in front of a send it counts."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann)
    verdicts = await chat.append(
        message(group, bob, "too early"),
        addition(group, ann, bob),
        message(group, bob, "in time"),
        removal(group, ann, bob),
        message(group, bob, "too late"),
    )
    assert outcomes(verdicts) == [
        Outcome.NOT_A_MEMBER,
        Outcome.STORED,
        Outcome.STORED,
        Outcome.STORED,
        Outcome.NOT_A_MEMBER,
    ]
    assert seqs(await chat.history(group)) == [1, 2, 3, 4]


async def test_time_never_falls_within_a_conversation(chat: Chat) -> None:
    """A clock that goes back does not show, and another conversation is not held to this one's time."""
    ann, bob = await chat.users(2)
    one, two = await chat.group(ann, bob), await chat.group(ann, bob)
    await chat.append(message(one, ann), now=90_000)
    await chat.append(message(one, ann), message(two, ann), addition(one, ann, await chat.user()), now=20_000)
    assert [m.created_at[17:19] for m in await chat.history(one)][1:] == ["30", "30", "30"]
    assert (await chat.history(two))[-1].created_at == "1970-01-01T00:00:20.000Z"


async def test_a_reply_quotes_what_it_answers(chat: Chat) -> None:
    """The quote is filled at once, in the same batch too, and is cut to an excerpt."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    question = message(group, ann, "q" * 1_000)
    answer = message(group, bob, "answer", reply_to_id=question.id)
    *_, verdict = await chat.append(question, answer)
    assert verdict.message is not None
    quote = verdict.message.reply_to
    assert quote
    assert (quote.id, quote.seq, quote.sender_id, quote.type) == (question.id, 2, ann, "text")
    assert quote.content == "q" * 199 + "…"
    assert (await chat.history(group))[-1].reply_to == quote
    assert (await chat.summary(ann, group)).last_message == (await chat.history(group))[-1]


async def test_a_reply_must_be_to_something_its_sender_sees(chat: Chat) -> None:
    """Of another conversation, or from before one joined: INVALID, as if it did not exist."""
    ann, bob = await chat.users(2)
    group, other = await chat.group(ann), await chat.group(ann, bob)
    hidden = await chat.send(group, ann, "before Bob")
    elsewhere = await chat.send(other, ann, "elsewhere")
    await chat.append(addition(group, ann, bob))
    verdicts = await chat.append(
        message(group, bob, "?", reply_to_id=hidden.id),
        message(group, bob, "?", reply_to_id=elsewhere.id),
        message(group, bob, "?", reply_to_id=new_id()),
        message(group, ann, "!", reply_to_id=hidden.id),
    )
    assert outcomes(verdicts) == [Outcome.INVALID, Outcome.INVALID, Outcome.INVALID, Outcome.STORED]
    assert len({verdict.reason for verdict in verdicts[:3]}) == 1


async def test_a_quote_is_blank_for_who_may_not_see_it(chat: Chat) -> None:
    """Somebody who joined after the quoted message sees that it was a reply, and nothing of what was quoted."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann)
    hidden = await chat.send(group, ann, "secret")
    await chat.append(addition(group, ann, bob))
    await chat.send(group, ann, "about that", reply_to_id=hidden.id)
    for seen in ((await chat.history(group, 3))[-1], (await chat.summary(bob, group)).last_message):
        assert seen is not None
        assert seen.reply_to
        assert (seen.reply_to.content, seen.reply_to.sender_id) == ("", None)
    assert "secret" in str((await chat.history(group, 1))[-1].reply_to)


@pytest.mark.parametrize("content", ["half \ud83d of a pair", "a \x00 in it"])
async def test_bad_text_spoils_only_its_own_entry(chat: Chat, content: str) -> None:
    """What no database takes is INVALID; its neighbours are stored and it takes no number."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    entries = [message(group, ann, str(number)) for number in range(7)]
    entries[3] = message(group, ann, content)
    verdicts = await chat.append(*entries)
    assert outcomes(verdicts) == [Outcome.STORED] * 3 + [Outcome.INVALID] + [Outcome.STORED] * 3
    assert [m.content for m in await chat.history(group)][1:] == ["0", "1", "2", "4", "5", "6"]


async def test_bad_rows_spoil_only_their_own_entries(chat: Chat) -> None:
    """What only the store itself can refuse, wherever it stands in a batch, leaves the rest as if it were not there."""
    ann, bob = await chat.users(2)
    group, other = await chat.group(ann, bob), await chat.group(ann, bob)
    bad = {0, 5, 6, 12}
    entries = [message((group, other)[number % 2], ann, str(number)) for number in range(13)]
    for number in bad:
        entries[number] = message(entries[number].conversation_id, ann, str(number), type="system")
    verdicts = await chat.append(*entries)
    refused = {number for number, verdict in enumerate(verdicts) if verdict.outcome is Outcome.INVALID}
    assert refused == bad
    assert seqs(await chat.history(group)) == list(range(1, 6))
    assert seqs(await chat.history(other)) == list(range(1, 7))


async def test_an_empty_batch_is_nothing(chat: Chat) -> None:
    """No entries, no verdicts."""
    assert await chat.append() == []
    assert await chat.store.log.mark([], 1) == []


async def test_many_callers_at_once_are_all_served(chat: Chat) -> None:
    """Concurrent batches of one conversation: every verdict is STORED and the numbers are dense."""
    people = await chat.users(4)
    group = await chat.group(*people)
    batches = [
        [message(group, people[(batch + place) % 4], f"{batch}.{place}") for place in range(5)] for batch in range(20)
    ]
    verdicts = await asyncio.gather(
        *(chat.store.log.append(batch, 5_000 + place) for place, batch in enumerate(batches))
    )
    given = sorted(verdict.message.seq for part in verdicts for verdict in part if verdict.message is not None)
    assert given == list(range(2, 102))
    assert seqs(await chat.history(group)) == list(range(1, 102))


async def test_two_retries_at_once_store_one_message(chat: Chat) -> None:
    """The same entry from several callers at the same time is stored once."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    entry = message(group, ann, "only once")
    verdicts = await asyncio.gather(*(chat.store.log.append([entry], 9_000) for _ in range(8)))
    found = [verdict.outcome for (verdict,) in verdicts]
    assert sorted(found) == [Outcome.DUPLICATE] * 7 + [Outcome.STORED]
    assert len(await chat.history(group)) == 2


async def test_cancelling_the_caller_does_not_cancel_the_commit(chat: Chat) -> None:
    """A caller that gives up while its batch waits finds the message stored, also beside a row that spoils."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    bad = message(group, ann, type="system")
    entries = [message(group, ann, str(number)) for number in range(6)]
    calls = [asyncio.ensure_future(chat.store.log.append([entry, bad], 9_000)) for entry in entries]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    async with asyncio.timeout(5):
        while len(await chat.history(group)) < 7:
            await chat.store.ping()
    assert outcomes(await chat.append(*entries)) == [Outcome.DUPLICATE] * 6
