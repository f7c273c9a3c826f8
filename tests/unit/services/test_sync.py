"""Coming back: what clients say they know, and what fits into an answer."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from madang.contract.limits import LIMITS
from madang.contract.rest import SendBody
from madang.domain.sync import VOID
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id
from madang.ports.sync import Missed, Place
from madang.services.sync import ANSWER_BYTES, SYNC_ROWS, SyncService
from tests.server_parts import STORES, ServerParts, server_parts


@pytest.fixture(params=STORES)
async def parts(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ServerParts]:
    """A server's parts."""
    async with server_parts(tmp_path, store_kind=request.param) as opened:
        yield opened


@pytest.fixture
def sync(parts: ServerParts) -> SyncService:
    """The service on the store of the parts."""
    return SyncService(parts.store.sync, parts.store.epoch, LIMITS)


async def _talk(parts: ServerParts, sender: str, room: str, count: int, text: str = "hello") -> None:
    for _ in range(count):
        await parts.messages.send(sender, room, SendBody(content=text))


async def test_what_is_known_of_another_epoch_is_void(parts: ServerParts, sync: SyncService) -> None:
    """One such conversation voids the number of the list as well: it was counted in that history."""
    ours, theirs = new_id(), new_id()
    known = sync.known({ours.upper(): (parts.store.epoch, 4)}, 7)
    assert (known.versions, known.inbox, known.left_since, known.first) == ({ours: 4}, 7, 7, True)
    known = sync.known({ours: (parts.store.epoch, 4), theirs: (new_id(), 4)}, 7)
    assert (known.versions, known.inbox, known.left_since) == ({ours: 4, theirs: VOID}, None, None)


async def test_what_cannot_be_known_is_refused(sync: SyncService) -> None:
    """Too many, and names that are no ids."""
    for known in ({new_id(): ("", 1) for _ in range(LIMITS.known + 1)}, {"room": ("", 1)}):
        with pytest.raises(MadangError) as refused:
            sync.known(known, None)
        assert refused.value.code is ErrorCode.INVALID
        assert set(refused.value.details or {}) == {"known"}


async def test_an_answer_holds_as_many_messages_as_fit(parts: ServerParts, sync: SyncService) -> None:
    """Each page stays within the bytes, goes on where the one before ended, and always goes on."""
    mina = await parts.user("mina")
    room = await parts.group(mina)
    await _talk(parts, mina, room, 12, "글" * 9_900)
    version, seqs, pages = 1, [], 0
    while True:
        missed = await sync.missed(mina, room, parts.store.epoch, version)
        changes = sync.one(missed)
        assert len(msgspec.json.encode(changes.messages)) <= ANSWER_BYTES
        assert (changes.summary is UNSET) == (changes.more is True)
        seqs += [message.seq for message in changes.messages]
        version, pages = changes.version, pages + 1
        if changes.more is UNSET:
            break
    assert seqs == list(range(2, 14))
    assert pages > 1


async def test_rows_of_a_page_are_bounded(parts: ServerParts, sync: SyncService) -> None:
    """Exactly a page is one answer; one more message is another."""
    mina = await parts.user("mina")
    room = await parts.group(mina)
    await _talk(parts, mina, room, SYNC_ROWS)
    missed = await sync.missed(mina, room, parts.store.epoch, 1)
    assert (len(missed.messages), missed.more) == (SYNC_ROWS, False)
    await _talk(parts, mina, room, 1)
    missed = await sync.missed(mina, room, parts.store.epoch, 1)
    assert (len(missed.messages), missed.more, sync.one(missed).version) == (SYNC_ROWS, True, SYNC_ROWS + 1)


async def test_what_does_not_fit_into_a_list_is_behind(parts: ServerParts, sync: SyncService) -> None:
    """In the order of the list, as long as there is room; what is void needs none."""
    mina = await parts.user("mina")
    rooms = [await parts.group(mina) for _ in range(4)]
    for room in rooms[:3]:
        await _talk(parts, mina, room, 3, "글" * 9_900)
    known = dict.fromkeys(rooms, (parts.store.epoch, 1)) | {rooms[3]: (parts.store.epoch, 99)}
    page = await sync.page(mina, sync.known(known, None), ())
    statuses = {room: changes.status for room, changes in sync.changes(page.missed).items()}
    assert [statuses[room] for room in reversed(rooms)] == ["reset", "delta", "delta", "behind"]


async def test_a_page_read_again_names_what_has_ended_meanwhile(parts: ServerParts, sync: SyncService) -> None:
    """What moved is read anew, what is over is removed, the rest stands as it was read."""
    mina, joon = await parts.user("mina"), await parts.user("joon")
    same, moved, over = [await parts.group(mina, joon) for _ in range(3)]
    known = sync.known(dict.fromkeys((same, moved, over), (parts.store.epoch, 1)), None)
    page = await sync.page(joon, known, ())
    await _talk(parts, mina, moved, 1)
    await parts.conversations.remove_member(mina, over, joon)
    again = await sync.again(joon, known, page, {moved, over})
    assert again.removed == [over]
    assert {place.conversation_id: place.version for place in again.places} == {same: 1, moved: 2}
    assert [summary.id for summary in again.summaries] == [moved, same]
    assert [missed.place.conversation_id for missed in again.missed] == [moved]


async def test_without_an_epoch_a_version_says_nothing(parts: ServerParts, sync: SyncService) -> None:
    """A version counts in a history; which one must be said."""
    mina = await parts.user("mina")
    room = await parts.group(mina)
    statuses = [
        (await sync.missed(mina, room, epoch, version)).status
        for epoch, version in ((parts.store.epoch, 1), (UNSET, 1), (new_id(), 1), (parts.store.epoch, UNSET))
    ]
    assert statuses == ["delta", "reset", "reset", "gap"]


async def test_strangers_get_the_one_answer(parts: ServerParts, sync: SyncService) -> None:
    """Not a member, no such conversation, no id at all."""
    mina, joon = await parts.user("mina"), await parts.user("joon")
    room = await parts.group(mina)
    for named in (room, new_id(), "room"):
        with pytest.raises(MadangError) as refused:
            await sync.missed(joon, named, parts.store.epoch, 1)
        assert refused.value.code is ErrorCode.NOT_A_MEMBER


async def test_what_was_left_out_says_where_the_log_stands(sync: SyncService) -> None:
    """`behind` has the head and nothing else."""
    place = Place(conversation_id=new_id(), version=9, seq=9, member_count=2, visible_from_seq=1)
    (changes,) = sync.changes([Missed(place=place, status="delta", left_out=True)]).values()
    assert (changes.status, changes.version, changes.messages) == ("behind", 9, [])
