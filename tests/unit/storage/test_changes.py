"""Changes of membership among roles that no call hands out yet, set in the rows themselves."""

from sqlalchemy import Connection, update

from madang.ports.log import Outcome
from madang.storage.sqlite import SqliteStore
from madang.storage.tables import members
from tests.conformance.chat import Chat, outcomes, removal


async def set_role(store: SqliteStore, conversation_id: str, user_id: str, role: str) -> None:
    """Make somebody something else, behind the log's back."""

    def change(conn: Connection) -> None:
        here = (members.c.conversation_id == conversation_id, members.c.user_id == user_id)
        conn.execute(update(members).where(*here).values(role=role))

    await store._database.write(change)


async def test_an_admin_removes_members_only(store: SqliteStore, chat: Chat) -> None:
    """Neither another admin nor the owner; the owner removes both."""
    ann, bob, cem, dan = await chat.users(4)
    group = await chat.group(ann, bob, cem, dan)
    await set_role(store, group, bob, "admin")
    await set_role(store, group, cem, "admin")
    verdicts = await chat.append(
        removal(group, bob, cem), removal(group, bob, ann), removal(group, bob, dan), removal(group, ann, cem)
    )
    assert outcomes(verdicts) == [Outcome.FORBIDDEN, Outcome.FORBIDDEN, Outcome.STORED, Outcome.STORED]


async def test_an_admin_inherits_before_a_longer_standing_member(store: SqliteStore, chat: Chat) -> None:
    """Rank comes first, then standing."""
    ann, bob, cem = await chat.users(3)
    group = await chat.group(ann, bob, cem)
    await set_role(store, group, cem, "admin")
    (verdict,) = await chat.append(removal(group, ann, ann))
    assert verdict.commits[1].message.content == "C is the owner now"


async def test_nobody_inherits_while_an_owner_remains(store: SqliteStore, chat: Chat) -> None:
    """One commit, and the roles stay."""
    ann, bob, cem = await chat.users(3)
    group = await chat.group(ann, bob, cem)
    await set_role(store, group, cem, "owner")
    (verdict,) = await chat.append(removal(group, ann, ann))
    assert len(verdict.commits) == 1
    roles = {m.user.name: m.role for m in await store.conversations.members(group, limit=9)}
    assert roles == {"B": "member", "C": "owner"}
