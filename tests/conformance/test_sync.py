"""Coming back, on every store: pages of the list for who knows some of it, what was missed, what changed in lists."""

from madang.contract.shapes import Message
from madang.domain.sync import MOST_MISSED, VOID
from madang.ids import new_id
from madang.ports.log import EditMessage
from madang.ports.store import Store
from madang.ports.sync import ListQuery, Missed, Place
from tests.conformance.chat import Chat, addition, message, removal


def _query(**fields: object) -> ListQuery:
    defaults: dict[str, object] = {
        "known": {}, "inbox": None, "left_since": None, "name_unknown": False, "exclude": (),
        "summaries": 100, "places": 1_000, "rows": 500, "page_rows": 50,
    }  # fmt: skip  # a list of words reads better packed
    return ListQuery(**{**defaults, **fields})  # type: ignore[arg-type]  # tests give what the fields take


def _seqs(messages: list[Message]) -> list[int]:
    return [each.seq for each in messages]


async def _missed(chat: Chat, user_id: str, room: str, known: int | None, rows: int = 200) -> Missed:
    found = await chat.store.sync.missed(user_id, room, known, rows=rows, page_rows=3)
    assert found is not None
    return found


async def test_a_page_shows_what_is_not_known_and_places_all(chat: Chat) -> None:
    """Known and unchanged: placed, not shown. A message, or a change of one's own row: shown."""
    ann, bob = await chat.users(2)
    quiet, loud, read = [await chat.group(ann, bob) for _ in range(3)]
    await chat.send(read, ann)
    first = await chat.store.sync.page(bob, _query())
    assert [summary.id for summary in first.summaries] == [read, loud, quiet]
    known = {place.conversation_id: place.version for place in first.places}
    await chat.send(loud, ann)
    await chat.read(read, bob)
    page = await chat.store.sync.page(bob, _query(known=known, inbox=first.inbox_version))
    assert [place.conversation_id for place in page.places] == [loud, read, quiet]
    assert [summary.id for summary in page.summaries] == [loud, read]
    (missed,) = page.missed
    assert (missed.place, missed.status) == (
        Place(conversation_id=loud, version=2, seq=2, member_count=2, visible_from_seq=1),
        "delta",
    )
    assert _seqs(missed.messages) == [2]
    assert missed.reads == sorted([(ann, 2), (bob, 1)])
    assert len((await chat.store.sync.page(bob, _query(known=known))).summaries) == 3
    assert len((await chat.store.sync.page(bob, _query(known=known, inbox=10**9))).summaries) == 3


async def test_a_page_ends_before_one_summary_too_many(chat: Chat) -> None:
    """What does not fit is on the next page, whatever moves meanwhile; bounds on places hold as well."""
    ann, bob = await chat.users(2)
    rooms = [await chat.group(ann, bob) for _ in range(5)][::-1]
    page = await chat.store.sync.page(bob, _query(summaries=2))
    assert ([place.conversation_id for place in page.places], page.more) == (rooms[:2], True)
    await chat.send(rooms[4], ann)
    rest = await chat.store.sync.page(bob, _query(exclude=rooms[:2]))
    assert [place.conversation_id for place in rest.places] == [rooms[4], rooms[2], rooms[3]]
    assert not rest.more
    page = await chat.store.sync.page(bob, _query(places=4))
    assert (len(page.places), page.more) == (4, True)
    only = await chat.store.sync.page(bob, _query(only=[rooms[3], new_id()]))
    assert [place.conversation_id for place in only.places] == [rooms[3]]


async def test_what_has_ended_is_named(chat: Chat) -> None:
    """By the number of the list, or because it was said to be known; not after coming back."""
    ann, bob = await chat.users(2)
    left, again = [await chat.group(ann, bob) for _ in range(2)]
    before = await chat.inbox_version(bob)
    await chat.append(removal(left, ann, bob), removal(again, ann, bob), addition(again, ann, bob))
    assert (await chat.store.sync.page(bob, _query(left_since=before))).removed == [left]
    assert (await chat.store.sync.page(bob, _query(left_since=before + 3))).removed == []
    unknown = new_id()
    page = await chat.store.sync.page(bob, _query(known={left: 1, again: 1, unknown: 1}, name_unknown=True))
    assert page.removed == sorted([left, unknown])
    assert [missed.status for missed in page.missed] == ["reset"], "what is known is of the membership before"


async def test_rows_that_do_not_fit_are_left_out_whole(chat: Chat) -> None:
    """Newest first; a conversation gets all it has missed or nothing."""
    ann, bob = await chat.users(2)
    old, new = [await chat.group(ann, bob) for _ in range(2)]
    for room in (old, new):
        await chat.append(*(message(room, ann) for _ in range(6)))
    page = await chat.store.sync.page(bob, _query(known={old: 1, new: 1}, rows=10))
    assert [(missed.place.conversation_id, missed.left_out, len(missed.messages)) for missed in page.missed] == [
        (new, False, 6),
        (old, True, 0),
    ]


async def test_a_delta_is_in_pages_by_version(chat: Chat) -> None:
    """Each page goes on where the one before ended; the last has Summary and marks."""
    ann, bob = await chat.users(2)
    room = await chat.group(ann, bob)
    await chat.append(*(message(room, ann) for _ in range(5)))
    first = await _missed(chat, bob, room, 1, rows=3)
    assert (_seqs(first.messages), first.more, first.summary, first.reads) == ([2, 3, 4], True, None, None)
    last = await _missed(chat, bob, room, 4, rows=3)
    assert (_seqs(last.messages), last.more) == ([5, 6], False)
    assert last.summary == await chat.summary(bob, room)
    assert last.reads == sorted([(ann, 6), (bob, 1)])
    nothing = await _missed(chat, bob, room, 6)
    assert (nothing.status, nothing.messages) == ("delta", [])


async def test_too_much_is_the_newest_page_and_too_new_is_void(chat: Chat) -> None:
    """The numbers of the domain decide: gap above them and for who knows nothing, reset beyond the head."""
    ann, bob = await chat.users(2)
    room = await chat.group(ann, bob)
    for _ in range(MOST_MISSED // 250):
        await chat.append(*(message(room, ann) for _ in range(250)))
    assert (await _missed(chat, bob, room, 1)).status == "delta"
    head = MOST_MISSED + 1
    for known in (0, None):
        gap = await _missed(chat, bob, room, known)
        assert (gap.status, _seqs(gap.messages)) == ("gap", [head - 2, head - 1, head])
    for known in (VOID, head + 1, 2**62):
        reset = await _missed(chat, bob, room, known)
        assert (reset.status, reset.messages) == ("reset", [])
        assert reset.summary is not None


async def test_nothing_from_before_one_s_joining(chat: Chat) -> None:
    """Rows below the first one may see are withheld, also where they change later, and quotes of them are blank."""
    ann, bob, cem = await chat.users(3)
    room = await chat.group(ann, bob)
    hidden = await chat.send(room, ann, "hidden")
    await chat.append(addition(room, ann, cem))
    known = (await chat.summary(cem, room)).version
    await chat.send(room, ann, "reply", reply_to_id=hidden.id)
    await chat.append(
        EditMessage(conversation_id=room, message_id=hidden.id, actor_id=ann, content="hidden, and edited")
    )
    missed = await _missed(chat, cem, room, known)
    assert _seqs(missed.messages) == [4]
    quote = missed.messages[0].reply_to
    assert (getattr(quote, "content", None), getattr(quote, "sender_id", "")) == ("", None)
    assert _seqs((await _missed(chat, cem, room, None)).messages) == [3, 4]
    assert [each.content for each in (await _missed(chat, bob, room, 1)).messages][1:] == [
        "reply",
        "hidden, and edited",
    ]


async def test_who_is_no_member_is_told_nothing(chat: Chat) -> None:
    """Strangers, people who left, and conversations that do not exist."""
    ann, bob, cem = await chat.users(3)
    room = await chat.group(ann, bob)
    await chat.append(removal(room, ann, bob))
    for user_id, where in ((bob, room), (cem, room), (ann, new_id())):
        assert await chat.store.sync.missed(user_id, where, 1, rows=1, page_rows=1) is None


async def test_what_was_touched_in_a_list(chat: Chat) -> None:
    """The rows that the last changes of a list were about, ended memberships included."""
    ann, bob = await chat.users(2)
    first, second = [await chat.group(ann, bob) for _ in range(2)]
    number = (await chat.store.sync.inbox_versions([bob, new_id()]))[bob]
    assert number == await chat.inbox_version(bob)
    await chat.append(removal(first, ann, bob))
    (row,) = await chat.store.sync.touched([bob], 1)
    assert (row.user_id, row.conversation_id, row.inbox_version, row.visible_from_seq) == (bob, first, number + 1, None)
    rows = await chat.store.sync.touched([ann, bob], 2)
    assert {(row.user_id, row.conversation_id, row.visible_from_seq) for row in rows} == {
        (bob, first, None), (bob, second, 1), (ann, first, 1), (ann, second, 1),
    }  # fmt: skip  # a table


async def test_another_epoch(store: Store) -> None:
    """It is a new one, and stays when the store is opened again."""
    before = store.epoch
    epoch = await store.new_epoch()
    assert epoch != before
    await store.close()
    await store.open()
    assert store.epoch == epoch


async def test_steps_count_members_by_their_marks(chat: Chat) -> None:
    """Ascending, members alone, in a room of any size: who calls knows whether it is large."""
    ann, bob, cy = await chat.users(3)
    room = await chat.group(ann, bob, cy)
    await chat.send(room, ann)
    await chat.send(room, ann)
    assert await chat.store.sync.steps(room) == [(1, 2), (3, 1)]
    await chat.read(room, bob)
    assert await chat.store.sync.steps(room) == [(1, 1), (3, 2)]
    await chat.append(removal(room, ann, cy))
    assert sum(people for _, people in await chat.store.sync.steps(room)) == 2
    assert await chat.store.sync.steps(new_id()) == []
