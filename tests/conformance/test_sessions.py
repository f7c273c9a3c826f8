"""The port `Sessions`."""

import asyncio

from madang.ids import new_id
from madang.ports.sessions import Rotation, Session
from tests.conformance.chat import Chat

DAY = 86_400_000


async def opened(chat: Chat, user_id: str, token: bytes = b"first") -> Session:
    """A session that ends after a day."""
    session = Session(id=new_id(), user_id=user_id, token_hash=token, created_at=0, expires_at=DAY)
    await chat.store.sessions.create(session)
    return session


async def rotate(chat: Chat, session: Session, presented: bytes, successor: bytes, now: int) -> Rotation:
    """A rotation with a minute of grace."""
    return await chat.store.sessions.rotate(
        session.id, presented, successor, now, expires_at=now + DAY, grace_ms=60_000
    )


async def test_a_session_is_kept_as_it_was_made(chat: Chat) -> None:
    """And an unknown id is none."""
    session = await opened(chat, await chat.user())
    assert await chat.store.sessions.get(session.id) == session
    assert await chat.store.sessions.get(new_id()) is None


async def test_a_token_is_replaced_by_its_successor(chat: Chat) -> None:
    """Each rotation puts the end off; the chain goes on."""
    session = await opened(chat, await chat.user())
    assert await rotate(chat, session, b"first", b"second", 1_000) is Rotation.ROTATED
    assert await rotate(chat, session, b"second", b"third", 2_000) is Rotation.ROTATED
    now = await chat.store.sessions.get(session.id)
    assert now is not None
    assert (now.token_hash, now.expires_at, now.revoked_at) == (b"third", 2_000 + DAY, None)


async def test_a_lost_answer_may_be_asked_for_again(chat: Chat) -> None:
    """Within the grace the token replaced last is REPEATED, changes nothing, and the grace is not put off."""
    session = await opened(chat, await chat.user())
    await rotate(chat, session, b"first", b"second", 1_000)
    for now in (1_000, 30_000, 60_999):
        assert await rotate(chat, session, b"first", b"other", now) is Rotation.REPEATED
    after = await chat.store.sessions.get(session.id)
    assert after is not None
    assert (after.token_hash, after.expires_at) == (b"second", 1_000 + DAY)
    assert await rotate(chat, session, b"first", b"second", 61_000) is Rotation.REUSED


async def test_a_token_replaced_long_ago_ends_the_session(chat: Chat) -> None:
    """Stolen: REUSED once, then nothing of the session is worth anything."""
    session = await opened(chat, await chat.user())
    await rotate(chat, session, b"first", b"second", 1_000)
    assert await rotate(chat, session, b"first", b"thief", 100_000) is Rotation.REUSED
    assert await rotate(chat, session, b"second", b"third", 100_001) is Rotation.UNKNOWN
    after = await chat.store.sessions.get(session.id)
    assert after is not None
    assert after.revoked_at == 100_000


async def test_a_thief_who_rotates_twice_is_found_out_by_the_owner(chat: Chat) -> None:
    """The owner's token is neither the present nor the last one, and still ends the session, grace or not."""
    session = await opened(chat, await chat.user())
    await rotate(chat, session, b"first", b"second", 1_000)
    await rotate(chat, session, b"second", b"third", 1_001)
    assert await rotate(chat, session, b"first", b"second", 1_002) is Rotation.REUSED
    assert await rotate(chat, session, b"third", b"fourth", 1_003) is Rotation.UNKNOWN


async def test_what_has_ended_is_unknown(chat: Chat) -> None:
    """Unknown ids, revoked sessions, and sessions from the moment they expire."""
    user = await chat.user()
    expired, revoked = await opened(chat, user), await opened(chat, user)
    await chat.store.sessions.revoke(revoked.id, 5_000)
    stranger = Session(id=new_id(), user_id=user, token_hash=b"first", created_at=0, expires_at=DAY)
    assert await rotate(chat, revoked, b"first", b"second", 5_001) is Rotation.UNKNOWN
    assert await rotate(chat, stranger, b"first", b"second", 5_001) is Rotation.UNKNOWN
    assert await rotate(chat, expired, b"first", b"second", DAY) is Rotation.UNKNOWN
    assert await chat.store.sessions.get(expired.id) == expired


async def test_two_rotations_of_one_token_never_both_win(chat: Chat) -> None:
    """Of many at once one is ROTATED and the others REPEATED."""
    session = await opened(chat, await chat.user())
    found = await asyncio.gather(*(rotate(chat, session, b"first", b"second", 1_000) for _ in range(8)))
    assert sorted(found) == [Rotation.REPEATED] * 7 + [Rotation.ROTATED]


async def test_revoking_keeps_the_first_time(chat: Chat) -> None:
    """Again, or an unknown id, changes nothing."""
    session = await opened(chat, await chat.user())
    await chat.store.sessions.revoke(session.id, 5_000)
    await chat.store.sessions.revoke(session.id, 6_000)
    await chat.store.sessions.revoke(new_id(), 6_000)
    after = await chat.store.sessions.get(session.id)
    assert after is not None
    assert after.revoked_at == 5_000


async def test_revoking_all_names_those_that_were_alive(chat: Chat) -> None:
    """Not the revoked, not the expired, not those of others."""
    ann, bob = await chat.users(2)
    alive = [await opened(chat, ann) for _ in range(3)]
    revoked, other = await opened(chat, ann), await opened(chat, bob)
    expired = Session(id=new_id(), user_id=ann, token_hash=b"x", created_at=0, expires_at=7_000)
    await chat.store.sessions.create(expired)
    await chat.store.sessions.revoke(revoked.id, 5_000)
    assert sorted(await chat.store.sessions.revoke_all(ann, 7_000)) == sorted(session.id for session in alive)
    assert await chat.store.sessions.revoke_all(ann, 7_001) == []
    for session in (*alive, other, expired):
        after = await chat.store.sessions.get(session.id)
        assert after is not None
        assert after.revoked_at == (7_000 if session in alive else None)


async def test_of_many_sessions_those_alive_are_known(chat: Chat) -> None:
    """Not those revoked, and not those that never were."""
    user = await chat.user()
    here, over = await opened(chat, user), await opened(chat, user)
    await chat.store.sessions.revoke(over.id, 1_000)
    assert await chat.store.sessions.alive([here.id, over.id, new_id()]) == {here.id}
    assert await chat.store.sessions.alive([]) == set()
