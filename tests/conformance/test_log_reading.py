"""The port `ConversationLog`: history by pages, changes since a version, heads."""

import pytest

from madang.clock import from_iso
from madang.ids import new_id
from madang.ports.log import Head, PageWindow
from tests.conformance.chat import Chat, addition, message, seqs


@pytest.fixture
async def talk(chat: Chat) -> str:
    """A conversation of 20 messages, one a second: message n is made n seconds after 1970."""
    ann, bob = await chat.users(2)
    chat.now = 0
    group = await chat.group(ann, bob)
    for number in range(2, 21):
        await chat.append(message(group, ann, str(number)), now=number * 1_000)
    return group


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ({"limit": 3}, [18, 19, 20]),
        ({"limit": 50}, list(range(1, 21))),
        ({"limit": 3, "before": 18}, [15, 16, 17]),
        ({"limit": 3, "before": 2}, [1]),
        ({"limit": 3, "before": 1}, []),
        ({"limit": 3, "before": 10**30}, [18, 19, 20]),
        ({"limit": 3, "after": 5}, [6, 7, 8]),
        ({"limit": 3, "after": 19}, [20]),
        ({"limit": 3, "after": 20}, []),
        ({"limit": 3, "after": 10**30}, []),
        ({"limit": 3, "after": -5}, [1, 2, 3]),
        ({"limit": 4, "around": 10}, [8, 9, 10, 11]),
        ({"limit": 5, "around": 10}, [8, 9, 10, 11, 12]),
        ({"limit": 1, "around": 10}, [10]),
        ({"limit": 6, "around": 1}, [1, 2, 3]),
        ({"limit": 6, "around": 20}, [17, 18, 19, 20]),
        ({"limit": 6, "around": 10**30}, [18, 19, 20]),
        ({"limit": 2, "at": 10_000}, [9, 10]),
        ({"limit": 2, "at": 9_001}, [9, 10]),
        ({"limit": 2, "at": 0}, [1]),
        ({"limit": 2, "at": 10**30}, [19, 20]),
    ],
)
async def test_a_window_is_what_it_says(chat: Chat, talk: str, window: dict[str, int], expected: list[int]) -> None:
    """Oldest first; `before` and `after` exclude their bound, `around` and `at` include it."""
    assert seqs(await chat.store.log.page(talk, PageWindow(**window), 1)) == expected


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ({"limit": 5}, [16, 17, 18, 19, 20]),
        ({"limit": 50}, [15, 16, 17, 18, 19, 20]),
        ({"limit": 5, "before": 17}, [15, 16]),
        ({"limit": 5, "before": 10}, []),
        ({"limit": 2, "after": 3}, [15, 16]),
        ({"limit": 4, "around": 16}, [15, 16, 17]),
        ({"limit": 4, "around": 3}, [15, 16]),
        ({"limit": 4, "at": 3_000}, [15, 16]),
    ],
)
async def test_nothing_hidden_is_in_a_page(chat: Chat, talk: str, window: dict[str, int], expected: list[int]) -> None:
    """Whatever is asked for, the page begins where one joined."""
    assert seqs(await chat.store.log.page(talk, PageWindow(**window), 15)) == expected


async def test_at_finds_the_first_of_equal_times(chat: Chat) -> None:
    """Many messages of one millisecond do not hide the first of them."""
    ann = await chat.user()
    group = await chat.group(ann)
    await chat.append(*(message(group, ann, str(number)) for number in range(6)), now=80_000)
    assert seqs(await chat.store.log.page(group, PageWindow(limit=1, at=80_000), 1)) == [2]


@pytest.mark.parametrize("visible_from", [1, 4])
async def test_at_finds_the_first_message_not_older(chat: Chat, visible_from: int) -> None:
    """Whatever the time: before all, between two, after the last, or where several share it."""
    ann = await chat.user()
    group = await chat.group(ann)
    for now in (90_010, 90_010, 90_020, 90_050, 90_050, 90_050, 90_070):
        await chat.append(message(group, ann), now=now)
    everything = await chat.store.log.page(group, PageWindow(limit=50), visible_from)
    assert len(everything) == 9 - visible_from
    for at in (1, *range(90_005, 90_080, 5)):
        expected = next((m.seq for m in everything if from_iso(m.created_at) >= at), everything[-1].seq)
        assert seqs(await chat.store.log.page(group, PageWindow(limit=1, at=at), visible_from)) == [expected], at


async def test_pages_carry_no_epoch(chat: Chat, talk: str) -> None:
    """A page of history has it once, in the Summary."""
    assert {str(m.epoch) for m in await chat.store.log.page(talk, PageWindow(limit=3), 1)} == {"UNSET"}


async def test_no_conversation_no_history(chat: Chat) -> None:
    """An unknown id has an empty page, no slice and no head."""
    nowhere = new_id()
    assert await chat.store.log.page(nowhere, PageWindow(limit=5), 1) == []
    assert await chat.store.log.page(nowhere, PageWindow(limit=5, at=5), 1) == []
    assert await chat.store.log.since(nowhere, 0, 5) is None
    assert await chat.store.log.heads([nowhere]) == {}
    assert await chat.store.log.heads([]) == {}


async def test_since_gives_what_is_above_a_version(chat: Chat, talk: str) -> None:
    """By version, with the head of the same moment, and whether there is more."""
    part = await chat.store.log.since(talk, 15, 3)
    rest = await chat.store.log.since(talk, 18, 3)
    assert part is not None
    assert rest is not None
    assert [m.version for m in part.messages] == [16, 17, 18]
    assert {m.epoch for m in part.messages} == {chat.store.epoch}
    assert (part.head, part.more) == (Head(20, 20, 2), True)
    assert ([m.version for m in rest.messages], rest.more) == ([19, 20], False)


@pytest.mark.parametrize("version", [20, 21, 10**30])
async def test_since_the_head_is_empty(chat: Chat, talk: str, version: int) -> None:
    """At the head, or above what this history ever had, nothing has changed."""
    part = await chat.store.log.since(talk, version, 3)
    assert part is not None
    assert (part.messages, part.more) == ([], False)


async def test_heads_are_those_that_exist(chat: Chat, talk: str) -> None:
    """Many at once, each with its count of members now."""
    ann, bob = await chat.users(2)
    other = await chat.group(ann)
    await chat.append(addition(other, ann, bob))
    assert await chat.store.log.heads([talk, new_id(), other, talk]) == {talk: Head(20, 20, 2), other: Head(2, 2, 2)}


async def test_what_a_call_returned_the_next_one_sees(chat: Chat) -> None:
    """Right after a verdict every read has it."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob)
    for number in range(2, 30):
        sent = await chat.send(group, ann, str(number))
        assert (await chat.store.log.heads([group]))[group].seq == sent.seq == number
        assert (await chat.store.log.page(group, PageWindow(limit=1), 1))[0].id == sent.id
        assert (await chat.summary(bob, group)).unread_count == number - 1
