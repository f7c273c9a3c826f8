"""The port `Conversations`: lists, members, and who is told of somebody's presence."""

from madang.ids import new_id
from madang.ports.conversations import Member
from tests.conformance.chat import Chat, addition, message, removal


async def test_the_list_is_newest_first_with_a_steady_order(chat: Chat) -> None:
    """By the last message, then by id, descending; a message brings its conversation to the top."""
    ann, bob = await chat.users(2)
    groups = [await chat.group(ann, bob) for _ in range(4)]
    await chat.append(*(message(group, ann) for group in groups), now=500_000)
    first = await chat.store.conversations.inbox(ann, limit=10)
    assert [summary.id for summary in first.summaries] == sorted(groups, reverse=True)
    await chat.append(message(groups[0], bob), now=600_000)
    again = await chat.store.conversations.inbox(ann, limit=10)
    assert again.summaries[0].id == groups[0]


async def test_pages_of_the_list_join_without_hole_or_overlap(chat: Chat) -> None:
    """Paging by the place of the last one gives each conversation once, ties included."""
    ann, bob = await chat.users(2)
    groups = [await chat.group(ann, bob) for _ in range(7)]
    await chat.append(*(message(group, ann) for group in groups[:5]), now=500_000)
    seen: list[str] = []
    before: tuple[int, str] | None = None
    while True:
        page = await chat.store.conversations.inbox(bob, limit=3, before=before)
        seen += [summary.id for summary in page.summaries]
        assert len(page.summaries) <= 3
        if not page.more:
            break
        before = (500_000 if page.summaries[-1].id in groups[:5] else chat.now, page.summaries[-1].id)
    assert sorted(seen) == sorted(groups)
    assert seen[:5] == sorted(groups[:5], reverse=True)


async def test_the_list_leaves_out_what_is_excluded(chat: Chat) -> None:
    """Excluded ids take no place of the page; ids of others do no harm."""
    ann, bob = await chat.users(2)
    groups = [await chat.group(ann, bob) for _ in range(4)]
    page = await chat.store.conversations.inbox(ann, limit=2, exclude={groups[3], groups[1], new_id()})
    assert [summary.id for summary in page.summaries] == [groups[2], groups[0]]
    assert not page.more


async def test_a_page_that_fits_exactly_has_no_more(chat: Chat) -> None:
    """`more` means that there is one more."""
    ann = await chat.user()
    for _ in range(2):
        await chat.group(ann)
    assert not (await chat.store.conversations.inbox(ann, limit=2)).more
    assert (await chat.store.conversations.inbox(ann, limit=1)).more
    assert (
        await chat.store.conversations.inbox(ann, limit=5, before=(10**30, "f" * 8 + "-ffff" * 3 + "-" + "f" * 12))
    ).summaries


async def test_nobody_has_an_empty_list(chat: Chat) -> None:
    """Unknown people and people without conversations get an empty page with the number 0."""
    for user in (new_id(), await chat.user()):
        page = await chat.store.conversations.inbox(user, limit=5)
        assert (page.inbox_version, page.summaries, page.more) == (0, [], False)


async def test_a_summary_says_what_a_list_shows(chat: Chat) -> None:
    """Name, counters, last message with its sender, and one's own place."""
    ann, bob = await chat.users(2)
    group = await chat.group(ann, bob, name="Trip")
    created = (await chat.history(group))[0].created_at
    sent = await chat.send(group, ann, "last")
    summary = await chat.summary(bob, group)
    assert (summary.id, summary.type, summary.name) == (group, "group", "Trip")
    assert (summary.version, summary.last_seq, summary.member_count) == (2, 2, 2)
    assert (summary.epoch, summary.created_at) == (chat.store.epoch, created)
    assert summary.last_message is not None
    assert (summary.last_message.id, summary.last_message.sender) == (sent.id, sent.sender)
    assert summary.last_message_at == sent.created_at
    assert summary.unread_count == summary.me.unread_count == 1
    assert (summary.me.notification_enabled, summary.me.muted_until, summary.me.marked_unread) == (True, None, False)
    assert not summary.peer


async def test_faces_are_the_first_four_oneself_last(chat: Chat) -> None:
    """Others come first, the longest-standing first; oneself only where there is room; who left is gone."""
    people = await chat.users(6)
    ann, bob, cem, dan, eve, fay = people
    group = await chat.group(ann)
    for person in people[1:]:
        await chat.append(addition(group, ann, person))

    async def faces(user: str) -> str:
        return "".join(face.name for face in (await chat.summary(user, group)).faces)

    assert await faces(ann) == "BCDE"
    assert await faces(fay) == "ABCD"
    await chat.append(removal(group, bob, bob))
    assert await faces(ann) == "CDEF"
    await chat.append(removal(group, dan, dan), removal(group, eve, eve))
    assert await faces(ann) == "CFA"
    assert await faces(cem) == "AFC"
    await chat.append(addition(group, ann, bob))
    assert await faces(ann) == "CFBA"


async def test_the_peer_is_the_other_person_or_oneself(chat: Chat) -> None:
    """In a direct conversation; with their present name."""
    ann, bob = await chat.users(2)
    direct, notes = await chat.group(ann, bob, type="direct"), await chat.group(ann, type="direct")
    await chat.store.accounts.update(bob, name="Robert")
    peers = [(await chat.summary(*place)).peer for place in ((ann, direct), (bob, direct), (ann, notes))]
    assert [peer.name for peer in peers if peer] == ["Robert", "A", "A"]


async def test_summaries_are_of_ones_own_conversations(chat: Chat) -> None:
    """Asking for others, unknown ones or none gives nothing of them."""
    ann, bob, eve = await chat.users(3)
    mine, other = await chat.group(ann, eve), await chat.group(bob, eve)
    found = await chat.store.conversations.summaries(ann, [other, mine, new_id()])
    assert [summary.id for summary in found] == [mine]
    assert await chat.store.conversations.summaries(ann, []) == []


async def test_memberships_are_of_members_now(chat: Chat) -> None:
    """Role, kind, where one sees from and how far there is to see; strangers and those who left are absent."""
    ann, bob, eve = await chat.users(3)
    group = await chat.group(ann)
    await chat.append(addition(group, ann, bob, eve), removal(group, eve, eve))
    found = await chat.store.conversations.memberships(group, [ann, bob, eve, new_id()])
    assert found == {
        ann: Member(
            conversation_id=group, user_id=ann, role="owner", conversation_type="group", visible_from_seq=1,
            last_read_seq=1, last_seq=3,
        ),
        bob: Member(
            conversation_id=group, user_id=bob, role="member", conversation_type="group", visible_from_seq=2,
            last_read_seq=2, last_seq=3,
        ),
    }  # fmt: skip  # two rows of a table
    assert await chat.store.conversations.member(group, bob) == found[bob]
    assert await chat.store.conversations.member(new_id(), bob) is None
    assert await chat.store.conversations.memberships(group, []) == {}


async def test_members_are_paged_by_id(chat: Chat) -> None:
    """Each once, in the order of their ids, those who left skipped."""
    people = await chat.users(7)
    group = await chat.group(*people)
    await chat.append(removal(group, people[0], people[3]))
    seen: list[str] = []
    while page := await chat.store.conversations.members(group, limit=2, after=seen[-1] if seen else None):
        seen += [member.user.id for member in page]
    assert seen == sorted(set(people) - {people[3]})
    assert await chat.store.conversations.members(new_id(), limit=2) == []


async def test_members_are_found_by_name_or_username(chat: Chat) -> None:
    """By part of either, without regard to case, whatever script."""
    people = [await chat.user(name) for name in ("Émile Zola", "김민수", "100% Bob", "emma")]
    group = await chat.group(*people)

    async def found(query: str) -> list[str]:
        members = await chat.store.conversations.members(group, limit=9, query=query)
        return sorted(member.user.name for member in members)

    assert await found("zola") == ["Émile Zola"]
    assert await found("E\u0301MILE") == ["Émile Zola"]
    assert await found("EM") == ["emma"]
    assert await found("민수") == ["김민수"]
    assert await found("%") == ["100% Bob"]
    assert await found("USER2") == ["김민수"]
    assert await found("_") == []


async def test_presence_is_told_to_peers_and_small_recent_rooms(chat: Chat) -> None:
    """Direct peers always; of the rooms not above the size only the newest; never oneself, never who left."""
    ann, bob, cem, dan, eve, fay = await chat.users(6)
    await chat.group(ann, bob, type="direct")
    await chat.group(ann, cem)
    await chat.group(ann, dan, eve)
    large = await chat.group(ann, cem, dan, eve, fay)

    async def told(rooms: int, size: int) -> set[str]:
        return await chat.store.conversations.presence_audience(ann, rooms=rooms, room_size=size)

    assert await told(20, 50) == {bob, cem, dan, eve, fay}
    assert await told(20, 4) == {bob, cem, dan, eve}
    assert await told(1, 4) == {bob, dan, eve}
    assert await told(0, 4) == {bob}
    await chat.append(removal(large, fay, fay))
    assert await told(1, 50) == {bob, cem, dan, eve}
    assert await chat.store.conversations.presence_audience(new_id(), rooms=5, room_size=5) == set()


async def test_sharing_is_being_in_one_conversation_now(chat: Chat) -> None:
    """Of those asked for; oneself counts, who left does not."""
    ann, bob, cem, dan = await chat.users(4)
    group = await chat.group(ann, bob, cem)
    await chat.group(cem, dan)
    await chat.append(removal(group, cem, cem))
    assert await chat.store.conversations.sharing(ann, [ann, bob, cem, dan, new_id()]) == {ann, bob}
    assert await chat.store.conversations.sharing(ann, [dan]) == set()
    assert await chat.store.conversations.sharing(dan, []) == set()
